-- The fields of the contacts: one row per contact.
SELECT
  c.contact_id,
  TRUE AS condition_2
FROM contacts AS c
WHERE
  NOT c.orders_count IS NULL;

-- One pass over open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00: one row per contact that has any.
-- fact_1: latest of open_email events up to 2026-06-01 12:00:00
SELECT DISTINCT
  e.contact_id,
  TRUE AS condition_1
FROM timeline AS e
WHERE
  e.kind = 'open_email'
  AND e.occurred_at > CAST('2026-05-02 12:00:00' AS TIMESTAMP)
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP);

-- never_opened_since = NOT condition_1 AND condition_2
