-- Each contact's status on the lists that are asked for.
-- status_1: status on list 'news'
CREATE OR REPLACE TEMPORARY TABLE subscription_statuses AS
SELECT
  s.contact_id,
  MAX(s.status) FILTER(WHERE
    s.list_id = 'news') AS status_1
FROM subscriptions AS s
WHERE
  s.list_id IN ('news')
GROUP BY
  s.contact_id;

-- Who is in which segment at 2026-06-01 12:00:00: one row per contact, one column per segment.
SELECT
  c.contact_id,
  NOT subscription_statuses.status_1 IS NULL
  AND NOT (
    FALSE
  )
  AND NOT (
    COALESCE(subscription_statuses.status_1 = 'unsubscribed', FALSE)
  ) AS "lists_that_are_gone"
FROM contacts AS c
LEFT JOIN subscription_statuses
  ON subscription_statuses.contact_id = c.contact_id;
