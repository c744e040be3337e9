-- Who is in which segment at 2026-06-01 12:00:00: one row per contact, one column per segment.
SELECT
  c.contact_id,
  (
    COALESCE(
      CASE
        WHEN JSON_TYPE(c.custom_json_1, '/plan/tier') IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE')
        THEN TRY_CAST(JSON_EXTRACT_STRING(c.custom_json_1, '/plan/tier') AS DOUBLE)
      END >= 2,
      FALSE
    )
    OR COALESCE(
      COALESCE(
        LIST_HAS_ANY(
          LIST_TRANSFORM(
            TRY_CAST(CASE
              WHEN NOT JSON_EXTRACT_STRING(c.custom_json_1, '/plan/tags') IS NULL
              THEN JSON_EXTRACT(c.custom_json_1, '/plan/tags')
            END AS JSON[]),
            LAMBDA element : CASE
              WHEN JSON_TYPE(element, '') = 'VARCHAR'
              THEN JSON_EXTRACT_STRING(element, '')
            END
          ),
          ['x']
        ),
        FALSE
      ),
      FALSE
    )
  ) AS "json_of_the_asked_type"
FROM contacts AS c;
