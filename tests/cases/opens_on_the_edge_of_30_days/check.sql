-- (as_of - 30 * 24 h, as_of]
WITH opens AS (
  SELECT contact_id, count(*) AS n, bool_or(template_id = 't2') AS t2
  FROM timeline
  WHERE kind = 'open_email'
    AND occurred_at > TIMESTAMP '2026-06-01 12:00:00' - INTERVAL 720 HOUR
    AND occurred_at <= TIMESTAMP '2026-06-01 12:00:00'
  GROUP BY ALL
)
SELECT email FROM contacts JOIN opens USING (contact_id) WHERE n = 2 OR t2;
