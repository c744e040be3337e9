SELECT DISTINCT email FROM contacts JOIN timeline USING (contact_id)
WHERE kind = 'open_email' AND occurred_at <= TIMESTAMP '2026-06-01 12:00:00'
  AND properties ->> '$.device' = 'phone';
