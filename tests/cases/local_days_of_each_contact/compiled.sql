-- Where local days start and end, in UTC, for every time zone that contacts have.
CREATE OR REPLACE TEMPORARY TABLE zone_edges AS
SELECT
  *
FROM (VALUES
  (
    0,
    CAST('2026-03-08 00:00:00' AS TIMESTAMP),
    CAST('2026-03-09 00:00:00' AS TIMESTAMP),
    CAST('2026-05-25 00:00:00' AS TIMESTAMP),
    CAST('2026-05-26 00:00:00' AS TIMESTAMP)
  ),
  (
    127,
    CAST('2026-03-08 05:00:00' AS TIMESTAMP),
    CAST('2026-03-09 04:00:00' AS TIMESTAMP),
    CAST('2026-05-25 04:00:00' AS TIMESTAMP),
    CAST('2026-05-26 04:00:00' AS TIMESTAMP)
  ),
  (
    171,
    CAST('2026-03-08 05:00:00' AS TIMESTAMP),
    CAST('2026-03-09 04:00:00' AS TIMESTAMP),
    CAST('2026-05-25 04:00:00' AS TIMESTAMP),
    CAST('2026-05-26 04:00:00' AS TIMESTAMP)
  ),
  (
    359,
    CAST('2026-03-07 13:00:00' AS TIMESTAMP),
    CAST('2026-03-08 13:00:00' AS TIMESTAMP),
    CAST('2026-05-24 13:30:00' AS TIMESTAMP),
    CAST('2026-05-25 13:30:00' AS TIMESTAMP)
  )) AS edges(zone_id, window_1_start, window_1_end, window_2_start, window_2_end);

-- The fields of the contacts: one row per contact.
SELECT
  c.contact_id,
  TRUE AS condition_2
FROM contacts AS c
JOIN zone_edges AS z
  ON z.zone_id = c.zone_id
WHERE
  c.created_at >= z.window_2_start AND c.created_at < z.window_2_end;

-- One pass over click_email events from 2026-03-07 13:00:00 before 2026-03-09 04:00:00: one row per contact that has any.
-- fact_1: number of click_email events in each contact's own days, from 2026-03-07 13:00:00 before 2026-03-09 04:00:00
WITH facts AS (
  SELECT
    e.contact_id,
    COUNT(*) AS fact_1
  FROM timeline AS e
  JOIN contacts AS c
    ON c.contact_id = e.contact_id
  JOIN zone_edges AS z
    ON z.zone_id = c.zone_id
  WHERE
    e.kind = 'click_email'
    AND e.occurred_at >= CAST('2026-03-07 13:00:00' AS TIMESTAMP)
    AND e.occurred_at < CAST('2026-03-09 04:00:00' AS TIMESTAMP)
    AND e.occurred_at >= z.window_1_start
    AND e.occurred_at < z.window_1_end
  GROUP BY
    e.contact_id
)
SELECT
  facts.contact_id,
  TRUE AS condition_1
FROM facts
WHERE
  facts.fact_1 = 1;

-- local_days_of_each_contact = condition_1 OR condition_2
