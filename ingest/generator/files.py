"""The Parquet files of a dataset folder."""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

DATASET_NAMES = ("contacts.parquet", "timeline", "custom_events.parquet", "lists.parquet", "subscriptions.parquet")

_PART_ROW_COUNT = 2_000_000
_ROW_GROUP_ROW_COUNT = 120_000
_DICTIONARY_PAGE_BYTES = 8 << 20


def require_free(directory: Path) -> None:
    """Refuse a folder that already holds a dataset, whose parts would mix with the new ones. Raises: ValueError."""
    for name in DATASET_NAMES:
        if (directory / name).exists():
            raise ValueError(f"directory: {directory} already holds {name!r}; remove it or choose another folder.")


def remove_files(directory: Path) -> None:
    """Remove the files of a dataset, so that one that could not be finished is not taken for a whole one."""
    for name in DATASET_NAMES:
        path = directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    picked = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    # Any: pyarrow-stubs does not know that use_dictionary takes column names.
    options: dict[str, Any] = {
        "compression": "zstd",
        "use_dictionary": picked,
        "dictionary_pagesize_limit": _DICTIONARY_PAGE_BYTES,
        # Without the Arrow schema readers see plain strings instead of our dictionary codes.
        "store_schema": False,
    }
    return pq.ParquetWriter(path, schema, **options)


class TableFile:
    """One Parquet file that grows table by table; valid, if empty, even when nothing is written."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.row_count = 0
        self._writer = _open_writer(path, schema)
        self._pending: list[pa.Table] = []
        self._pending_count = 0

    def write(self, table: pa.Table) -> None:
        """Append the table; small tables wait until they make a row group together."""
        self.row_count += table.num_rows
        self._pending_count += table.num_rows
        self._pending.append(table)
        if self._pending_count >= _ROW_GROUP_ROW_COUNT:
            self._flush()

    def _flush(self) -> None:
        if self._pending_count:
            # Tables of different chunks carry different dictionaries, a row group has one.
            rows = pa.concat_tables(self._pending).unify_dictionaries()
            self._writer.write_table(rows, row_group_size=rows.num_rows)
        self._pending, self._pending_count = [], 0

    def close(self) -> None:
        """Write what waits, then the footer."""
        try:
            self._flush()
        finally:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PartFolder:
    """A folder of Parquet parts of about equal size: part-00000.parquet and so on, at least one."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.row_count = 0
        self._folder, self._schema = folder, schema
        self._part_number = 0
        folder.mkdir()
        self._part = self._open_part()

    def _open_part(self) -> TableFile:
        return TableFile(self._folder / f"part-{self._part_number:05}.parquet", self._schema)

    def write(self, table: pa.Table) -> None:
        """Append the table as one row group, to a new part when the current one is full."""
        if self._part.row_count >= _PART_ROW_COUNT:
            self._part.close()
            self._part_number += 1
            self._part = self._open_part()
        self._part.write(table)
        self.row_count += table.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._part.close()
