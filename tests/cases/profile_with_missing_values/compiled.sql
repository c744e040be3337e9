-- The fields of the contacts: one row per contact.
SELECT
  c.contact_id,
  COALESCE(c.country = 'US', FALSE) AS condition_1,
  COALESCE(CONTAINS(LOWER(c.country), 'f'), FALSE) AS condition_2
FROM contacts AS c;

-- profile_with_missing_values = NOT condition_1 AND NOT condition_2
