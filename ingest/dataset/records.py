"""What a file format gives: records as the file has them, not yet validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from ingest.dataset.bad_rows import BadRow

ExtraColumns = Literal["refuse", "ignore"]


@dataclass(frozen=True, slots=True)
class Records:
    """Some consecutive records of one file.

    Rows: one per record that could be taken apart, in file order; `rows` has their numbers in the file, from 1.
    Columns: the raw columns that the file has, under the names that the table gives them (see ColumnType).
    `given` says of each row of a partial table which columns it gives; without it they all give what `columns` holds.
    `bad_rows` are those that the format itself refuses: of a row that is also in `rows`, or of one that is not.
    """

    rows: pl.Series
    columns: Mapping[str, pl.Series]
    bad_rows: Sequence[BadRow]
    bytes_done: int
    given: pl.Series | None = None

    @property
    def last_row(self) -> int:
        """The number of the last record, bad ones included; 0 if there is none."""
        return max([*self.rows.tail(1), *(bad_row.row for bad_row in self.bad_rows)], default=0)


class TableFile(Protocol):
    """One file of a table. Making it checks what the file says about its columns; it holds no open file."""

    path: Path

    def records(self) -> Iterator[Records]:
        """All records, in file order, some megabytes at a time.

        Raises: DatasetError if the file cannot be read on.
        """
        ...
