"""Members as files: rows (segment_id, email), sorted, written completely or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import OutputError, one_of

MEMBER_SCHEMA = pa.schema([("segment_id", pa.string()), ("email", pa.string())])

Batches = Iterable[pa.RecordBatch]


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once it is complete and on disk; on an error nothing changes.

    Raises: OutputError if the place cannot be written; it is tried at once, before any work.
    """
    if path.is_dir():
        raise OutputError(path, "is a folder; name a file in it")
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        file = aside.open("wb")
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror or error}") from error
    finally:
        aside.unlink(missing_ok=True)


def checked_format(path: Path) -> Callable[[Batches, BinaryIO], None]:
    """How to write a file of that name. Raises: OutputError for an ending that is not known."""
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise OutputError(path, f"ends in {path.suffix or 'nothing'!r}; it can end in {one_of(sorted(_WRITERS))}")
    return write


def _write_parquet(batches: Batches, file: BinaryIO) -> None:
    with pq.ParquetWriter(file, MEMBER_SCHEMA, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_csv(batches: Batches, file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(MEMBER_SCHEMA.names)
    for batch in batches:
        writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    text.flush()
    text.detach()


def _write_jsonl(batches: Batches, file: BinaryIO) -> None:
    for batch in batches:
        file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in batch.to_pylist())


_WRITERS: dict[str, Callable[[Batches, BinaryIO], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
