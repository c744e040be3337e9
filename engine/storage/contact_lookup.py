"""Which contact an identity or an id of old stands for, as stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import duckdb

from engine.storage.connection import store_errors
from engine.storage.store import Store

KEYS_IN_A_STATEMENT = 250


def contact_of_identity(store: Store, identity: str) -> int | None:
    """The contact that an identity is; None for nobody."""
    rows = store.rows("SELECT contact_id FROM identities WHERE identity = $1", [identity])
    return int(rows[0][0]) if rows else None


def contacts_of_identities(store: Store, identities: Collection[str]) -> dict[str, int]:
    """The contacts that some identities are; those of nobody are left out."""
    with store_errors(store.path), store.cursor() as cursor:
        return dict(owners_by_index(cursor, [*identities]))


def owners_by_index(cursor: duckdb.DuckDBPyConnection, identities: Sequence[str]) -> list[tuple[str, int]]:
    """Identities with the contacts that they are, each looked up in the index: for some, not for many."""
    found: list[tuple[str, int]] = []
    for first in range(0, len(identities), KEYS_IN_A_STATEMENT):
        keys = identities[first : first + KEYS_IN_A_STATEMENT]
        places = ", ".join(f"${number}" for number in range(1, len(keys) + 1))
        query = f"SELECT identity, contact_id FROM identities WHERE identity IN ({places})"
        found += cursor.execute(query, keys).fetchall()
    return found


def stored_successor(store: Store, contact_id: int) -> int | None:
    """The contact that one was merged into, itself where it is there as it was, None where it was deleted."""
    with store_errors(store.path), store.cursor() as cursor:
        return successor_of(cursor, contact_id)


def successor_of(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> int | None:
    """The same as a transaction sees it."""
    return successor_by(dict(stored_retired(cursor, contact_id)), contact_id)


def stored_retired(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> list[tuple[int, int | None]]:
    """What became of a contact that is no more, and of those that it was merged into: each with its next one."""
    return cursor.execute(
        """
        WITH RECURSIVE chain AS (
            SELECT contact_id, merged_into FROM retired WHERE contact_id = $1
            UNION
            SELECT r.contact_id, r.merged_into FROM retired AS r JOIN chain ON r.contact_id = chain.merged_into
        )
        SELECT contact_id, merged_into FROM chain
        """,
        [contact_id],
    ).fetchall()


def successor_by(retired: Mapping[int, int | None], contact_id: int) -> int | None:
    """The contact that one became, by what each retired contact was merged into: None for one that was deleted."""
    found: int | None = contact_id
    while found is not None and found in retired:
        found = retired[found]
    return found
