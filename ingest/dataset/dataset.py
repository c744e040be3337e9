"""A dataset folder: which tables it has, and their rows as Arrow record batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import polars as pl
import pyarrow as pa

from engine.storage.custom_fields import CustomFieldType
from ingest.dataset.bad_rows import BadRows, StopAtFirstBadRow
from ingest.dataset.columns import ROW_NUMBER, Table, tables_with
from ingest.dataset.folder import FolderContents, TableSource, read_folder
from ingest.dataset.formats import FORMATS
from ingest.dataset.records import ExtraColumns, TableFile
from ingest.dataset.validation import validated_rows

NO_CUSTOM_FIELDS: Mapping[str, CustomFieldType] = MappingProxyType({})

BATCH_MIN_ROWS = 250_000
BATCH_MIN_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows of a table were read so far, and how many of them were set aside as bad."""

    read: int = 0
    set_aside: int = 0


def open_dataset(
    folder: Path,
    *,
    extra_columns: ExtraColumns = "refuse",
    bad_rows: BadRows | None = None,
    on_progress: Callable[[int], None] | None = None,
    custom_fields: Mapping[str, CustomFieldType] = NO_CUSTOM_FIELDS,
) -> Dataset:
    """The dataset of a folder, with the columns of every file checked and no row read yet.

    `bad_rows` takes the rows that are not valid; without it the first one ends the run with a BadRowError.
    `on_progress` is called with the bytes done so far, of all tables together, out of `total_bytes`.
    `custom_fields` are those that the contacts of its workspace have, besides the contact fields.
    Raises: DatasetError if the folder or one of its files cannot be used as a whole.
    """
    contents = read_folder(folder)
    known = tables_with(custom_fields)
    files = {name: _open_files(source, known[name], extra_columns) for name, source in contents.sources.items()}
    return Dataset(contents, files, bad_rows or StopAtFirstBadRow(), on_progress, custom_fields)


def _open_files(source: TableSource, table: Table, extra_columns: ExtraColumns) -> list[TableFile]:
    """The files of a table. Raises: DatasetError if one cannot be used."""
    return [FORMATS[source.suffix](file, table, extra_columns) for file in source.files]


class Dataset:
    """The tables of a dataset folder. Made by `open_dataset`.

    `failure` is the exception that ended a reader, if one did. Whoever hands a reader to another library raises it anew
    when that library fails: through Arrow's C stream interface an exception arrives as text, within the library's own.
    """

    def __init__(
        self,
        contents: FolderContents,
        files: Mapping[str, list[TableFile]],
        bad_rows: BadRows,
        on_progress: Callable[[int], None] | None,
        custom_fields: Mapping[str, CustomFieldType],
    ) -> None:
        self.tables = tuple(files)
        self.custom_fields = dict(custom_fields)
        self.known_tables = tables_with(custom_fields)
        self.ignored_files = contents.ignored
        self.row_counts: dict[str, RowCounts] = {}
        self.failure: Exception | None = None
        self._files = files
        self._bad_rows = bad_rows
        self._on_progress = on_progress
        self._file_bytes = {file.path: file.path.stat().st_size for parts in files.values() for file in parts}
        self._bytes_done: dict[Path, int] = {}

    @property
    def total_bytes(self) -> int:
        """The size of all files together."""
        return sum(self._file_bytes.values())

    def batches(self, name: str) -> pa.RecordBatchReader:
        """The valid rows of a table, read while the reader is read; none if the folder does not have the table.

        Rows: one per valid record, in file order. Columns: `known_tables[name].schema`: `row_number` (the record's
        number in the table, from 1), then every column of the table, null where the files do not have it.
        Raises: BadRowError or DatasetError, while it is read; the same exception is then in `failure`.
        Each call reads anew: counts start again, and bad rows are handed over again.
        """
        table = self.known_tables[name]
        return pa.RecordBatchReader.from_batches(table.schema, self._record_batches(table))

    def _record_batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Batches of about a quarter of a million rows."""
        try:
            for frame in _grouped(self._frames(table)):
                yield from _arrow_table(frame, table.schema).to_batches()
        except GeneratorExit:  # the reader was not read to its end
            raise
        except Exception as error:
            self.failure = error
            raise

    def _frames(self, table: Table) -> Iterator[pl.DataFrame]:
        """The valid rows of a table. Raises: BadRowError, DatasetError."""
        self.row_counts[table.name] = RowCounts()
        rows_before = 0  # in the parts before this one
        for file in self._files.get(table.name, []):
            last_row = 0
            for records in file.records():
                frame, bad_rows = validated_rows(records, table, str(file.path))
                self._count(table.name, frame.height, len(bad_rows))
                for bad_row in bad_rows:
                    self._bad_rows.take(bad_row)
                last_row = max(last_row, records.last_row)
                yield frame.with_columns(pl.col(ROW_NUMBER) + rows_before)
                self._report(file.path, records.bytes_done)
            rows_before += last_row
            self._report(file.path, self._file_bytes[file.path])

    def _count(self, name: str, valid: int, bad: int) -> None:
        counts = self.row_counts[name]
        self.row_counts[name] = RowCounts(counts.read + valid + bad, counts.set_aside + bad)

    def _report(self, file: Path, bytes_done: int) -> None:
        self._bytes_done[file] = bytes_done
        if self._on_progress:
            self._on_progress(sum(self._bytes_done.values()))


def _grouped(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in larger frames, each as soon as it has enough rows or bytes."""
    group: list[pl.DataFrame] = []
    for frame in frames:
        group.append(frame)
        enough_rows = sum(part.height for part in group) >= BATCH_MIN_ROWS
        if enough_rows or sum(part.estimated_size() for part in group) >= BATCH_MIN_BYTES:
            yield pl.concat(group, how="diagonal", rechunk=True)
            group = []
    if group:
        yield pl.concat(group, how="diagonal", rechunk=True)


def _arrow_table(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame in the columns of the schema; those that it does not have are null."""
    present = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    missing = {field.name: pa.nulls(frame.height, field.type) for field in schema if field.name not in frame.columns}
    columns = [missing[name] if name in missing else present.column(name) for name in schema.names]
    return pa.table(columns, schema=schema)
