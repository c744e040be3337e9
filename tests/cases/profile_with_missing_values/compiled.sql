-- Who is in which segment at 2026-06-01 12:00:00: one row per contact, one column per segment.
SELECT
  c.contact_id,
  NOT (
    COALESCE(c.country = 'US', FALSE)
  )
  AND NOT (
    COALESCE(CONTAINS(LOWER(c.country), 'f'), FALSE)
  ) AS "profile_with_missing_values"
FROM contacts AS c;
