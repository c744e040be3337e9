"""Running an analyst's statement on a published file, and reading what it finds."""

from __future__ import annotations

import io
import math
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from engine.errors import (
    InternalError,
    PopulaceError,
    QueryFailedError,
    QueryLimitError,
    QueryRefusedError,
)
from engine.execute.analyst.process import BrokenFrameError, WorkerProcess
from engine.execute.analyst.protocol import (
    DATA,
    OUTCOME,
    STARTED,
    Ending,
    Job,
    Outcome,
    Parameter,
    Purpose,
    job_bytes,
    read_outcome,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_STATEMENT_BYTES = 1 << 20
MIN_MEMORY_BYTES = 64 << 20
START_SECONDS = 30
GRACE_SECONDS = 0.5
"""How much longer than its limit a statement is waited for, before its process is killed from outside."""

BUFFER_BYTES = 1 << 16
FULL_SHARE = 0.7
"""A process that breaks having taken that much of its memory is taken to have broken for lack of it."""

_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one statement may use. Time is what the engine works, without waiting for whoever reads the result."""

    timeout_seconds: float = 60.0
    memory_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if not 0 < self.timeout_seconds < math.inf:
            raise QueryLimitError(f"a limit of {self.timeout_seconds} seconds runs nothing", option="--timeout")
        if self.memory_bytes < MIN_MEMORY_BYTES:
            least = f"at least {MIN_MEMORY_BYTES // _MEBIBYTE} MiB are needed"
            raise QueryLimitError(
                f"{self.memory_bytes:,} bytes of memory run nothing, {least}", option="--memory-limit"
            )


def open_query(
    published: Path,
    sql: str,
    limits: QueryLimits | None = None,
    *,
    parameters: Mapping[str, Parameter] | None = None,
) -> QueryResult:
    """Start the statement on a published file, in a process of its own; its rows come as they are read.

    `parameters` are the values of `$name` in the statement. To be closed, best by `with`. Safe to call from several
    threads. Raises: QueryRefusedError, QueryFailedError,
    QueryLimitError; any of them can also come later, from `batches`.
    """
    limits = limits or QueryLimits()
    return result_of(started_worker(published, sql, limits, parameters=parameters), limits)


def started_worker(
    published: Path,
    sql: str,
    limits: QueryLimits,
    *,
    purpose: Purpose = Purpose.QUESTION,
    as_of: datetime | None = None,
    parameters: Mapping[str, Parameter] | None = None,
) -> WorkerProcess:
    """A process that begins to work on the statement; to be given to `result_of`.

    `as_of` is a condition's, `parameters` are a question's.

    Raises: QueryRefusedError, InternalError if no process can be started.
    """
    _check_text(sql)
    instant = None if as_of is None else as_of.astimezone(UTC).replace(tzinfo=None).isoformat()
    values = dict(parameters or {})
    job = Job(str(published.resolve()), sql, limits.timeout_seconds, limits.memory_bytes, purpose, instant, values)
    try:
        return WorkerProcess(job_bytes(job))
    except OSError as error:
        raise InternalError(f"the process that runs SQL cannot be started: {error}") from error


def result_of(worker: WorkerProcess, limits: QueryLimits) -> QueryResult:
    """The result of a statement, once there is anything of it; if this raises, the process ends.

    Raises: see `open_query`.
    """
    try:
        return QueryResult(worker, limits)
    except BaseException:
        worker.close()
        raise


def _check_text(sql: str) -> None:
    """What is refused before any process is started."""
    try:
        size_bytes = len(sql.encode())
    except UnicodeEncodeError as error:
        raise QueryRefusedError(f"the statement has half a character (U+{ord(sql[error.start]):04X})") from None
    if size_bytes > MAX_STATEMENT_BYTES:
        raise QueryRefusedError(f"the statement has {size_bytes:,} bytes; at most {MAX_STATEMENT_BYTES:,} are allowed")
    if "\0" in sql:
        raise QueryRefusedError("the statement holds the character NUL; take it out")


class QueryResult:
    """A statement under way. `schema` is there at once; `batches` gives the rows, once."""

    def __init__(self, worker: WorkerProcess, limits: QueryLimits) -> None:
        self._worker, self._limits = worker, limits
        self._waited_seconds = 0.0
        self._outcome: Outcome | None = None
        self._closed = False
        self._started = False
        self._await_start()
        self._stream = pa.ipc.open_stream(pa.PythonFile(io.BufferedReader(_Data(self), BUFFER_BYTES), mode="r"))
        self.schema: pa.Schema = self._stream.schema

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order of the statement; at most a few batches are held at a time.

        Raises: QueryFailedError, QueryLimitError; then what came before is not the whole.
        """
        yield from self._stream
        while self._outcome is None:
            self.next_data()
        self.close()

    @property
    def engine_seconds(self) -> float | None:
        """How long the engine worked; None before the end."""
        return None if self._outcome is None else self._outcome.engine_seconds

    def close(self) -> None:
        """End the process if it still runs. Any thread may do so, at any time, and again."""
        self._closed = True
        self._worker.close()

    def next_data(self) -> bytes:
        """The next bytes of the Arrow stream; nothing at its end."""
        if self._outcome is not None:
            return b""
        kind, body = self._next_frame(self._limits.timeout_seconds + GRACE_SECONDS - self._waited_seconds)
        if kind == DATA:
            return body
        if kind != OUTCOME:
            raise InternalError(f"the process that runs SQL sent a frame of the kind {kind!r}")
        outcome = read_outcome(body)
        if outcome.ending is not Ending.DONE:
            raise self._error_of(outcome)
        self._outcome = outcome
        return b""

    def _await_start(self) -> None:
        kind, _ = self._next_frame(START_SECONDS)
        if kind != STARTED:
            raise InternalError(f"the process that runs SQL began with a frame of the kind {kind!r}")
        self._started, self._waited_seconds = True, 0.0

    def _next_frame(self, timeout_seconds: float) -> tuple[bytes, bytes]:
        """The next frame, in so much time; the time spent waiting is counted."""
        began = time.monotonic()
        try:
            frame = self._worker.read_frame(timeout_seconds)
        except TimeoutError:
            self._worker.kill()
            if self._started:
                raise self._too_late() from None
            raise InternalError(f"the process that runs SQL did not start in {START_SECONDS} seconds") from None
        except BrokenFrameError:
            raise InternalError("the process that runs SQL sent what is no frame") from None
        finally:
            self._waited_seconds += time.monotonic() - began
        if frame is None:
            raise self._error_of_end(*self._worker.end())
        return frame

    def _error_of(self, outcome: Outcome) -> PopulaceError:
        match outcome.ending:
            case Ending.REFUSED:
                return QueryRefusedError(outcome.message)
            case Ending.FAILED:
                return QueryFailedError(outcome.message)
            case Ending.OUT_OF_MEMORY:
                return self._too_large()
            case _:
                return InternalError(f"the process that runs SQL failed: {outcome.message}")

    def _error_of_end(self, code: int, peak_bytes: int) -> PopulaceError:
        """What it means that the process ended without an outcome."""
        if self._closed:
            return QueryFailedError("the query was closed before its end")
        complaint = self._worker.complaint
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
        if self._started:
            if code in {-signal.SIGALRM, -signal.SIGXCPU}:
                return self._too_late()
            # SIGKILL is how the system takes memory back. Other ends come to a process that cannot get more.
            is_full = peak_bytes > self._limits.memory_bytes * FULL_SHARE
            if code == -signal.SIGKILL or "bad_alloc" in complaint or "MemoryError" in complaint or is_full:
                return self._too_large()
        return InternalError(f"the process that runs SQL ended with {how}: {complaint or 'it said nothing'}")

    def _too_late(self) -> QueryLimitError:
        return QueryLimitError(f"the query took more than {self._limits.timeout_seconds:g} s", option="--timeout")

    def _too_large(self) -> QueryLimitError:
        amount = f"{self._limits.memory_bytes / _MEBIBYTE:,.0f} MiB of memory"
        return QueryLimitError(f"the query needs more than {amount}", option="--memory-limit")


class _Data(io.RawIOBase):
    """The Arrow stream of a result as a file."""

    def __init__(self, result: QueryResult) -> None:
        super().__init__()
        self._result, self._rest = result, memoryview(b"")

    def readable(self) -> bool:
        """It can be read, and nothing else."""
        return True

    def readinto(self, target: WriteableBuffer) -> int:
        """Some bytes; none at the end."""
        if not self._rest:
            self._rest = memoryview(self._result.next_data())
        room = memoryview(target).cast("B")
        part = self._rest[: len(room)]
        room[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)
