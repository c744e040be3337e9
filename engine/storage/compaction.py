"""Writing a store's file anew, without the room and the bytes of what was removed."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from engine.storage.interruption import run_interruptibly
from engine.storage.snapshot.parts import quoted, tables_of
from engine.storage.store import Store

_SORTED = {"contacts": "ORDER BY contact_id"}


@dataclass(frozen=True, slots=True)
class Compaction:
    """The size of the store, its log included, before and after."""

    before_bytes: int
    after_bytes: int


def compact(store: Store) -> Compaction:
    """Write the file anew: without removed rows, contacts in order of id.

    Raises: StoreError if the disk does not suffice, or somebody in this process reads on; KeyboardInterrupt.
    """
    return run_interruptibly(store, lambda: _compact(store))


def _compact(store: Store) -> Compaction:
    before_bytes = _size(store)
    store.rewrite(_fill)
    return Compaction(before_bytes, _size(store))


def _fill(cursor: duckdb.DuckDBPyConnection, target: str) -> None:
    """Tables with their keys, and then their rows."""
    ((source,),) = cursor.execute("SELECT current_database()").fetchall()
    cursor.execute(f"COPY FROM DATABASE {quoted(source)} TO {target} (SCHEMA)")
    for table in tables_of(cursor):
        name = quoted(table)
        cursor.execute(f"INSERT INTO {target}.main.{name} SELECT * FROM {name} {_SORTED.get(table, '')}")


def _size(store: Store) -> int:
    return store.path.stat().st_size + store.log_bytes()
