"""Whose identities and events were: before contacts were merged, and identities given and taken."""

from __future__ import annotations

from datetime import datetime

import duckdb


def owner_at(cursor: duckdb.DuckDBPyConnection, identity: str, at: datetime) -> int | None:
    """The contact that was known by an identity (as stored) at an instant (naive, UTC); None for nobody."""
    rows = cursor.execute(
        """
        SELECT owner_id FROM earlier_identities WHERE identity = $1 AND until_at > $2
        ORDER BY sequence, until_at LIMIT 1
        """,
        [identity, at],
    ).fetchall()
    rows = rows or cursor.execute("SELECT contact_id FROM identities WHERE identity = $1", [identity]).fetchall()
    return rows[0][0] if rows else None


def rewind_identities(cursor: duckdb.DuckDBPyConnection, tables: str, at: datetime) -> None:
    """Let the cursor see by what contacts were known."""
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE earlier_owners AS
        SELECT identity, owner_id FROM earlier_identities WHERE until_at > $1
        QUALIFY row_number() OVER (PARTITION BY identity ORDER BY sequence, until_at) = 1
        """,
        [at],
    )
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW identities AS
        SELECT identity, contact_id FROM {tables}.identities ANTI JOIN earlier_owners USING (identity)
        UNION ALL
        SELECT identity, owner_id FROM earlier_owners WHERE owner_id IS NOT NULL
        """
    )


def rewind_events(cursor: duckdb.DuckDBPyConnection, tables: str, at: datetime) -> None:
    """Let the cursor see events as those of the contacts that were merged into others later."""
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE owners_of_events AS
        WITH RECURSIVE chain AS (
            SELECT contact_id AS original_contact_id, contact_id AS owner_id FROM retired
            UNION ALL
            SELECT chain.original_contact_id, r.merged_into
            FROM chain JOIN retired AS r ON r.contact_id = chain.owner_id
            WHERE r.retired_at <= $1 AND r.merged_into IS NOT NULL
        )
        SELECT original_contact_id, owner_id FROM chain JOIN retired AS r ON r.contact_id = chain.owner_id
        WHERE r.retired_at > $1 AND r.last_row IS NOT NULL
        """,
        [at],
    )
    ((is_nobody,),) = cursor.execute("SELECT count(*) = 0 FROM owners_of_events").fetchall()
    if is_nobody:
        return
    for table in ("timeline", "custom_events"):
        cursor.execute(
            f"""
            CREATE OR REPLACE TEMP VIEW {table} AS
            SELECT e.* REPLACE (coalesce(o.owner_id, e.contact_id) AS contact_id)
            FROM {tables}.{table} AS e LEFT JOIN owners_of_events AS o USING (original_contact_id)
            """
        )
