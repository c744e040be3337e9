-- Each of the purchase goals up to 2026-06-01 12:00:00: one row per event, to be counted.
-- condition_1: sum of the values of purchase goals up to 2026-06-01 12:00:00 at least 0.3 and at most 0.3
-- condition_2: sum of the values of purchase goals up to 2026-06-01 12:00:00, divided by their number, at most 0.3
SELECT
  e.contact_id,
  e.occurred_at,
  e.goal_value AS value
FROM (
  SELECT
    x.contact_id,
    x.occurred_at,
    x.goal_type,
    x.goal_name,
    x.goal_value
  FROM custom_events AS x
  WHERE
    (
      x.deleted_at IS NULL
      OR x.deleted_at >= CAST('2026-06-01 12:00:00.000001' AS TIMESTAMP)
    )
    AND (
      x.superseded_at IS NULL
      OR x.superseded_at >= CAST('2026-06-01 12:00:00.000001' AS TIMESTAMP)
    )
) AS e
WHERE
  e.goal_type = 'purchase'
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP);

-- goals_add_up_exactly = condition_1 AND condition_2
