"""A dataset folder, read into validated Arrow record batches.

Where things go:
- a new column of a table, or a new table: `columns.py`;
- a new type of column: one file in `column_types/`, a subclass of `ColumnType`;
- a new file format: one file like `csv_file.py`, a `TableFile`, entered in `formats.py`.
"""

from ingest.dataset.bad_rows import BadRow, BadRows, BadRowsFile, StopAtFirstBadRow
from ingest.dataset.columns import TABLES, Column, Table
from ingest.dataset.dataset import Dataset, RowCounts, open_dataset

__all__ = [
    "TABLES",
    "BadRow",
    "BadRows",
    "BadRowsFile",
    "Column",
    "Dataset",
    "RowCounts",
    "StopAtFirstBadRow",
    "Table",
    "open_dataset",
]
