"""From the records of a file to the rows of its table."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ingest.dataset.bad_rows import BadRow
from ingest.dataset.column_types.conversion import NOT_UTF8, Conversion
from ingest.dataset.columns import GIVEN, ROW_NUMBER, Column, Table
from ingest.dataset.records import Records


def validated_rows(records: Records, table: Table, file: str) -> tuple[pl.DataFrame, list[BadRow]]:
    """The rows that are valid, and the others.

    Rows: one per valid record in the frame, and one per other record in the list; both in file order.
    Columns: `row_number` (in the file), `given` if the table is partial, then those columns of the table that have a
    value in these records.
    """
    columns = [records.rows.alias(ROW_NUMBER)]
    if table.partial:
        columns.append(_given(records, table))
    first_problems: dict[int, BadRow] = {}
    for bad_row in records.bad_rows:
        first_problems.setdefault(bad_row.row, bad_row)
    for column in table.columns:
        raw = records.columns.get(column.name)
        if raw is None or raw.null_count() == len(raw):
            if not column.required:
                continue
            raw = pl.repeat(None, len(records.rows), dtype=column.type.stored, eager=True)
        converted = column.type.convert(raw)
        if column.required:
            converted = _with_values_required(converted, column)
        columns.append(converted.values.alias(column.name))
        for position, problem in converted.refused.items():
            row = records.rows[position]
            first_problems.setdefault(row, BadRow(file, row, column.name, _value_as_read(raw, position), problem))
    frame = pl.DataFrame(columns)
    if first_problems:
        frame = frame.filter(~pl.col(ROW_NUMBER).is_in(list(first_problems)))
    return frame, [first_problems[row] for row in sorted(first_problems)]


def _given(records: Records, table: Table) -> pl.Series:
    if records.given is not None:
        return records.given.alias(GIVEN)
    return pl.repeat(table.given(records.columns), len(records.rows), dtype=pl.String, eager=True).alias(GIVEN)


def _with_values_required(converted: Conversion, column: Column) -> Conversion:
    """The conversion that also refuses every missing or empty value of a required column."""
    refused: dict[int, str] = {}
    if converted.values.has_nulls():
        refused |= dict.fromkeys(converted.values.is_null().arg_true().to_list(), "is missing")
    if column.type.stored == pl.String:
        refused |= dict.fromkeys((converted.values == "").arg_true().to_list(), "is empty")
    problems: Mapping[int, str] = {
        position: f"{problem}; every row needs {column.name}" for position, problem in refused.items()
    }
    return Conversion(converted.values, {**problems, **converted.refused}) if refused else converted


def _value_as_read(raw: pl.Series, position: int) -> object:
    """The value of a raw column, for a report."""
    if isinstance(raw.dtype, pl.Datetime):  # only those that are beyond the years that Python and polars can write
        return f"{raw.to_physical()[position]} {raw.dtype.time_unit} since 1970"
    value = raw[position]
    if isinstance(value, pl.Series):
        return value.to_list()
    return value.replace(NOT_UTF8, "\ufffd") if isinstance(value, str) else value
