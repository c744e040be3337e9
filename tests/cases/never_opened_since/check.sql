SELECT email FROM contacts
WHERE orders_count IS NOT NULL AND NOT EXISTS (
  FROM timeline
  WHERE timeline.contact_id = contacts.contact_id AND kind = 'open_email'
    AND occurred_at > TIMESTAMP '2026-05-02 12:00:00' AND occurred_at <= TIMESTAMP '2026-06-01 12:00:00'
);
