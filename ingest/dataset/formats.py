"""The file formats that a table may have, by the ending of the file's name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ingest.dataset.columns import Table
from ingest.dataset.csv_file import CsvFile
from ingest.dataset.jsonl_file import JsonlFile
from ingest.dataset.parquet_file import ParquetFile
from ingest.dataset.records import ExtraColumns, TableFile


class FileFormat(Protocol):
    """Opens a file of a table: the class of that TableFile."""

    def __call__(self, path: Path, table: Table, extra_columns: ExtraColumns) -> TableFile:
        """Raises: DatasetError if the file cannot be used as a whole."""
        ...


FORMATS: Mapping[str, FileFormat] = {".parquet": ParquetFile, ".csv": CsvFile, ".jsonl": JsonlFile}
PARTS_SUFFIX = ".parquet"  # the format of which a table may be a folder of parts
