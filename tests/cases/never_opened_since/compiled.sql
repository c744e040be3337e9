-- One pass over open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00: one row per contact that has any.
-- fact_1: latest of open_email events up to 2026-06-01 12:00:00
CREATE OR REPLACE TEMPORARY TABLE events_1_open_email AS
SELECT
  e.contact_id,
  MAX(e.occurred_at) AS fact_1
FROM timeline AS e
WHERE
  e.kind = 'open_email'
  AND e.occurred_at > CAST('2026-05-02 12:00:00' AS TIMESTAMP)
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP)
GROUP BY
  e.contact_id;

-- Who is in which segment at 2026-06-01 12:00:00: one row per contact, one column per segment.
SELECT
  c.contact_id,
  NOT (
    COALESCE(events_1_open_email.fact_1 > CAST('2026-05-02 12:00:00' AS TIMESTAMP), FALSE)
  )
  AND NOT c.orders_count IS NULL AS "never_opened_since"
FROM contacts AS c
LEFT JOIN events_1_open_email
  ON events_1_open_email.contact_id = c.contact_id;
