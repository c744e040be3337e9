"""The process that runs one statement of an analyst; started by the door, told what to do on its standard input."""

from __future__ import annotations

import io
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from engine.errors import QueryFailedError, QueryRefusedError
from engine.execute.analyst.confinement import SPACE_FILE, confine, die_with_parent
from engine.execute.analyst.engine import (
    PublishedNames,
    files_to_read,
    open_published,
    published_names,
    stream,
    thread_count,
    warm_up,
)
from engine.execute.analyst.judgement import judged
from engine.execute.analyst.landlock import read_only_these
from engine.execute.analyst.protocol import (
    DATA,
    HEADER,
    LENGTH,
    MAX_FRAME_BYTES,
    OUTCOME,
    STARTED,
    Ending,
    Job,
    Outcome,
    Purpose,
    outcome_bytes,
    read_job,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SHOWN_CHARACTERS = 2_000
"""Of a message: DuckDB quotes values whole."""

_ENDINGS = {
    "Out of Memory Error": Ending.OUT_OF_MEMORY,
    "Permission Error": Ending.REFUSED,
    **dict.fromkeys(
        (
            "Binder Error",
            "Catalog Error",
            "Constraint Error",
            "Conversion Error",
            "Decimal Error",
            "Divide by Zero Error",
            "Invalid Error",
            "Invalid Input Error",
            "Invalid type Error",
            "Invalid unicode character Error",
            "Mismatch Type Error",
            "Not implemented Error",
            "Out of Range Error",
            "Parameter Not Resolved Error",
            "Parser Error",
            "Sequence Error",
            "Syntax Error",
            "Unknown Type Error",
        ),
        Ending.FAILED,
    ),
}
"""By how DuckDB begins its message: an error in the midst of a stream has no other mark. Others are our fault."""

_ADVICE_ON_SETTINGS = re.compile(r"^(?!LINE ).*(?:\bSET \w+|https?://).*\n?", re.MULTILINE)
"""Lines of DuckDB's messages that advise what is not to be had here."""


def main() -> None:
    """Do the one job, and end."""
    job = read_job(_read_exactly(0, LENGTH.unpack(_read_exactly(0, LENGTH.size))[0]))
    die_with_parent(0)
    out = os.dup(1)
    os.dup2(2, 1)  # what a library might print is no part of the result
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    read_only_these([*files_to_read(job.published), SPACE_FILE])
    # One thread adds up the numbers of a condition in one order.
    threads = thread_count() if job.purpose is Purpose.QUESTION else 1
    connection = open_published(job.published, memory_bytes=job.memory_bytes, threads=threads)
    names = published_names(connection)
    warm_up(connection)
    # The clock stands still while the result waits to be read, and the engine's threads might work on meanwhile.
    confine(memory_bytes=job.memory_bytes, cpu_seconds=job.timeout_seconds * threads)
    send(out, STARTED)
    clock = EngineClock(job.timeout_seconds)
    ending, message = run(connection, names, job, out, clock)
    send(out, OUTCOME, outcome_bytes(Outcome(ending, message, clock.used_seconds)))
    # Nothing is left to tidy, and DuckDB's own end could wait for its threads.
    os._exit(0)


def run(
    connection: duckdb.DuckDBPyConnection, names: PublishedNames, job: Job, out: int, clock: EngineClock
) -> tuple[Ending, str]:
    """Check the statement, run it, send its rows; say how it ended."""
    try:
        with clock.running():
            relation = judged(connection, names, job)
        if job.purpose is Purpose.CHECK:
            send_no_rows(out)
        else:
            send_rows(relation, out, clock)
    except QueryRefusedError as error:
        return Ending.REFUSED, str(error)
    except QueryFailedError as error:
        return Ending.FAILED, str(error)
    except MemoryError:
        return Ending.OUT_OF_MEMORY, ""
    except RecursionError:
        return Ending.REFUSED, "the statement is nested too deeply; make it flatter"
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        return ending_of(error, job)
    return Ending.DONE, ""


def ending_of(error: Exception, job: Job) -> tuple[Ending, str]:
    """What DuckDB's message means, and the message without the file's path, advice on settings, and endless values."""
    message = str(error)
    # Arrow says so itself when a result is not of its world, such as too many lists in lists.
    otherwise = Ending.FAILED if isinstance(error, pa.ArrowInvalid) else Ending.OUR_FAULT
    ending = _ENDINGS.get(message.split(":", 1)[0], otherwise)
    told = _ADVICE_ON_SETTINGS.sub("", message.replace(job.published, "the published data")).strip()
    return ending, told if len(told) <= SHOWN_CHARACTERS else f"{told[:SHOWN_CHARACTERS]}..."


def send_no_rows(out: int) -> None:
    """Send an Arrow stream without columns."""
    pa.ipc.new_stream(pa.PythonFile(_Frames(out), mode="w"), pa.schema([])).close()


def send_rows(relation: duckdb.DuckDBPyRelation, out: int, clock: EngineClock) -> None:
    """Run the statement and send its rows as an Arrow stream."""
    with clock.running():
        reader = stream(relation)
        batches = iter(reader)
        batch = next(batches, None)
    with pa.ipc.new_stream(pa.PythonFile(_Frames(out), mode="w"), reader.schema) as writer:
        while batch is not None:
            writer.write_batch(batch)
            with clock.running():
                batch = next(batches, None)


class EngineClock:
    """What the engine has worked, and the end of the process by the kernel when that is more than it may.

    Waiting for whoever reads the result does not count. The timer of the kernel ends the process even in the midst of
    one long call of a function, where DuckDB cannot be interrupted.
    """

    def __init__(self, limit_seconds: float) -> None:
        self.limit_seconds, self.used_seconds = limit_seconds, 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time within."""
        started = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(self.limit_seconds - self.used_seconds, 1e-6))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.used_seconds += time.monotonic() - started


class _Frames(io.RawIOBase):
    """A file that sends what is written to it as frames of data."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.out = out

    def writable(self) -> bool:
        """It can be written, and nothing else."""
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Send all of it."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), MAX_FRAME_BYTES):
            send(self.out, DATA, view[start : start + MAX_FRAME_BYTES])
        return len(view)


def send(out: int, kind: bytes, body: bytes | memoryview = b"") -> None:
    """Write one frame, whole."""
    for part in (memoryview(HEADER.pack(kind, len(body))), memoryview(body)):
        rest = part
        while rest:
            rest = rest[os.write(out, rest) :]


def _read_exactly(file: int, length: int) -> bytes:
    """That many bytes. Ends the process if they do not come: the parent is gone."""
    parts = bytearray()
    while len(parts) < length:
        part = os.read(file, length - len(parts))
        if not part:
            raise SystemExit("the job ended too soon")
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    main()
