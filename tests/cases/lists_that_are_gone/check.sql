-- The list "gone" is deleted, so that nobody is on it.
SELECT email FROM contacts JOIN subscriptions USING (contact_id)
WHERE list_id = 'news' AND status <> 'unsubscribed';
