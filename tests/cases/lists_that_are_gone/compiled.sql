-- The subscriptions to list 'news': one row per contact on it.
SELECT
  s.contact_id,
  TRUE AS condition_1,
  s.status = 'unsubscribed' AS condition_2
FROM subscriptions AS s
WHERE
  s.list_id = 'news';

-- lists_that_are_gone = condition_1 AND NOT nobody AND NOT condition_2
