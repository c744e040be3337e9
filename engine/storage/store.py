"""A store: one DuckDB file with the tables of one workspace, owned by this process."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakSet

import duckdb

from engine.definition.points import iana_zones
from engine.plan.bind import Catalog
from engine.storage.connection import StoreSettings, open_database, store_errors
from engine.storage.schema import create_statements


class Store:
    """Tables of contacts, timeline, custom events, lists and subscriptions. Close it, or use it in `with`."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self._connection = connection
        self._cursors: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._is_interrupted = False

    @classmethod
    def create(cls, path: Path, settings: StoreSettings | None = None) -> Self:
        """A new, empty store in a file that must not exist yet. Raises: StoreError."""
        connection = open_database(path, settings or StoreSettings())
        for statement in create_statements():
            connection.execute(statement)
        names = sorted(iana_zones())
        connection.execute("INSERT INTO zones SELECT unnest(range(1, len($1) + 1)), unnest($1)", [names])
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path, settings: StoreSettings | None = None) -> Self:
        """A store that exists. Raises: StoreError."""
        return cls(path, open_database(path, settings or StoreSettings()))

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one request: one shared by threads returns other threads' rows."""
        if self._is_interrupted:
            raise KeyboardInterrupt
        with store_errors(self.path):
            cursor = self._connection.cursor()
        self._cursors.add(cursor)
        return cursor

    def interrupt(self) -> None:
        """Stop every statement under way, and refuse new ones: they raise KeyboardInterrupt. From any thread."""
        self._is_interrupted = True
        for cursor in list(self._cursors):
            cursor.interrupt()

    def catalog(self, *, default_zone: str = "UTC") -> Catalog:
        """What plans depend on: the lists, and the time zones that contacts have."""
        cursor = self.cursor()
        lists = cursor.execute("SELECT id, deleted_at FROM lists").fetchall()
        used = "SELECT zone_id, name FROM zones WHERE zone_id IN (SELECT zone_id FROM contacts)"
        zones = cursor.execute(used).fetchall()
        cursor.close()
        return Catalog(
            lists={list_id: None if at is None else at.replace(tzinfo=UTC) for list_id, at in lists},
            zones={0: default_zone, **dict(zones)},
        )

    def row_count(self, table: str) -> int:
        """How many rows a table of ours has."""
        row = self.cursor().execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])

    def count_unknown_zones(self) -> int:
        """How many contacts have a time zone that is no IANA name."""
        query = "SELECT count(*) FROM contacts WHERE zone_id = 0 AND timezone <> ''"
        row = self.cursor().execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
