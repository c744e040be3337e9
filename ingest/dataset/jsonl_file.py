"""Records of a JSONL file: one JSON object per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from engine.errors import DatasetError
from ingest.dataset.bad_rows import WHOLE_ROW, BadRow
from ingest.dataset.column_types.column_type import JSON_NAMES
from ingest.dataset.columns import Column, Table
from ingest.dataset.encoding import refuse_utf16, without_byte_order_mark
from ingest.dataset.header import matched_columns
from ingest.dataset.records import ExtraColumns, Records

LINES_AT_ONCE = 500  # so few that their objects stay in the processor's cache until they are taken apart
BLOCK_BYTES = 4 * 1024 * 1024
LINE_MAX_BYTES = 64 * 1024 * 1024


class JsonlFile:
    """One JSONL file of a table. Its rows are numbered by line, and blank lines are skipped."""

    def __init__(self, path: Path, table: Table, extra_columns: ExtraColumns) -> None:
        self.path = path
        self._table = table
        self._extra_columns = extra_columns
        try:
            with path.open("rb") as file:
                refuse_utf16(path, file.read(4))
        except OSError as error:
            raise DatasetError(path, f"cannot be read: {error.strerror}") from error

    def records(self) -> Iterator[Records]:
        """All objects. Raises: DatasetError for a key that the table does not know, or a line beyond the limit."""
        keys = _Keys(self.path, self._table, self._extra_columns)
        line_number = 1
        for lines, bytes_done in self._blocks():
            yield self._records_of(lines, line_number, keys, bytes_done)
            line_number += len(lines)

    def _blocks(self) -> Iterator[tuple[list[bytes], int]]:
        """Complete lines of some megabytes, and how many bytes are read by then."""
        bytes_done = 0
        begun: list[bytes] = []  # a line whose end has not been read yet
        try:
            with self.path.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    block = without_byte_order_mark(block) if bytes_done == 0 else block
                    bytes_done += len(block)
                    *lines, rest = block.split(b"\n")
                    if lines:
                        lines[0] = b"".join([*begun, lines[0]])
                        begun = []
                        yield lines, bytes_done
                    begun.append(rest)
                    if sum(map(len, begun)) > LINE_MAX_BYTES:
                        raise DatasetError(self.path, f"has a line of more than {LINE_MAX_BYTES:,} bytes; is it JSONL?")
        except OSError as error:
            raise DatasetError(self.path, f"cannot be read: {error.strerror}") from error
        last = b"".join(begun)
        if last:
            yield [last], bytes_done

    def _records_of(self, lines: list[bytes], first_number: int, keys: _Keys, bytes_done: int) -> Records:
        """The records of some lines, the first of which has `first_number`."""
        numbers: list[int] = []
        values: dict[str, list[object]] = {}  # by key, one per number
        bad_rows: list[BadRow] = []
        given: list[str] = []
        for start in range(0, len(lines), LINES_AT_ONCE):
            some_lines = lines[start : start + LINES_AT_ONCE]
            some_numbers, objects = self._objects(some_lines, first_number + start, bad_rows)
            keys.meet(some_numbers, objects)
            for key in keys.columns:
                values.setdefault(key, [None] * len(numbers)).extend([found.get(key) for found in objects])
            numbers += some_numbers
            if self._table.partial:
                given += [keys.given(found) for found in objects]
        columns = {
            column.name: self._raw_column(column, values[key], numbers, bad_rows)
            for key, column in keys.columns.items()
            if key in values
        }
        rows = pl.Series(numbers, dtype=pl.Int64)
        return Records(rows, columns, bad_rows, bytes_done, pl.Series(given, dtype=pl.String) if given else None)

    def _objects(
        self, lines: list[bytes], first_number: int, bad_rows: list[BadRow]
    ) -> tuple[Iterable[int], list[dict[str, Any]]]:
        """The objects among the lines, with their line numbers; adds a bad row for each other, unless it is blank."""
        try:
            objects = list(map(orjson.loads, lines))
            if set(map(type, objects)) == {dict}:
                return range(first_number, first_number + len(lines)), objects
        except orjson.JSONDecodeError:
            pass  # some line is blank or not JSON
        numbers, objects = [], []
        for number, line in enumerate(lines, first_number):
            if not line.strip():
                continue
            parsed, problem = _object_or_problem(line)
            if parsed is None:
                value = line.decode("utf-8", "replace").strip()
                bad_rows.append(BadRow(str(self.path), number, WHOLE_ROW, value, problem))
            else:
                numbers.append(number)
                objects.append(parsed)
        return numbers, objects

    def _raw_column(
        self, column: Column, values: list[object], numbers: list[int], bad_rows: list[BadRow]
    ) -> pl.Series:
        """The raw column of some values; adds a bad row for each value that is not of the column's type."""
        try:
            return column.type.raw_from_json(values)
        except TypeError:
            problems = {
                position: problem
                for position, value in enumerate(values)
                if value is not None and (problem := column.type.json_problem(value))
            }
        for position, problem in problems.items():
            bad_rows.append(BadRow(str(self.path), numbers[position], column.name, values[position], problem))
        return column.type.raw_from_json([None if at in problems else value for at, value in enumerate(values)])


class _Keys:
    """The keys that a file has used so far, and the column for each that has one."""

    def __init__(self, path: Path, table: Table, extra_columns: ExtraColumns) -> None:
        self.columns: dict[str, Column] = {}
        self._path, self._table, self._extra_columns = path, table, extra_columns
        self._met: set[str] = set()
        self._given: dict[tuple[str, ...], str] = {}

    def meet(self, numbers: Iterable[int], objects: list[dict[str, Any]]) -> None:
        """Learn the keys of some objects. Raises: DatasetError with the row of a key that is unknown or there twice."""
        new = set[str]().union(*objects) - self._met
        if not new:
            return
        try:
            self._learn(new)
        except DatasetError:
            for number, found in zip(numbers, objects, strict=True):  # which row was it?
                try:
                    self._learn(found.keys())
                except DatasetError as error:
                    raise DatasetError(self._path, f"row {number} {error.problem}") from error
            raise

    def given(self, found: dict[str, Any]) -> str:
        """Which columns an object gives, as `Table.given` writes it."""
        keys = tuple(found)
        given = self._given.get(keys)
        if given is None:
            names = {self.columns[key].name for key in keys if key in self.columns}
            given = self._given[keys] = self._table.given(names)
        return given

    def _learn(self, keys: Set[str]) -> None:
        """Learn some keys. Raises: DatasetError."""
        names = sorted(self._met | keys)
        self.columns = matched_columns(self._path, names, self._table, self._extra_columns, complete=False)
        self._met |= keys


def _object_or_problem(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """The object on a line, or None and what is wrong with the line."""
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            line.decode()
        except UnicodeDecodeError:
            return None, "is not UTF-8; save the file as UTF-8"
        return None, f"is not valid JSON: {error}"
    if isinstance(parsed, dict):
        return parsed, ""
    kind = "null" if parsed is None else JSON_NAMES[type(parsed)]
    return None, f"is {kind}, but each line must be an object"
