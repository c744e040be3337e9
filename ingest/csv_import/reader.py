"""The rows of a CSV file, part by part: each part begins and ends with a record, wherever reading is taken up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from engine.errors import DatasetError
from ingest.csv_import.dialect import Dialect
from ingest.csv_import.encoding import LOOK_BYTES, UTF_8, is_ascii_inside
from ingest.csv_import.records import PLACEHOLDER, BadRecord, Grammar
from ingest.dataset.column_types.arrow_text import MARK_NOT_UTF8, text_of_arrow

PART_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that is no row, as it stands in the file; `problem` says why, and what to do."""

    row: int
    text: str
    problem: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive records.

    Columns: text, by position; empty fields are null. Rows: one per record with the right number of fields; `rows` has
    their numbers in the file, from 1, without the header and blank lines. `end` is the byte at which the next part
    begins, `last_row` the number of the last record, refused ones included.
    """

    rows: pl.Series
    columns: tuple[pl.Series, ...]
    refused: tuple[RefusedRecord, ...]
    end: int
    last_row: int


def parts(
    path: Path, dialect: Dialect, *, at_byte: int | None = None, after_row: int = 0, part_bytes: int = PART_BYTES
) -> Iterator[Part]:
    """The parts of a file from a byte on, at which a record begins; `after_row` is the number of the one before it.

    Where parts end depends on the file and `part_bytes` alone, so that whoever takes up at the end of a part gets the
    same ones again. Raises: DatasetError for a file that cannot be read on.
    """
    grammar = Grammar(dialect.delimiter)
    at = dialect.body_at_byte if at_byte is None else at_byte
    try:
        with path.open("rb") as file:
            while True:
                file.seek(at)
                block = file.read(part_bytes)
                is_last = len(block) < part_bytes
                taken = grammar.take(block, is_last=is_last, field_count=dialect.field_count)
                if not taken.end and not is_last:
                    problem = f"has a line beyond {part_bytes:,} bytes after row {after_row:,}"
                    raise DatasetError(path, f"{problem}; is it a CSV file?")
                at += min(taken.end, len(block))
                part = _part(taken.text, taken.bad, dialect, at, after_row)
                if part.last_row > after_row or is_last:
                    yield part
                after_row = part.last_row
                if is_last:
                    return
    except OSError as error:
        raise DatasetError(path, f"cannot be read: {error.strerror}") from error


def first_part(path: Path, dialect: Dialect) -> Part:
    """The first records, as many as a megabyte holds. Raises: DatasetError."""
    try:
        with path.open("rb") as file:
            start = file.read(LOOK_BYTES)
            is_last = not file.read(1)
    except OSError as error:
        raise DatasetError(path, f"cannot be read: {error.strerror}") from error
    if not is_ascii_inside(dialect.encoding):
        start = start.decode(dialect.encoding, "replace").removeprefix("\ufeff").encode()
        dialect = replace(dialect, encoding=UTF_8)
    text = start[dialect.body_at_byte :]
    taken = Grammar(dialect.delimiter).take(text, is_last=is_last, field_count=dialect.field_count)
    return _part(taken.text, taken.bad, dialect, dialect.body_at_byte + taken.end, 0)


def _part(text: bytes, bad: tuple[BadRecord, ...], dialect: Dialect, end: int, after_row: int) -> Part:
    """The rows in some text, which is CSV of RFC 4180 but for the number of fields."""
    text = _as_utf8(text, dialect.encoding)
    ragged: list[pa_csv.InvalidRow] = []

    def note(row: pa_csv.InvalidRow) -> Literal["skip"]:
        ragged.append(row)
        return "skip"

    names = [str(position) for position in range(dialect.field_count)]
    if not text.strip(b"\r\n"):
        return Part(pl.Series([], dtype=pl.Int64), (), (), end, after_row)
    try:
        table = pa_csv.read_csv(
            cast("io.BytesIO", pa.BufferReader(text)),
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                check_utf8=False,  # _as_utf8 did
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise
        table = pa.table({name: pa.array([], pa.string()) for name in names})  # nothing but refused records
    refused = tuple(_refused(row, bad, dialect, after_row) for row in ragged)
    count = table.num_rows + len(ragged)
    numbers = pl.int_range(after_row + 1, after_row + count + 1, dtype=pl.Int64, eager=True)
    if refused:
        numbers = numbers.filter(~numbers.is_in([record.row for record in refused]))
    columns = tuple(text_of_arrow(table.column(name).combine_chunks()) for name in names)
    return Part(numbers, columns, refused, end, after_row + count)


def _as_utf8(text: bytes, encoding: str) -> bytes:
    """The text in UTF-8; bytes that are not it become NOT_UTF8, and those of another encoding that are not, U+FFFD."""
    if encoding == UTF_8:
        if text.isascii() or _is_utf8(text):
            return text
        return text.decode(errors=MARK_NOT_UTF8).encode()
    return text.decode(encoding, "replace").encode()


def _is_utf8(text: bytes) -> bool:
    """Whether some bytes are UTF-8, found out without a copy of them."""
    ends = pa.py_buffer(len(text).to_bytes(16, "little")[8:] + len(text).to_bytes(8, "little"))
    array = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(text)])
    try:
        array.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def _refused(row: pa_csv.InvalidRow, bad: tuple[BadRecord, ...], dialect: Dialect, after_row: int) -> RefusedRecord:
    """A record with another number of fields than the others, or a bad one, for which a placeholder stands."""
    number = after_row + cast(int, row.number)
    mark = PLACEHOLDER.decode()
    if row.text.startswith(mark):
        place = int(row.text.removeprefix(mark).rstrip(dialect.delimiter))
        return RefusedRecord(number, bad[place].text.decode(dialect.encoding, "replace"), bad[place].problem)
    problem = f"has {row.actual_columns} fields, not {dialect.field_count}"
    return RefusedRecord(number, row.text.replace("\x00", ""), problem)
