"""A store: one DuckDB file with contacts, their timeline, segments and memberships."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from engine.errors import StoreError
from engine.plan.bind import Catalog
from engine.storage.connection import Instance, StoreSettings, open_database, store_errors
from engine.storage.instants import stored_instant
from engine.storage.migrations import latest_version, migrate
from engine.storage.schema_state import add_missing_zones, bring_up_to_date, is_current
from engine.storage.scratch_folder import scratch_folder
from engine.storage.whole_file import sync


class Store:
    """The tables of one workspace, or of one run. Close it, or use it in `with`.

    Reading is free for all threads, each with a `cursor` of its own; writing goes through `transaction`, one at a time.
    """

    def __init__(
        self,
        path: Path,
        instance: Instance,
        *,
        default_zone: str,
        database: str,
        settings: StoreSettings | None = None,
        read_only: bool = False,
    ) -> None:
        self.path, self.default_zone, self.database = path, default_zone, database
        self._settings = settings or StoreSettings()
        self._read_only = read_only
        self._instance = instance
        self._writing, self._computing = threading.Lock(), threading.Lock()
        self.change_count = 0
        """How many transactions were committed since it was opened."""
        self.membership_change_count = 0
        """How many of them changed memberships: whoever does so says it here, after the commit."""
        self.touched_epoch = 0
        """How often `touched` was emptied, or is to be: whoever does so says it here, and nobody writes meanwhile."""
        self._after_commit: list[Callable[[], None]] = []
        self._listeners: list[Callable[[], None]] = []

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
            store = cls(path, instance, default_zone=default_zone, database=instance.name, settings=settings)
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
                is_latest = is_current(path, connection)
                if not is_latest and not read_only:
                    bring_up_to_date(connection)
                ((zone,),) = connection.execute("SELECT timezone FROM workspace").fetchall()
            except BaseException:
                connection.close()
                raise
            if is_latest or not read_only:
                own = Instance(connection)
                return cls(path, own, default_zone=zone, database=own.name, settings=settings, read_only=read_only)
            connection.close()
        cls.open(path, settings).close()
        return cls.open(path, settings, read_only=True)

    def cursor(self, *, interruptible: bool = True) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one request. Raises: StoreError, KeyboardInterrupt after `interrupt`.

        After a failure that DuckDB does not get over, such as a checkpoint without room on the disk, it refuses
        everything until it is opened again: then it is.
        """
        with store_errors(self.path):
            try:
                return self._instance.cursor(database=self.database, interruptible=interruptible)
            except duckdb.FatalException:
                self._instance.reopen(self._open_again)
                self.change_count += 1  # the commit that failed may be there all the same
                return self._instance.cursor(database=self.database, interruptible=interruptible)

    def kept_cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor that stays open until the store is closed, or its file is replaced: see `is_open`.

        The file is not replaced while one writes, or has another cursor open. Raises: StoreError.
        """
        with store_errors(self.path):
            return self._instance.kept_cursor(database=self.database)

    def _open_again(self) -> duckdb.DuckDBPyConnection:
        return open_database(self.path, self._settings, read_only=self._read_only)

    @contextmanager
    def transaction(
        self, *, interruptible: bool = True, changes_rows: bool = True
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose changes are kept all together when the block ends, or not at all when it raises.

        Without `changes_rows` it changes nothing that a writer remembers, but for `touched`: who empties that adds to
        `touched_epoch`. Raises: StoreError, also for a store that is only read.
        """
        if self._read_only:
            raise StoreError(f"{self.path}: was opened to be read only; open it without read_only to change it")
        with self._writing, store_errors(self.path), self.cursor(interruptible=interruptible) as cursor:
            self._after_commit.clear()
            cursor.execute("BEGIN")
            try:
                yield cursor
                self._instance.let_finish(cursor)  # an interrupted COMMIT may have been done all the same
            except BaseException:
                _roll_back(cursor)
                raise
            cursor.execute("COMMIT")
            self.change_count += changes_rows
            for work in self._after_commit:
                work()
        if changes_rows:
            for listener in self._listeners:
                listener()

    def when_rows_change(self, listener: Callable[[], None]) -> None:
        """Tell somebody, from the thread that did it, of every commit that changed rows; it must not take long."""
        self._listeners.append(listener)

    def after_commit(self, work: Callable[[], None]) -> None:
        """Do some work once the transaction under way is committed, and before anybody else writes."""
        self._after_commit.append(work)

    def begin_touched_epoch(self) -> None:
        """Say that `touched` was emptied, or will be of all that is in it now: who is written of goes in again."""
        self.touched_epoch += 1

    @property
    def is_read_only(self) -> bool:
        """Whether it was opened to be read only."""
        return self._read_only

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees the store as it is now, whatever is written while the block runs; nobody waits for it."""
        with store_errors(self.path), self.cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            try:
                cursor.execute("FROM workspace").fetchall()  # the first read settles what is seen
                yield cursor
            finally:
                _roll_back(cursor)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Nobody else computes what is stored of segments while the block runs. It comes before `transaction`."""
        with self._computing:
            yield

    @contextmanager
    def writers_waiting(self) -> Iterator[None]:
        """Nobody else writes while the block runs."""
        with self._writing:
            yield

    @contextmanager
    def held_for_reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The same, while writers wait: other cursors see the same rows."""
        with self._writing, self.reading() as cursor:
            yield cursor

    def checkpoint(self) -> None:
        """Bring the log into the file, so that the next opening need not read it. Raises: StoreError.

        While somebody reads what was there before the last writes it cannot be done, and is left for later.
        """
        with self._writing, store_errors(self.path), self.cursor() as cursor:
            _checkpoint(cursor)

    def rewrite(self, fill: Callable[[duckdb.DuckDBPyConnection, str], None]) -> None:
        """Go on with a new file, into which `fill` writes all tables, given a cursor and the name of its database.

        The new file takes the place of the old one by one rename: killed at any moment, the store is whole.
        Raises: StoreError if it was opened to be read only, or somebody in this process does not stop reading.
        """
        if self._read_only:
            raise StoreError(f"{self.path}: was opened to be read only")
        database = f"attached_{uuid.uuid4().hex[:12]}"
        with self._writing, store_errors(self.path), scratch_folder(".rewrite-", beside=self.path.parent) as folder:
            aside = folder / self.path.name
            self._instance.attach(aside, database)
            try:
                with self.cursor() as cursor:
                    fill(cursor, database)
                    cursor.execute(f"CHECKPOINT {database}")
            finally:
                self._instance.detach(database)
            with self.cursor() as cursor:
                _checkpoint(cursor)

            def replace_file() -> None:
                # A log left behind would be taken for one of the new file.
                if self.log_bytes() or aside.with_name(f"{aside.name}.wal").exists():
                    raise StoreError(f"{self.path}: its log cannot be brought into the file; try again")
                sync(aside)
                aside.replace(self.path)
                sync(self.path.parent)

            self._instance.while_closed(replace_file, lambda: open_database(self.path, self._settings))

    def log_bytes(self) -> int:
        """The size of the log: what was committed and is not in the file yet."""
        try:
            return self.path.with_name(f"{self.path.name}.wal").stat().st_size
        except FileNotFoundError:
            return 0

    def interrupt(self) -> None:
        """Stop every statement under way, and refuse new ones: they raise KeyboardInterrupt. From any thread."""
        self._instance.interrupt()

    def resume(self) -> None:
        """Take statements again, after `interrupt`."""
        self._instance.resume()

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Let `interrupt` also call `stop`, from its thread; what the block then raises becomes KeyboardInterrupt."""
        with self._instance.stopping(stop):
            yield

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

    def catalog(self, *, has_zones: bool = True) -> Catalog:
        """What plans depend on: the lists, and the time zones that contacts have, which only their own days need."""
        with store_errors(self.path), self.cursor() as cursor:
            zones = zones_of_contacts(cursor, self.default_zone) if has_zones else {0: self.default_zone}
            return Catalog(lists_of(cursor), zones)

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
    def held_still(self, *, by_transaction: bool = False) -> Iterator[tuple[Path, ...]]:
        """The files that make up the store, complete and unchanged while the block runs.

        `by_transaction`: the caller is in a transaction, which keeps other writers off, and has changed nothing yet.
        """
        with nullcontext() if by_transaction else self._writing, store_errors(self.path):
            if not self._read_only:
                with self.cursor() as cursor:
                    _checkpoint(cursor)
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
            names = "schema_version, timezone, created_at, created_by, generation"
            cursor.execute(f"INSERT INTO workspace ({names}) VALUES ($1, $2, $3, $4, $5)", row)
            add_missing_zones(cursor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def begin_generation(cursor: duckdb.DuckDBPyConnection) -> None:
    """Say, within the transaction, that what readers see has changed."""
    cursor.execute("UPDATE workspace SET generation = $1", [uuid.uuid4().hex])


def history_begins(cursor: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """Say that what was before an instant (naive, UTC) cannot be told exactly, nor what could not be so far."""
    cursor.execute("UPDATE workspace SET exact_since = greatest(exact_since, $1)", [at])


def lists_of(cursor: duckdb.DuckDBPyConnection) -> dict[str, datetime | None]:
    """All lists, with the instant (UTC) at which each was deleted."""
    rows = cursor.execute("SELECT id, deleted_at FROM lists").fetchall()
    return {list_id: None if at is None else at.replace(tzinfo=UTC) for list_id, at in rows}


def zones_of_contacts(cursor: duckdb.DuckDBPyConnection, default_zone: str) -> dict[int, str]:
    """The names of the time zones that the contacts of a cursor have, by zone id."""
    query = "SELECT zone_id, name FROM zones WHERE zone_id IN (SELECT zone_id FROM contacts)"
    return {0: default_zone, **dict(cursor.execute(query).fetchall())}


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Undo what the transaction did; where the database has failed as a whole it is undone when it is opened again."""
    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        return


def _checkpoint(cursor: duckdb.DuckDBPyConnection) -> None:
    """Bring the log into the file, unless a transaction that reads still needs rows of before."""
    try:
        cursor.execute("CHECKPOINT")
    except duckdb.TransactionException:
        return
