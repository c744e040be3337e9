"""Schema version 2: what single writes need: identities of every kind, changes with old and new values, tags, fields.

`retired` completes the dense numbering: every id below the next one is in contacts or in `retired`.
"""

from __future__ import annotations

STATEMENTS = (
    # profile: free keys, one JSON object. phone_is_valid: whether the phone is in E.164; NULL where there is none.
    "ALTER TABLE contacts ADD COLUMN profile VARCHAR",
    "ALTER TABLE contacts ADD COLUMN phone_is_valid BOOLEAN",
    "UPDATE contacts SET phone_is_valid = regexp_full_match(phone, '\\+[1-9][0-9]{6,14}') WHERE phone IS NOT NULL",
    # An identity is its kind, a colon, and its value: one text, because only a key of one column finds a row at once.
    "CREATE TABLE email_identities AS SELECT email, contact_id FROM identities",
    "DROP TABLE identities",
    "CREATE TABLE identities (identity VARCHAR PRIMARY KEY, contact_id INTEGER)",
    "INSERT INTO identities SELECT 'email:' || email, contact_id FROM email_identities",
    "DROP TABLE email_identities",
    # What several contacts claim belongs to the oldest of them.
    """
    INSERT INTO identities
    SELECT 'external_id:' || external_id, arg_min(contact_id, (coalesce(created_at, TIMESTAMP '9999-12-31'), email))
    FROM contacts WHERE external_id <> '' GROUP BY external_id
    """,
    """
    INSERT INTO identities
    SELECT 'phone:' || phone, arg_min(contact_id, (coalesce(created_at, TIMESTAMP '9999-12-31'), email))
    FROM contacts WHERE phone_is_valid GROUP BY phone
    """,
    # changes: {field: {"old": ..., "new": ...}} of entries that say what a write changed.
    "ALTER TABLE timeline ADD COLUMN changes VARCHAR",
    "ALTER TABLE lists ADD COLUMN welcome_template_id VARCHAR",
    "ALTER TABLE lists ADD COLUMN unsubscribe_template_id VARCHAR",
    "ALTER TABLE lists ADD COLUMN confirmation_template_id VARCHAR",
    "ALTER TABLE subscriptions ADD COLUMN updated_at TIMESTAMP",
    # Contacts that are no more: merged into another one, or deleted.
    "CREATE TABLE retired (contact_id INTEGER, merged_into INTEGER, retired_at TIMESTAMP)",
    # A field that a user defined is a column of contacts by its key; retired_at: no longer read or written.
    "CREATE TABLE custom_fields (key VARCHAR, label VARCHAR, type VARCHAR, created_at TIMESTAMP, retired_at TIMESTAMP)",
    # The tags that have a colour or stand for themselves; contacts.tags holds names.
    "CREATE TABLE tags (name VARCHAR, color VARCHAR, created_at TIMESTAMP)",
    # What must be mailed; written with the change that asks for it, and removed by whoever has mailed it.
    """
    CREATE TABLE outbox (
        sequence BIGINT, mail VARCHAR, contact_id INTEGER, list_id VARCHAR, template_id VARCHAR, created_at TIMESTAMP
    )
    """,
    # SHA-256 with the workspace's secret of e-mails that must not come in again.
    "CREATE TABLE suppressed (email_hash VARCHAR PRIMARY KEY, suppressed_at TIMESTAMP)",
    # What deleted contacts did, as totals that name nobody.
    "CREATE TABLE anonymous_totals (kind VARCHAR, month DATE, event_count BIGINT)",
    # Who changed since memberships were computed; the same contact may stand here twice.
    "CREATE TABLE touched (contact_id INTEGER)",
    # Settings by name, each a JSON value.
    "CREATE TABLE settings (name VARCHAR, value VARCHAR)",
    """INSERT INTO settings VALUES ('merging_identities', '["email","phone"]')""",
    # What signs links and hides suppressed e-mails: 244 random bits of this workspace.
    "INSERT INTO settings VALUES ('secret', to_json(uuid()::VARCHAR || uuid()::VARCHAR))",
)
