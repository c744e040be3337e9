-- One pass over open_email events up to 2026-06-01 12:00:00: one row per contact that has any.
-- fact_1: latest of open_email events that pass a filter on their properties up to 2026-06-01 12:00:00
WITH facts AS (
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
    e.contact_id
)
SELECT
  facts.contact_id,
  TRUE AS condition_1
FROM facts
WHERE
  NOT facts.fact_1 IS NULL;

-- properties_of_events = condition_1
