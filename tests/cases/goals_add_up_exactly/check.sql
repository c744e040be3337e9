SELECT email FROM contacts WHERE contact_id IN (
  SELECT contact_id FROM custom_events
  WHERE goal_type = 'purchase' AND occurred_at <= TIMESTAMP '2026-06-01 12:00:00'
    AND (deleted_at IS NULL OR deleted_at > TIMESTAMP '2026-06-01 12:00:00')
    AND (superseded_at IS NULL OR superseded_at > TIMESTAMP '2026-06-01 12:00:00')
  GROUP BY contact_id
  HAVING sum(goal_value) = 0.3 AND sum(goal_value) / count(goal_value) <= 0.3
);
