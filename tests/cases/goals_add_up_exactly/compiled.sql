-- One pass over purchase goals up to 2026-06-01 12:00:00: one row per contact that has any.
-- fact_1: sum of the values of purchase goals up to 2026-06-01 12:00:00
-- fact_2: number of the values of purchase goals up to 2026-06-01 12:00:00
WITH facts AS (
  SELECT
    e.contact_id,
    SUM(e.goal_value) AS fact_1,
    COUNT(e.goal_value) AS fact_2
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
    AND e.occurred_at <= CAST('2026-06-01 12:00:00' AS TIMESTAMP)
  GROUP BY
    e.contact_id
)
SELECT
  facts.contact_id,
  COALESCE(facts.fact_1, 0) = 0.3 AS condition_1,
  COALESCE(
    CAST(facts.fact_2 AS DECIMAL(9, 0)) > 0
    AND facts.fact_1 <= 0.3 * CAST(facts.fact_2 AS DECIMAL(9, 0)),
    FALSE
  ) AS condition_2
FROM facts;

-- goals_add_up_exactly = condition_1 AND condition_2
