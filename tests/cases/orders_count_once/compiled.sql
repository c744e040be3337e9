-- Each of the custom_event.order events from 2026-05-29 22:00:00 up to 2026-06-01 12:00:00: one row per event, to be counted.
-- condition_1: number of custom_event.order events from 2026-05-29 22:00:00 up to 2026-06-01 12:00:00 = 2
SELECT
  e.contact_id,
  e.occurred_at
FROM (
  SELECT
    x.contact_id,
    x.occurred_at,
    CAST(NULL AS TEXT) AS template_id,
    x.properties
  FROM custom_events AS x
  WHERE
    x.event_name = 'order'
    AND (
      x.deleted_at IS NULL
      OR x.deleted_at >= CAST('2026-06-01 12:00:00.000001' AS TIMESTAMP)
    )
    AND (
      x.superseded_at IS NULL
      OR x.superseded_at >= CAST('2026-06-01 12:00:00.000001' AS TIMESTAMP)
    )
  UNION ALL
  SELECT
    x.contact_id,
    x.occurred_at,
    x.template_id,
    x.properties
  FROM timeline AS x
  WHERE
    x.kind = 'custom_event.order'
) AS e
WHERE
  e.occurred_at >= CAST('2026-05-29 22:00:00' AS TIMESTAMP)
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP);

-- orders_count_once = condition_1
