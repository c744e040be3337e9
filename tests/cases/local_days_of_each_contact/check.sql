-- The database's own time zones, row by row, instead of edges per zone.
WITH zoned AS (
  SELECT contact_id, email, created_at,
         CASE WHEN zone_id = 0 THEN 'UTC' ELSE timezone END AS zone
  FROM contacts
), clicks AS (
  SELECT contact_id, count(*) AS n
  FROM timeline JOIN zoned USING (contact_id)
  WHERE kind = 'click_email'
    AND ((occurred_at AT TIME ZONE 'UTC') AT TIME ZONE zone)::DATE = DATE '2026-03-08'
  GROUP BY ALL
)
SELECT email FROM zoned LEFT JOIN clicks USING (contact_id)
WHERE n = 1 OR ((created_at AT TIME ZONE 'UTC') AT TIME ZONE zone)::DATE = DATE '2026-05-25';
