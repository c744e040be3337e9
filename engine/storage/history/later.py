"""What a store knows of changes after an instant."""

from __future__ import annotations

from datetime import datetime

import duckdb

LATER = "later_entries"
"""The temporary table of entries after the instant that say what was before them."""

_SAYS_MORE = "ingested_at > $1 AND (changes IS NOT NULL OR old_values IS NOT NULL)"


def has_later_changes(cursor: duckdb.DuckDBPyConnection, at: datetime) -> bool:
    """Whether anything but events came in after an instant (naive, UTC).

    Entries lie in the order in which they came, so that for a recent instant only the last ones are looked at.
    """
    ((found,),) = cursor.execute(
        f"""
        SELECT EXISTS (SELECT 1 FROM timeline WHERE {_SAYS_MORE})
            OR EXISTS (SELECT 1 FROM earlier_identities WHERE until_at > $1)
            OR EXISTS (SELECT 1 FROM earlier_lists WHERE until_at > $1)
            OR EXISTS (SELECT 1 FROM retired WHERE retired_at > $1)
        """,
        [at],
    ).fetchall()
    return bool(found)


def read_later_entries(cursor: duckdb.DuckDBPyConnection, at: datetime, contact_id: int | None) -> None:
    """Make the temporary table: entries under the contact that they were written of, whoever has them now.

    With `contact_id`, the entries of this contact alone. Columns: contact_id, kind, entity_type, entity_id, sequence,
    changes, old_values.
    """
    of_contact = "" if contact_id is None else "AND contact_id = $2"
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {LATER} AS
        SELECT coalesce(original_contact_id, contact_id) AS contact_id, kind, entity_type, entity_id, sequence,
            changes, old_values
        FROM timeline WHERE {_SAYS_MORE} {of_contact}
        """,
        [at] if contact_id is None else [at, contact_id],
    )


def touch_changed_later(cursor: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """Note the contacts that changed after an instant as those whose memberships may be others since."""
    cursor.execute(
        f"""
        INSERT INTO touched
        SELECT contact_id FROM timeline WHERE {_SAYS_MORE}
        UNION
        SELECT contact_id FROM retired WHERE retired_at > $1
        UNION
        SELECT contact_id FROM identities SEMI JOIN earlier_identities AS e ON e.identity = identities.identity
            AND e.until_at > $1
        UNION
        SELECT owner_id FROM earlier_identities WHERE until_at > $1 AND owner_id IS NOT NULL
        UNION
        SELECT contact_id FROM subscriptions SEMI JOIN earlier_lists AS e ON e.list_id = subscriptions.list_id
            AND e.until_at > $1
        """,
        [at],
    )
