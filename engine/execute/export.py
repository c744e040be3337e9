"""Rows as files: what the batches of any Arrow schema look like in each format."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import OutputError, one_of
from engine.execute.plain_values import csv_reader, json_reader

MEMBER_SCHEMA = pa.schema([("segment_id", pa.string()), ("email", pa.string())])
MEMBER_FORMATS = ("csv", "jsonl", "parquet")
_BY_POSITION = frozenset({"arrow", "csv"})
"""Formats in which two columns may have one name."""

Batches = Iterable[pa.RecordBatch]
Writer = Callable[[pa.Schema, Batches, BinaryIO], None]
"""Writes batches of that schema to a file that is open for bytes."""


def format_of(path: Path, known: Sequence[str] | None = None) -> str:
    """The format of a file of that name, by its ending. Raises: OutputError for an ending that is none of `known`."""
    endings = [f".{name}" for name in sorted(known or FORMATS)]
    ending = path.suffix.lower()
    if ending not in endings:
        raise OutputError(path, f"ends in {path.suffix or 'nothing'!r}; it can end in {one_of(endings)}")
    return ending.removeprefix(".")


def writer_of(name: str) -> Writer:
    """How to write a format of FORMATS. What a value becomes: plain_values.py."""
    return FORMATS[name]


def _write_parquet(schema: pa.Schema, batches: Batches, file: BinaryIO) -> None:
    """Raises: OutputError for two columns of one name, or a type that Parquet does not have."""
    check_can_hold(schema, "parquet")
    try:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
    except pa.ArrowNotImplementedError as error:
        raise OutputError("parquet", f"cannot hold a column of this result: {error}; CAST it AS VARCHAR") from error


def _write_arrow(schema: pa.Schema, batches: Batches, file: BinaryIO) -> None:
    """An IPC stream."""
    with pa.ipc.new_stream(cast("io.IOBase", file), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_csv(schema: pa.Schema, batches: Batches, file: BinaryIO) -> None:
    """A header, then a line each; NULL is an empty cell."""
    readers = [csv_reader(field) for field in schema]
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(schema.names)
        for batch in batches:
            columns = [read(column) for read, column in zip(readers, batch.columns, strict=True)]
            writer.writerows(zip(*columns, strict=True))
        text.flush()
    finally:
        text.detach()


def _write_json(schema: pa.Schema, batches: Batches, file: BinaryIO) -> None:
    """One array, an object a line. Raises: OutputError for two columns of one name."""
    before = b"["
    for row in _json_rows(schema, batches, "json"):
        file.write(before + b"\n" + row)
        before = b","
    file.write(b"[]\n" if before == b"[" else b"\n]\n")


def _write_jsonl(schema: pa.Schema, batches: Batches, file: BinaryIO) -> None:
    """An object a line. Raises: OutputError for two columns of one name."""
    file.writelines(row + b"\n" for row in _json_rows(schema, batches, "jsonl"))


def _json_rows(schema: pa.Schema, batches: Batches, name: str) -> Iterator[bytes]:
    check_can_hold(schema, name)
    names, readers = schema.names, [json_reader(field) for field in schema]
    for batch in batches:
        columns: list[list[Any]] = [read(column) for read, column in zip(readers, batch.columns, strict=True)]
        for row in zip(*columns, strict=True):
            yield orjson.dumps(dict(zip(names, row, strict=True)))


def check_can_hold(schema: pa.Schema, name: str) -> None:
    """Raises: OutputError for columns that a format of FORMATS cannot hold."""
    if name in _BY_POSITION:
        return
    seen: set[str] = set()
    for column in schema.names:
        if column in seen:
            raise OutputError(name, f"cannot hold two columns named {column!r}; name them apart with AS")
        seen.add(column)


FORMATS: Mapping[str, Writer] = MappingProxyType(
    {
        "arrow": _write_arrow,
        "csv": _write_csv,
        "json": _write_json,
        "jsonl": _write_jsonl,
        "parquet": _write_parquet,
    }
)
"""Every format, by its name, which is also the ending of its files."""
