-- One pass over open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00: one row per contact that has any.
-- fact_1: number of open_email events after 2026-05-02 12:00:00 up to 2026-06-01 12:00:00
-- fact_2: latest of open_email events of template 't2' up to 2026-06-01 12:00:00
WITH facts AS (
  SELECT
    e.contact_id,
    COUNT(*) AS fact_1,
    MAX(e.occurred_at) FILTER(WHERE
      e.template_id = 't2') AS fact_2
  FROM timeline AS e
  WHERE
    e.kind = 'open_email'
    AND e.occurred_at > CAST('2026-05-02 12:00:00' AS TIMESTAMP)
    AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP)
  GROUP BY
    e.contact_id
)
SELECT
  facts.contact_id,
  facts.fact_1 = 2 AS condition_1,
  COALESCE(facts.fact_2 > CAST('2026-05-02 12:00:00' AS TIMESTAMP), FALSE) AS condition_2
FROM facts;

-- opens_on_the_edge_of_30_days = condition_1 OR condition_2
