-- The fields of the contacts: one row per contact.
SELECT
  c.contact_id,
  TRUE AS condition_2
FROM contacts AS c
WHERE
  NOT c.orders_count IS NULL;

-- Each of the open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00: one row per event, to be counted.
-- condition_1: number of open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00 at least 1
SELECT
  e.contact_id,
  e.occurred_at
FROM timeline AS e
WHERE
  e.kind = 'open_email'
  AND e.occurred_at > CAST('2026-05-02 12:00:00' AS TIMESTAMP)
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP);

-- never_opened_since = NOT condition_1 AND condition_2
