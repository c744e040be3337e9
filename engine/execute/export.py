"""Members as files: rows (segment_id, email), sorted."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import OutputError, one_of

MEMBER_SCHEMA = pa.schema([("segment_id", pa.string()), ("email", pa.string())])

Batches = Iterable[pa.RecordBatch]


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
