"""A store: one DuckDB file with contacts, their timeline, segments and memberships."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from engine.definition.points import iana_zones
from engine.errors import StoreError
from engine.plan.bind import Catalog
from engine.storage.connection import Instance, StoreSettings, open_database, store_errors
from engine.storage.instants import stored_instant
from engine.storage.migrations import latest_version, migrate


class Store:
    """The tables of one workspace, or of one run. Close it, or use it in `with`.

    Reading is free for all threads, each with a `cursor` of its own; writing goes through `transaction`, one at a time.
    """

    def __init__(
        self, path: Path, instance: Instance, *, default_zone: str, database: str, read_only: bool = False
    ) -> None:
        self.path, self.default_zone, self.database = path, default_zone, database
        self._read_only = read_only
        self._instance = instance
        self._writing = threading.Lock()

    @classmethod
    def create(
        cls,
        path: Path,
        settings: StoreSettings | None = None,
        *,
        default_zone: str = "UTC",
        created_at: datetime | None = None,
    ) -> Self:
        """A new, empty store in a file that must not exist yet.

        `default_zone` is the zone of contacts that have none, or an unknown one. Raises: StoreError.
        """
        with store_errors(path):
            instance = Instance(open_database(path, settings or StoreSettings()))
            store = cls(path, instance, default_zone=default_zone, database=instance.name)
            store._make_tables(created_at=created_at)
            return store

    @classmethod
    def open(cls, path: Path, settings: StoreSettings | None = None, *, read_only: bool = False) -> Self:
        """A store that exists; an older one is brought to the latest schema first.

        Raises: StoreError for a file that is no store, or that a newer populace wrote.
        """
        if not path.is_file():
            raise StoreError(f"{path}: is not there")
        with store_errors(path):
            connection = open_database(path, settings or StoreSettings(), read_only=read_only)
            try:
                is_current = _is_current(path, connection)
                if not is_current and not read_only:
                    _bring_up_to_date(connection)
                ((zone,),) = connection.execute("SELECT timezone FROM workspace").fetchall()
            except BaseException:
                connection.close()
                raise
            if is_current or not read_only:
                instance = Instance(connection)
                return cls(path, instance, default_zone=zone, database=instance.name, read_only=read_only)
            connection.close()
        cls.open(path, settings).close()
        return cls.open(path, settings, read_only=True)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one request. Raises: KeyboardInterrupt after `interrupt`."""
        with store_errors(self.path):
            return self._instance.cursor(database=self.database)

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose changes are kept all together when the block ends, or not at all when it raises."""
        with self._writing, store_errors(self.path), self.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
            except BaseException:
                _roll_back(cursor)
                raise
            cursor.execute("COMMIT")

    def interrupt(self) -> None:
        """Stop every statement under way, and refuse new ones: they raise KeyboardInterrupt. From any thread."""
        self._instance.interrupt()

    def resume(self) -> None:
        """Take statements again, after `interrupt`."""
        self._instance.resume()

    @contextmanager
    def attached(self, path: Path) -> Iterator[Store]:
        """A new, empty store in a file of its own, whose tables statements of this one can read by its `database`.

        One instance with one memory limit, and one interrupt for both. A transaction writes to one of them only.
        """
        database = f"attached_{uuid.uuid4().hex[:12]}"
        with store_errors(path):
            self._instance.attach(path, database)
        try:
            store = Store(path, self._instance, default_zone=self.default_zone, database=database)
            store._make_tables(created_at=None)
            yield store
        finally:
            self._instance.detach(database)

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query. Raises: StoreError, KeyboardInterrupt."""
        with store_errors(self.path), self.cursor() as cursor:
            return cursor.execute(query, parameters).fetchall()

    def catalog(self) -> Catalog:
        """What plans depend on: the lists, and the time zones that contacts have."""
        lists = self.rows("SELECT id, deleted_at FROM lists")
        zones = self.rows("SELECT zone_id, name FROM zones WHERE zone_id IN (SELECT zone_id FROM contacts)")
        return Catalog(
            lists={list_id: None if at is None else at.replace(tzinfo=UTC) for list_id, at in lists},
            zones={0: self.default_zone, **dict(zones)},
        )

    def generation(self) -> str:
        """A text that is another one after every change that a reader could see."""
        ((generation,),) = self.rows("SELECT generation FROM workspace")
        return str(generation)

    def row_count(self, table: str) -> int:
        """How many rows a table of ours has."""
        ((count,),) = self.rows(f"SELECT count(*) FROM {table}")
        return int(count)

    def count_unknown_zones(self) -> int:
        """How many contacts have a time zone that is no IANA name."""
        ((count,),) = self.rows("SELECT count(*) FROM contacts WHERE zone_id = 0 AND timezone <> ''")
        return int(count)

    @contextmanager
    def held_still(self) -> Iterator[tuple[Path, ...]]:
        """The files that make up the store, complete and unchanged while the block runs."""
        with self._writing, store_errors(self.path):
            if not self._read_only:
                with self.cursor() as cursor:
                    cursor.execute("CHECKPOINT")
            log = self.path.with_name(f"{self.path.name}.wal")
            yield (self.path, log) if log.exists() else (self.path,)

    def close(self) -> None:
        """Give the file back. Calling it twice is fine."""
        with store_errors(self.path):
            self._instance.close()

    def _make_tables(self, *, created_at: datetime | None) -> None:
        """All tables, in a file that has none yet."""
        with self.transaction() as cursor:
            migrate(cursor, 0)
            at = None if created_at is None else stored_instant(created_at)
            row = [latest_version(), self.default_zone, at, f"populace {version('populace')}", uuid.uuid4().hex]
            cursor.execute("INSERT INTO workspace VALUES ($1, $2, $3, $4, $5)", row)
            _add_missing_zones(cursor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def begin_generation(cursor: duckdb.DuckDBPyConnection) -> None:
    """Say, within the transaction, that what readers see has changed."""
    cursor.execute("UPDATE workspace SET generation = $1", [uuid.uuid4().hex])


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Undo what the transaction did; where the database has failed as a whole it is undone when it is opened again."""
    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        return


def _is_current(path: Path, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file has the latest schema and all time zones. Raises: StoreError if it is not one of ours."""
    try:
        ((found,),) = connection.execute("SELECT schema_version FROM workspace").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException, ValueError) as error:
        raise StoreError(f"{path}: is a database, but not one that populace made") from error
    if found > latest_version():
        raise StoreError(
            f"{path}: was written by a newer populace (schema {found}; this one knows up to {latest_version()}); "
            "upgrade populace to open it"
        )
    ((zone_count,),) = connection.execute("SELECT count(*) FROM zones").fetchall()
    return bool(found == latest_version() and zone_count >= len(iana_zones()))


def _bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Migrate the schema, and learn the time zones that the zone database got since."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        ((found,),) = cursor.execute("SELECT schema_version FROM workspace").fetchall()
        migrate(cursor, found)
        _add_missing_zones(cursor)
        cursor.execute("COMMIT")


def _add_missing_zones(cursor: duckdb.DuckDBPyConnection) -> None:
    """Number the IANA zones that have no number yet, and give them to the contacts that name them."""
    cursor.execute(
        """
        INSERT INTO zones
        WITH given AS (SELECT unnest($1) AS name)
        SELECT (SELECT coalesce(max(zone_id), 0) FROM zones) + row_number() OVER (ORDER BY name), name
        FROM given WHERE name NOT IN (SELECT name FROM zones)
        """,
        [sorted(iana_zones())],
    )
    cursor.execute(
        """
        UPDATE contacts SET zone_id = zones.zone_id FROM zones
        WHERE contacts.zone_id = 0 AND contacts.timezone = zones.name
        """
    )
