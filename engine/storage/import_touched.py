"""Whom a merge touches: the contacts of which anything is other than before, and no more than it must."""

from __future__ import annotations

from datetime import datetime

import duckdb

from engine.storage.instants import stored_instant

_TOUCHING = "touching"
"""The temporary table of their ids; the same one may stand there twice."""


def begin_touching(cursor: duckdb.DuckDBPyConnection) -> int:
    """Make the table; what the timeline numbers its entries with from now on is above the number that comes back."""
    cursor.execute(f"CREATE TEMP TABLE {_TOUCHING} (contact_id INTEGER)")
    ((last,),) = cursor.execute("SELECT coalesce(max(sequence), 0) FROM timeline").fetchall()
    return int(last)


def touch(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    """Touch the contacts that a query gives as `contact_id`; how many they are."""
    rows = cursor.execute(f"INSERT INTO {_TOUCHING} SELECT DISTINCT contact_id FROM ({query})").fetchall()
    return int(rows[0][0])


def touch_arriving(cursor: duckdb.DuckDBPyConnection, table: str, same_key: str) -> None:
    """Touch whose rows in `arriving_TABLE` are new or change a row, `old`, and whose that row was."""
    touch(cursor, f"SELECT contact_id FROM arriving_{table}")
    changed = f"SELECT old.contact_id FROM {table} AS old JOIN arriving_{table} AS r ON {same_key}"
    touch(cursor, f"{changed} WHERE NOT r.is_new")


def touch_versions(cursor: duckdb.DuckDBPyConnection) -> None:
    """Touch whose versions the arriving custom events come before or after."""
    versions = "SELECT event_name, external_id FROM arriving_custom_events"
    touch(cursor, f"FROM custom_events SEMI JOIN ({versions}) USING (event_name, external_id)")


def touch_counted_twice(cursor: duckdb.DuckDBPyConnection) -> int:
    """Touch whose events of the timeline are to go, because they are custom events as well; how many contacts."""
    return touch(
        cursor,
        """
        FROM timeline AS t SEMI JOIN custom_events AS x
            ON t.kind = 'custom_event.' || x.event_name AND t.entity_id = x.external_id
        WHERE starts_with(t.kind, 'custom_event.')
        """,
    )


def says_less_of_before(cursor: duckdb.DuckDBPyConnection, last_sequence: int) -> bool:
    """Whether events of the timeline, as it was, are to go for custom events that say something else."""
    ((found,),) = cursor.execute(
        """
        SELECT EXISTS (
            FROM timeline AS t SEMI JOIN custom_events AS x
                ON t.kind = 'custom_event.' || x.event_name AND t.entity_id = x.external_id
            ANTI JOIN custom_events AS y ON t.kind = 'custom_event.' || y.event_name
                AND t.entity_id = y.external_id AND t.contact_id = y.contact_id AND t.occurred_at = y.occurred_at
            WHERE starts_with(t.kind, 'custom_event.') AND t.sequence <= $1
        )
        """,
        [last_sequence],
    ).fetchall()
    return bool(found)


def end_touching(cursor: duckdb.DuckDBPyConnection, last_sequence: int, at: datetime) -> None:
    """Note them all: with those of later entries, and those whose identities are others since `at`."""
    moved = f"FROM earlier_identities WHERE until_at = TIMESTAMP '{stored_instant(at).isoformat(sep=' ')}'"
    touch(cursor, f"FROM timeline WHERE sequence > {last_sequence}")
    touch(cursor, f"SELECT owner_id AS contact_id {moved} AND owner_id IS NOT NULL")
    touch(cursor, f"FROM identities SEMI JOIN (SELECT identity {moved}) USING (identity)")
    cursor.execute(f"INSERT INTO touched SELECT DISTINCT contact_id FROM {_TOUCHING}")
    cursor.execute(f"DROP TABLE {_TOUCHING}")
