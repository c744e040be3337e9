-- Each of the open_email events that pass a filter on their properties up to 2026-06-01 12:00:00: one row per event, to be counted.
-- condition_1: number of open_email events that pass a filter on their properties up to 2026-06-01 12:00:00 at least 1
SELECT
  e.contact_id,
  e.occurred_at
FROM timeline AS e
WHERE
  e.kind = 'open_email'
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP)
  AND JSON_EXTRACT_STRING(e.properties, '/device') = 'phone'
  AND JSON_TYPE(e.properties, '/device') = 'VARCHAR';

-- properties_of_events = condition_1
