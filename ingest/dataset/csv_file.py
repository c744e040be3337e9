"""Records of a CSV file (RFC 4180: a header, commas, quotation marks)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from engine.errors import DatasetError
from ingest.dataset.bad_rows import VALUE_MAX_CHARACTERS, WHOLE_ROW, BadRow
from ingest.dataset.column_types.arrow_text import text_of_arrow
from ingest.dataset.column_types.conversion import NOT_UTF8
from ingest.dataset.columns import Table
from ingest.dataset.csv_body import CsvBody
from ingest.dataset.csv_header import read_header
from ingest.dataset.header import matched_columns
from ingest.dataset.records import ExtraColumns, Records

BLOCK_BYTES = 16 * 1024 * 1024  # also the longest record that can be read


class CsvFile:
    """One CSV file of a table. Its rows are numbered by record, without the header and blank lines."""

    def __init__(self, path: Path, table: Table, extra_columns: ExtraColumns) -> None:
        self.path = path
        try:
            self._header = read_header(path)
        except OSError as error:
            raise DatasetError(path, f"cannot be read: {error.strerror}") from error
        matched = matched_columns(path, self._header.names, table, extra_columns)
        names = self._header.names
        self._fields = {_field(at): matched[name].name for at, name in enumerate(names) if name in matched}

    def records(self) -> Iterator[Records]:
        """All records. Raises: DatasetError if quotation marks do not pair up, or a record is beyond the limit."""
        numbering = _Numbering()
        try:
            with CsvBody(self.path, self._header, BLOCK_BYTES) as body:
                for batch in self._batches(body, numbering):
                    rows = numbering.of_next(batch.num_rows)
                    columns = {name: text_of_arrow(batch.column(field)) for field, name in self._fields.items()}
                    yield Records(rows, columns, self._bad_rows(numbering.take_passed()), body.bytes_done)
                rows = numbering.of_next(0)  # a file of nothing but ragged records has no batch
                yield Records(rows, {}, self._bad_rows(numbering.take_passed()), body.bytes_done)
        except pa.ArrowInvalid as error:
            raise DatasetError(self.path, _not_csv(str(error), numbering.next_number - 1)) from error
        except OSError as error:
            raise DatasetError(self.path, f"cannot be read: {error.strerror}") from error

    def _batches(self, body: CsvBody, numbering: _Numbering) -> Iterator[pa.RecordBatch]:
        """Arrow's batches of the records that have the right number of fields; it hands the others to `numbering`."""
        if body.at_end:
            return  # which Arrow would call an error
        names = [_field(at) for at in range(len(self._header.names))]
        yield from pa_csv.open_csv(
            cast(IO[bytes], body),
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=numbering.add_ragged),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(self._fields),
                column_types=dict.fromkeys(names, pa.string()),
                check_utf8=False,  # CsvBody did
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )

    def _bad_rows(self, ragged: Iterable[_RaggedRow]) -> list[BadRow]:
        """The bad rows of records that have too few or too many fields."""
        wanted = len(self._header.names)
        return [
            BadRow(str(self.path), row.number, WHOLE_ROW, row.text, f"has {row.field_count} fields, not {wanted}")
            for row in ragged
        ]


@dataclass(frozen=True, slots=True)
class _RaggedRow:
    """A record with a wrong number of fields."""

    number: int
    field_count: int
    text: str


class _Numbering:
    """Numbers the records that Arrow gives, around the ragged ones that it leaves out."""

    def __init__(self) -> None:
        self.next_number = 1
        self._ragged: deque[_RaggedRow] = deque()  # seen while parsing ahead, not passed yet
        self._passed: list[_RaggedRow] = []

    def add_ragged(self, row: pa_csv.InvalidRow) -> Literal["skip"]:
        """Arrow's invalid_row_handler. Parsing in one thread, Arrow numbers all records from 1."""
        text = row.text[:VALUE_MAX_CHARACTERS].replace(NOT_UTF8, "\ufffd")
        self._ragged.append(_RaggedRow(cast(int, row.number), row.actual_columns, text))
        return "skip"

    def of_next(self, count: int) -> pl.Series:
        """Numbers of the next `count` records that are not ragged; passes those between and right after them."""
        runs = [pl.Series([], dtype=pl.Int64)]
        while True:
            run = min(count, self._ragged[0].number - self.next_number) if self._ragged else count
            runs.append(pl.int_range(self.next_number, self.next_number + run, dtype=pl.Int64, eager=True))
            self.next_number += run
            count -= run
            if not self._ragged or self._ragged[0].number > self.next_number:
                return pl.concat(runs)
            self._passed.append(self._ragged.popleft())
            self.next_number += 1

    def take_passed(self) -> list[_RaggedRow]:
        """The ragged records passed since the last call."""
        passed, self._passed = self._passed, []
        return passed


def _field(position: int) -> str:
    """Arrow's name of a field: the header's own names need not be distinct."""
    return f"field_{position}"


def _not_csv(arrow_message: str, rows_done: int) -> str:
    """What to tell the caller when Arrow gives up."""
    if "straddling" in arrow_message:
        return f"has a record beyond {BLOCK_BYTES:,} bytes after row {rows_done:,}; is a quotation mark never closed?"
    return f"cannot be read as CSV after row {rows_done:,}: {arrow_message.partition(chr(10))[0]}"
