"""Records of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import DatasetError
from ingest.dataset.columns import Table
from ingest.dataset.header import matched_columns
from ingest.dataset.records import ExtraColumns, Records

BATCH_ROWS = 262_144
BATCH_MAX_BYTES = 64 * 1024 * 1024


class ParquetFile:
    """One Parquet file of a table: the single one, or one part."""

    def __init__(self, path: Path, table: Table, extra_columns: ExtraColumns) -> None:
        self.path = path
        self._table = table
        try:
            self._file_bytes = path.stat().st_size
            if self._file_bytes == 0:
                raise DatasetError(path, "is empty; a Parquet file without rows still has a schema")
            with pq.ParquetFile(path) as file:
                schema, metadata = file.schema_arrow, file.metadata
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error
        self._names = matched_columns(path, schema.names, table, extra_columns)
        self._row_count = metadata.num_rows
        self._batch_rows = _batch_rows(metadata)
        for name, column in self._names.items():
            if problem := column.type.parquet_problem(schema.field(name).type):
                raise DatasetError(path, f"column {name} {problem}")

    def records(self) -> Iterator[Records]:
        """All rows. Raises: DatasetError if the file is damaged, or if a text inside a nested column is not UTF-8."""
        rows_done = 0
        try:
            with pq.ParquetFile(self.path, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=self._batch_rows, columns=list(self._names)):
                    first, rows_done = rows_done + 1, rows_done + batch.num_rows
                    yield Records(
                        rows=pl.int_range(first, rows_done + 1, dtype=pl.Int64, eager=True),
                        columns=self._raw_columns(batch),
                        bad_rows=(),
                        bytes_done=self._file_bytes * rows_done // max(self._row_count, 1),
                    )
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.path, error) from error

    def _raw_columns(self, batch: pa.RecordBatch) -> dict[str, pl.Series]:
        """The raw columns of a batch, under the table's names."""
        return {column.name: column.type.raw_from_parquet(batch.column(name)) for name, column in self._names.items()}


def _batch_rows(metadata: Any) -> int:
    """How many rows to read at once, so that a batch of wide rows stays within memory."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    row_bytes = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=1)
    return max(1, min(BATCH_ROWS, BATCH_MAX_BYTES // max(row_bytes, 1)))


def _unreadable(path: Path, error: Exception) -> DatasetError:
    """The error for a file that the system or Arrow cannot read."""
    if isinstance(error, OSError) and error.strerror:
        return DatasetError(path, f"cannot be read: {error.strerror}")
    return DatasetError(path, f"cannot be read as Parquet: {str(error).partition(chr(10))[0]}; write it again")
