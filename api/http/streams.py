"""Rows as answers: sent while they are read, with no more than a part of them in memory."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa
from anyio import to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from engine.errors import OutputError
from engine.execute.export import check_can_hold, writer_of

Format = Literal["json", "jsonl", "csv", "arrow", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}

PART_BYTES = 1 << 16
MOST_PARTS = 16
"""So many parts wait for a slow reader; then whoever writes them waits."""

_STOP_SECONDS = 0.2


class StreamedRows(StreamingResponse):
    """Batches as an answer in a format, written in a thread of its own, which waits for who reads.

    `close` is called at the end, and as soon as the client has gone. An error that comes late breaks the answer off:
    it is not taken for a whole one. Raises: OutputError for columns that the format cannot hold.
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        file_format: Format,
        *,
        headers: dict[str, str] | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        try:
            check_can_hold(schema, file_format)
        except OutputError:
            close()
            raise
        self._pipe, self._close = _Pipe(), close
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(
            target=self._write, args=(schema, batches, file_format), name="populace-answer", daemon=True
        )
        super().__init__(self._parts(), media_type=MEDIA_TYPES[file_format], headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self._thread.start()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pipe.abandon()
            self._close()

    async def _parts(self) -> AsyncIterator[bytes]:
        while (part := await to_thread.run_sync(self._pipe.next_part)) is not None:
            yield part
        if self._failures:
            raise self._failures[0]

    def _write(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch], file_format: Format) -> None:
        try:
            buffered = io.BufferedWriter(cast("io.RawIOBase", self._pipe), PART_BYTES)
            writer_of(file_format)(schema, batches, cast(BinaryIO, buffered))
            buffered.flush()
        except BaseException as error:  # it is raised where the parts are read
            self._failures.append(error)
        finally:
            self._pipe.end()


class _Pipe(io.RawIOBase):
    """A file whose bytes come out of `next_part`, in another thread."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: queue.Queue[bytes | None] = queue.Queue(MOST_PARTS)
        self._is_abandoned = False
        self._position = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were written."""
        return self._position

    def write(self, given: Any) -> int:
        """Take bytes, once there is room. Raises: BrokenPipeError when nobody reads them any more."""
        part = bytes(given)
        while True:
            if self._is_abandoned:
                raise BrokenPipeError("nobody reads the answer any more")
            with suppress(queue.Full):
                self._parts.put(part, timeout=_STOP_SECONDS)
                self._position += len(part)
                return len(part)

    def end(self) -> None:
        """Say that there is no more."""
        while not self._is_abandoned:
            with suppress(queue.Full):
                self._parts.put(None, timeout=_STOP_SECONDS)
                return

    def next_part(self) -> bytes | None:
        """The next bytes; None at the end, and when nobody reads any more."""
        while not self._is_abandoned:
            with suppress(queue.Empty):
                return self._parts.get(timeout=_STOP_SECONDS)
        return None

    def abandon(self) -> None:
        """Read no more."""
        self._is_abandoned = True
