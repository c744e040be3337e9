-- The fields of the contacts: one row per contact.
SELECT
  c.contact_id,
  COALESCE(
    TRY_CAST(CAST(JSON_EXTRACT(c.custom_json_1, '/plan/tier') AS TEXT) AS DOUBLE) >= 2,
    FALSE
  ) AS condition_1,
  COALESCE(
    COALESCE(
      LIST_CONTAINS(JSON_EXTRACT(JSON_EXTRACT(c.custom_json_1, '/plan/tags'), '$[*]'), TO_JSON('x')),
      FALSE
    ),
    FALSE
  ) AS condition_2
FROM contacts AS c;

-- json_of_the_asked_type = condition_1 OR condition_2
