"""Schema version 3: what is needed to know contacts, lists and events as they were at an instant that has passed."""

from __future__ import annotations

STATEMENTS = (
    # From when on what contacts were can be told exactly; NULL: from the beginning. Who came in before this version, or
    # with a file, brought no history. `now()` is right here and nowhere else: the migration is the event.
    "ALTER TABLE workspace ADD COLUMN exact_since TIMESTAMP",
    """
    UPDATE workspace SET exact_since = now() AT TIME ZONE 'UTC'
    WHERE EXISTS (SELECT 1 FROM contacts UNION ALL SELECT 1 FROM retired)
    """,
    # old_values: {column: value before the entry} of what `changes` does not say: tags, updated_at, and for a merge the
    # statuses by list. original_contact_id: whose it was when it was written, where that contact was merged since.
    "ALTER TABLE timeline ADD COLUMN old_values VARCHAR",
    "ALTER TABLE timeline ADD COLUMN original_contact_id INTEGER",
    "ALTER TABLE custom_events ADD COLUMN original_contact_id INTEGER",
    # What a contact was when it was merged into another one: a JSON object of columns; NULL for who was deleted.
    "ALTER TABLE retired ADD COLUMN last_row VARCHAR",
    # Who had an identity until an instant (owner_id NULL: nobody), and when a list had been deleted until then.
    "CREATE TABLE earlier_identities (sequence BIGINT, identity VARCHAR, owner_id INTEGER, until_at TIMESTAMP)",
    "CREATE TABLE earlier_lists (sequence BIGINT, list_id VARCHAR, deleted_at TIMESTAMP, until_at TIMESTAMP)",
)
