-- Each of the open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00: one row per event, to be counted.
-- condition_1: number of open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00 = 2
SELECT
  e.contact_id,
  e.occurred_at
FROM timeline AS e
WHERE
  e.kind = 'open_email'
  AND e.occurred_at > CAST('2026-05-02 12:00:00' AS TIMESTAMP)
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP);

-- Each of the open_email events of template 't2' after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00: one row per event, to be counted.
-- condition_2: number of open_email events of template 't2' after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00 at least 1
SELECT
  e.contact_id,
  e.occurred_at
FROM timeline AS e
WHERE
  e.kind = 'open_email'
  AND e.occurred_at > CAST('2026-05-02 12:00:00' AS TIMESTAMP)
  AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP)
  AND e.template_id = 't2';

-- opens_on_the_edge_of_30_days = condition_1 OR condition_2
