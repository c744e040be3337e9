-- After the whole of 29 May in Paris, which is two hours ahead of UTC then.
WITH orders AS (
  SELECT contact_id, occurred_at FROM custom_events
  WHERE event_name = 'order' AND (deleted_at IS NULL OR deleted_at > TIMESTAMP '2026-06-01 12:00:00')
    AND (superseded_at IS NULL OR superseded_at > TIMESTAMP '2026-06-01 12:00:00')
  UNION ALL
  SELECT contact_id, occurred_at FROM timeline
  WHERE kind = 'custom_event.order' AND entity_id IS NULL
)
SELECT email FROM contacts WHERE contact_id IN (
  SELECT contact_id FROM orders
  WHERE occurred_at >= TIMESTAMP '2026-05-29 22:00:00' AND occurred_at <= TIMESTAMP '2026-06-01 12:00:00'
  GROUP BY contact_id HAVING count(*) = 2
);
