SELECT email FROM contacts
WHERE country IS DISTINCT FROM 'US' AND (country IS NULL OR country NOT ILIKE '%f%');
