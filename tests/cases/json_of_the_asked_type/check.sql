SELECT email FROM contacts
WHERE (json_type(custom_json_1, '$.plan.tier') IN ('UBIGINT', 'DOUBLE')
       AND TRY_CAST(custom_json_1 ->> '$.plan.tier' AS DOUBLE) >= 2)
   OR (json_type(custom_json_1, '$.plan.tags') = 'ARRAY' AND custom_json_1 ->> '$.plan.tags' LIKE '%"x"%');
