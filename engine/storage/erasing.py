"""Removing one contact's rows from every table, and keeping what it did as totals that name nobody."""

from __future__ import annotations

import duckdb

_EVENTS = """
    SELECT kind, occurred_at FROM timeline WHERE contact_id = $1
    UNION ALL
    SELECT 'custom_event.' || event_name, occurred_at FROM custom_events
    WHERE contact_id = $1 AND superseded_at IS NULL AND deleted_at IS NULL
"""

_ERASED_TABLES = ("timeline", "custom_events", "subscriptions", "outbox", "webhook_outbox", "webhook_deliveries")


def add_to_anonymous_totals(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> None:
    """Add a contact's events to the totals by kind and month (UTC), one row for each of them."""
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE new_totals AS
        WITH own AS (
            SELECT kind, date_trunc('month', occurred_at)::DATE AS month, count(*) AS event_count
            FROM ({_EVENTS}) GROUP BY kind, month
        )
        SELECT kind, month, own.event_count + coalesce(old.event_count, 0) AS event_count
        FROM own LEFT JOIN anonymous_totals AS old USING (kind, month)
        """,
        [contact_id],
    )
    cursor.execute(
        """
        DELETE FROM anonymous_totals USING new_totals
        WHERE anonymous_totals.kind = new_totals.kind AND anonymous_totals.month = new_totals.month
        """
    )
    cursor.execute("INSERT INTO anonymous_totals BY NAME SELECT * FROM new_totals")
    cursor.execute("DROP TABLE new_totals")


def erase_rows(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> None:
    """Remove all that a contact did and is subscribed to, what was to be mailed to it, and what is kept of earlier."""
    _reveal_versions(cursor, contact_id)
    _forget_earlier(cursor, contact_id)
    for table in _ERASED_TABLES:
        cursor.execute(f"DELETE FROM {table} WHERE contact_id = $1", [contact_id])


def _forget_earlier(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> None:
    """Remove what it was before merges, with all who were merged into it, and every identity that was ever theirs."""
    merged = """
        WITH RECURSIVE merged AS (
            SELECT $1::INTEGER AS contact_id
            UNION
            SELECT r.contact_id FROM retired AS r JOIN merged ON r.merged_into = merged.contact_id
        )
    """
    cursor.execute(
        f"""
        {merged}
        DELETE FROM earlier_identities WHERE identity IN (
            SELECT e.identity FROM earlier_identities AS e JOIN merged ON e.owner_id = merged.contact_id
            UNION
            SELECT i.identity FROM identities AS i WHERE i.contact_id = $1
        )
        """,
        [contact_id],
    )
    cursor.execute(
        f"{merged} UPDATE retired SET last_row = NULL WHERE contact_id IN (SELECT contact_id FROM merged)", [contact_id]
    )


def _reveal_versions(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> None:
    """Let versions of other contacts count again that one of this contact's superseded: files may bring such in."""
    cursor.execute(
        """
        UPDATE custom_events SET superseded_at = kept.next_at
        FROM (
            SELECT x.rowid AS id, lead(x.occurred_at) OVER (
                PARTITION BY x.event_name, x.external_id ORDER BY x.occurred_at) AS next_at
            FROM custom_events AS x SEMI JOIN (FROM custom_events WHERE contact_id = $1) AS gone
                ON gone.event_name = x.event_name AND gone.external_id = x.external_id
            WHERE x.contact_id <> $1
        ) AS kept
        WHERE kept.id = custom_events.rowid AND custom_events.superseded_at IS DISTINCT FROM kept.next_at
        """,
        [contact_id],
    )
