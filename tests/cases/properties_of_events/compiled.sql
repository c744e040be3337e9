-- One pass over open_email events up to 2026-06-01 12:00:00: one row per contact that has any.
-- fact_1: latest of open_email events that pass a filter on their properties up to 2026-06-01 12:00:00
CREATE OR REPLACE TEMPORARY TABLE events_1_open_email AS
SELECT
  e.contact_id,
  MAX(e.occurred_at) FILTER(WHERE
    COALESCE(
      CASE
        WHEN JSON_TYPE(e.properties, '/device') = 'VARCHAR'
        THEN JSON_EXTRACT_STRING(e.properties, '/device')
      END = 'phone',
      FALSE
    )) AS fact_1
FROM timeline AS e
WHERE
  e.kind = 'open_email'
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP)
GROUP BY
  e.contact_id;

-- Who is in which segment at 2026-06-01 12:00:00: one row per contact, one column per segment.
SELECT
  c.contact_id,
  NOT events_1_open_email.fact_1 IS NULL AS "properties_of_events"
FROM contacts AS c
LEFT JOIN events_1_open_email
  ON events_1_open_email.contact_id = c.contact_id;
