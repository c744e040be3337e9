"""What becomes of rows that are not valid: the first one ends the run, or all of them go into a file."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import orjson

from engine.errors import BadRowError, OutputError
from engine.storage.whole_file import replaced_file

VALUE_MAX_CHARACTERS = 1_000
WHOLE_ROW = "(whole row)"  # stands for the column where it is the row that is wrong, not one value in it
BAD_ROW_FIELDS = ("file", "row", "column", "value", "problem")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is not valid: the first problem in it, in the order of the columns.

    `row` counts the records of `file` from 1 (lines in JSONL). `problem` reads on after the value.
    """

    file: str
    row: int
    column: str
    value: object
    problem: str

    def error(self) -> BadRowError:
        """The error that ends a run at this row."""
        return BadRowError(self.file, self.row, self.column, self.value, self.problem)


class BadRows(Protocol):
    """Takes the bad rows of a dataset: at most one per row, in the order of each table."""

    def take(self, bad_row: BadRow) -> None:
        """Deal with one bad row. Raises: BadRowError to end the run; otherwise the row is left out."""


class StopAtFirstBadRow:
    """The first bad row ends the run."""

    def take(self, bad_row: BadRow) -> None:
        """Raises: BadRowError, always."""
        raise bad_row.error()


class BadRowsFile:
    """Sets bad rows aside in a `.jsonl` or `.csv` file, which appears complete when the `with` block ends well.

    Rows: one per bad row. Columns: file, row, column, value (shortened to 1,000 characters), problem.
    When the block ends with an exception, nothing is written, and a file that was there before stays as it was.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in {".jsonl", ".csv"}:
            raise OutputError(path, "a file of bad rows is named *.jsonl or *.csv")
        self.path = path
        self.count = 0
        self._stack = ExitStack()
        self._file: TextIOWrapper | None = None
        self._write: Callable[[BadRow], Any] = self._write_json if path.suffix == ".jsonl" else self._write_csv

    def __enter__(self) -> Self:
        """Raises: OutputError if the file cannot be written."""
        binary = self._stack.enter_context(replaced_file(self.path))
        self._file = TextIOWrapper(binary, "utf-8", newline="", write_through=True)
        if self.path.suffix == ".csv":
            csv.writer(self._file).writerow(BAD_ROW_FIELDS)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raises: OutputError if the file cannot be completed."""
        file, self._file = self._file, None
        try:
            if file is not None:
                file.detach()  # it must not close what it writes to
        except OSError as failure:
            if error is None:
                error_type, error, traceback = type(failure), failure, failure.__traceback__
        self._stack.__exit__(error_type, error, traceback)

    def take(self, bad_row: BadRow) -> None:
        """Write one bad row. Raises: OutputError if it cannot be written."""
        try:
            self._write(bad_row)
        except OSError as error:
            raise OutputError(self.path, f"cannot be written: {error.strerror}") from error
        self.count += 1

    def _write_json(self, bad_row: BadRow) -> None:
        values = (bad_row.file, bad_row.row, bad_row.column, _short(bad_row.value), bad_row.problem)
        self._open_file.write(orjson.dumps(dict(zip(BAD_ROW_FIELDS, values, strict=True))).decode() + "\n")

    def _write_csv(self, bad_row: BadRow) -> None:
        value = "" if bad_row.value is None else _short(bad_row.value)
        csv.writer(self._open_file).writerow((bad_row.file, bad_row.row, bad_row.column, value, bad_row.problem))

    @property
    def _open_file(self) -> TextIOWrapper:
        """Raises: RuntimeError outside of the `with` block."""
        if self._file is None:
            raise RuntimeError("a BadRowsFile takes rows inside its with block only")
        return self._file


def _short(value: object) -> object:
    """The value as both formats can hold it: null, numbers and booleans as they are, all else as short text."""
    if value is None or (isinstance(value, int | float) and abs(value) < 2**53):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text[:VALUE_MAX_CHARACTERS].encode("utf-8", "replace").decode()
