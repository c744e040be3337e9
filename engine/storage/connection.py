"""DuckDB connections with the settings that populace relies on, and its errors in our words."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

import duckdb

from engine.errors import StoreError

PERFECT_HASH_BITS = 21
"""Group by contact_id through an array up to two million contacts; measured 4 times faster than hashing."""

MEMORY_SHARE = 0.5

LARGEST_LOG_BYTES = 256 * 1024**2
"""The log is brought into the file at this size at the latest: opening a store reads it."""

WAIT_FOR_READERS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Limits of one store. `memory_bytes` bounds DuckDB's buffers; past it queries spill to disk."""

    memory_bytes: int | None = None
    threads: int | None = None

    @property
    def memory_limit_bytes(self) -> int:
        """The limit in force: as given, else half of the machine's memory."""
        return self.memory_bytes or int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MEMORY_SHARE)


class Instance:
    """An open database, which hands out cursors and can stop what they do."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._cursors: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._interruptible: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._is_interrupted = False
        self._kept: list[duckdb.DuckDBPyConnection] = []
        self._stops: set[Callable[[], None]] = set()
        self._opening = threading.Lock()
        ((name,),) = connection.execute("SELECT current_database()").fetchall()
        self.name: str = f'"{name}"'
        """The name of its own file, as SQL writes it."""

    def cursor(self, *, database: str, interruptible: bool = True) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one request: one shared by threads returns other threads' rows.

        Names in its statements are those of the database: its own, or one that was attached. One that is not
        `interruptible` goes on whatever is interrupted.
        """
        if self._is_interrupted and interruptible:
            raise KeyboardInterrupt
        with self._opening:  # a connection refuses a second call at the same time
            cursor = self._connection.cursor()
            self._cursors.add(cursor)
            if interruptible:
                self._interruptible.add(cursor)
        cursor.execute(f"USE {database}")
        return cursor

    def kept_cursor(self, *, database: str) -> duckdb.DuckDBPyConnection:
        """A cursor that stays open for as long as the files do: they may be closed and opened again in between."""
        cursor = self.cursor(database=database)
        with self._opening:
            self._kept.append(cursor)
        return cursor

    def _close_kept(self) -> None:
        while self._kept:
            with suppress(duckdb.Error):
                self._kept.pop().close()

    def interrupt(self) -> None:
        """Stop every statement under way, and refuse new ones: they raise KeyboardInterrupt. From any thread.

        Cursors that are not interruptible are left alone.
        """
        with self._opening:
            self._is_interrupted = True
            stops = list(self._stops)
            for cursor in list(self._interruptible):
                with suppress(duckdb.ConnectionException):  # it was closed in the meantime
                    cursor.interrupt()
        for stop in stops:
            stop()

    def let_finish(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Leave a cursor alone from now on. Raises: KeyboardInterrupt if it was interrupted before."""
        with self._opening:
            if self._is_interrupted and cursor in self._interruptible:
                raise KeyboardInterrupt
            self._interruptible.discard(cursor)

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Let `interrupt` also call `stop`, from its thread; what the block then raises becomes KeyboardInterrupt."""
        with self._opening:
            self._stops.add(stop)
        try:
            if self._is_interrupted:
                raise KeyboardInterrupt
            yield
        except Exception as error:
            if self._is_interrupted:
                raise KeyboardInterrupt from error
            raise
        finally:
            with self._opening:
                self._stops.discard(stop)

    def resume(self) -> None:
        """Take statements again, after `interrupt`."""
        self._is_interrupted = False

    def attach(self, path: Path, database: str) -> None:
        """Make a second file known under a name; it is made if it is not there."""
        quoted = str(path).replace("'", "''")
        with self._opening:
            self._connection.execute(f"ATTACH '{quoted}' AS {database}")

    def detach(self, database: str) -> None:
        """Forget a second file, once no cursor works on it; what was written to it may not be on disk yet."""
        # A file that the disk had no room for cannot be closed in good order.
        with self._opening, suppress(duckdb.Error):
            self._connection.execute(f"DETACH {database}")

    def reopen(self, open_again: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Open a database again that failed as a whole: what was committed is there, nothing else is."""
        with self._opening:
            if _works(self._connection):  # another thread has done it in the meantime
                return
            self._close_kept()
            for cursor in list(self._cursors):
                with suppress(duckdb.Error):
                    cursor.close()
            with suppress(duckdb.Error):
                self._connection.close()
            self._connection = open_again()

    def while_closed(self, work: Callable[[], None], open_again: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Close the database, do some work, and open it again whatever came of it; who wants a cursor waits meanwhile.

        Raises: StoreError if a cursor is not closed in time: while one is open, the file is open, too.
        """
        with self._opening:
            until = time.monotonic() + WAIT_FOR_READERS_SECONDS
            while any(is_open(cursor) for cursor in list(self._cursors) if cursor not in self._kept):
                if time.monotonic() > until:
                    raise StoreError("the workspace is being read; let that end, and try again")
                time.sleep(0.01)
            self._close_kept()
            self._connection.close()
            try:
                work()
            finally:
                self._connection = open_again()

    def close(self) -> None:
        """Give the files back. Calling it twice is fine."""
        self._close_kept()
        self._connection.close()


def open_database(path: Path, settings: StoreSettings, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection to the file; unless it is only read, it is made if it is not there. Raises: StoreError."""
    with store_errors(path):
        config: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}
        connection = duckdb.connect(str(path), read_only=read_only, config=config)
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute(f"SET GLOBAL memory_limit = '{settings.memory_limit_bytes} bytes'")
        connection.execute(f"SET GLOBAL perfect_ht_threshold = {PERFECT_HASH_BITS}")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET GLOBAL checkpoint_on_detach = 'DISABLED'")
        # Who writes much brings the log into the file when it is quiet: the commit that does it stalls (150 ms).
        connection.execute(f"SET GLOBAL wal_autocheckpoint = '{LARGEST_LOG_BYTES} bytes'")
        if settings.threads is not None:
            connection.execute(f"SET GLOBAL threads = {settings.threads}")
        return connection


def _works(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a database takes statements."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1").fetchall()
    except duckdb.Error:
        return False
    return True


def is_open(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether a cursor was not closed yet, from any thread; what it does goes on."""
    try:
        cursor.query_progress()
    except duckdb.ConnectionException:
        return False
    return True


_WHILE_STREAMING: tuple[tuple[str, type[duckdb.Error]], ...] = (
    ("INTERRUPT", duckdb.InterruptException),
    ("Out of Memory", duckdb.OutOfMemoryException),
    ("IO Error", duckdb.IOException),
)


@contextmanager
def streaming() -> Iterator[None]:
    """DuckDB's errors as they are: what fails while batches are read comes as an OSError with their words."""
    try:
        yield
    except OSError as error:
        if isinstance(error, duckdb.Error):
            raise
        for words, kind in _WHILE_STREAMING:
            if str(error).startswith(words):
                raise kind(str(error)) from error
        raise duckdb.Error(str(error)) from error


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """What the machine lacks (room, memory, permission) as a StoreError, Ctrl-C as KeyboardInterrupt.

    Every other error stays what it is.
    """
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.OutOfMemoryException as error:
        raise StoreError(f"{path}: not enough memory: {error}. Give more with --memory-limit.") from error
    except (duckdb.FatalException, duckdb.TransactionException, duckdb.IOException, OSError) as error:
        if "No space left" in str(error):
            raise StoreError(f"{path}: no space left on the disk; free some and try again") from error
        if isinstance(error, duckdb.FatalException | duckdb.TransactionException):
            raise
        raise StoreError(f"{path}: cannot be read or written: {error}") from error
