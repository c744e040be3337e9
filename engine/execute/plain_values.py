"""Arrow columns as values that JSON and CSV can hold.

| Arrow | JSON | CSV |
| --- | --- | --- |
| null of any type | null | empty |
| boolean | true, false | true, false |
| integer, decimal | number, with every digit | the same |
| float | number; null for NaN and infinities | number, nan, inf, -inf |
| text | text | text, with an apostrophe before what a spreadsheet would take for a formula |
| bytes | text, base64 | the same |
| instant, with or without zone | text, RFC 3339 in UTC: 2026-01-02T03:04:05.000006Z; infinity | the same |
| date, time | text, ISO 8601: 2026-01-02, 03:04:05 | the same |
| interval, duration | text, ISO 8601: P1M2DT3.5S | the same |
| list | array | its JSON as text |
| struct, map | object; keys of a map as CSV has them | its JSON as text |
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from engine.errors import OutputError
from engine.execute.spreadsheets import as_text_cell

Read = Callable[[Any], list[Any]]
"""The values of a column, ready for orjson."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_INFINITIES = {
    sign * limit: text for limit in (2**31 - 1, 2**63 - 1) for sign, text in ((1, "infinity"), (-1, "-infinity"))
}
"""How DuckDB stores dates and instants without end."""


def json_reader(field: pa.Field[Any]) -> Read:
    """How to read columns of that type for JSON. Raises: OutputError if it has no place in JSON."""
    try:
        return _reader(field.type)
    except NotImplementedError:
        raise OutputError(
            f"column {field.name!r}",
            f"has the type {field.type}, which can only be written as arrow; CAST it AS VARCHAR",
        ) from None


def csv_reader(field: pa.Field[Any]) -> Read:
    """How to read columns of that type for CSV. Raises: OutputError if it has no place in CSV."""
    read = json_reader(field)
    if _is_text(field.type):
        return lambda column: [None if value is None else as_text_cell(value) for value in read(column)]
    if _is_as_in_json(field.type):
        return read
    return lambda column: [None if value is None else _csv_text(value) for value in read(column)]


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_as_in_json(kind: pa.DataType) -> bool:
    """Whether what orjson takes is what the csv module takes too."""
    if pa.types.is_dictionary(kind):
        return _is_as_in_json(kind.value_type)
    return not (pa.types.is_nested(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind))


def _csv_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _reader(kind: pa.DataType) -> Read:
    of = pa.types
    if of.is_dictionary(kind):
        read = _reader(kind.value_type)
        return lambda column: read(column.dictionary_decode())
    if isinstance(kind, pa.BaseExtensionType):
        read = _reader(kind.storage_type)
        return lambda column: read(column.storage)
    if of.is_null(kind) or of.is_boolean(kind) or of.is_integer(kind) or of.is_float64(kind):
        return lambda column: column.to_pylist()
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        return lambda column: column.to_pylist()
    if of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind):
        return _list_reader(kind)
    if of.is_struct(kind):
        return _struct_reader(kind)
    if of.is_map(kind):
        return _map_reader(kind)
    return _each(*_scalar(kind))


def _scalar(kind: pa.DataType) -> tuple[pa.DataType | None, Callable[[Any], object]]:
    """What to cast the column to, if to anything, and what to make of each value."""
    of = pa.types
    if of.is_decimal(kind):
        return None, _numeral
    if of.is_float32(kind) or of.is_float16(kind):
        return None, lambda value: float(str(np.float32(value)))  # the digits that were meant, not those of a double
    if of.is_binary(kind) or of.is_large_binary(kind) or of.is_fixed_size_binary(kind) or of.is_binary_view(kind):
        return None, lambda value: base64.b64encode(value).decode()
    if of.is_timestamp(kind):
        return pa.int64(), lambda value: _instant_text(value, kind.unit)
    if of.is_date32(kind):
        return pa.int32(), _date_text
    if of.is_time(kind):
        return (pa.int64() if of.is_time64(kind) else pa.int32()), lambda value: _time_text(value, kind.unit)
    if of.is_duration(kind):
        return pa.int64(), lambda value: _duration_text(0, 0, value, _PER_SECOND[kind.unit])
    if of.is_interval(kind):
        return None, lambda value: _duration_text(value.months, value.days, value.nanoseconds, _PER_SECOND["ns"])
    raise NotImplementedError


def _each(stored: pa.DataType | None, convert: Callable[[Any], object]) -> Read:
    def read(column: Any) -> list[Any]:
        values = (column if stored is None else column.cast(stored)).to_pylist()
        return [None if value is None else convert(value) for value in values]

    return read


def _list_reader(kind: Any) -> Read:
    read_values = _reader(kind.value_type)
    size = kind.list_size if pa.types.is_fixed_size_list(kind) else None

    def read(column: Any) -> list[Any]:
        if size is None:
            ends = column.offsets.to_pylist()
        else:
            ends = [size * (column.offset + number) for number in range(len(column) + 1)]
        values = read_values(column.values.slice(ends[0], ends[-1] - ends[0]))
        return _parts(column, ends, values)

    return read


def _struct_reader(kind: Any) -> Read:
    fields = [kind.field(number) for number in range(kind.num_fields)]
    names, readers = [field.name for field in fields], [_reader(field.type) for field in fields]

    def read(column: Any) -> list[Any]:
        columns = [read(part) for read, part in zip(readers, column.flatten(), strict=True)]
        rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        return [row if valid else None for row, valid in zip(rows, column.is_valid().to_pylist(), strict=True)]

    return read


def _map_reader(kind: Any) -> Read:
    read_keys, read_items = _reader(kind.key_type), _reader(kind.item_type)

    def read(column: Any) -> list[Any]:
        ends = column.offsets.to_pylist()
        start, length = ends[0], ends[-1] - ends[0]
        keys = [_csv_text(key) for key in read_keys(column.keys.slice(start, length))]
        entries = list(zip(keys, read_items(column.items.slice(start, length)), strict=True))
        return [None if part is None else dict(part) for part in _parts(column, ends, entries)]

    return read


def _parts(column: Any, ends: list[int], values: list[Any]) -> list[Any]:
    """The values of each list; `ends` count from where the first list starts in the column's store."""
    start = ends[0]
    valid = column.is_valid().to_pylist()
    return [values[ends[row] - start : ends[row + 1] - start] if valid[row] else None for row in range(len(column))]


def _numeral(value: Decimal) -> orjson.Fragment:
    return orjson.Fragment(f"{value:f}")


def _instant_text(value: int, unit: str) -> str:
    if value in _INFINITIES:
        return _INFINITIES[value]
    seconds, fraction = divmod(value, _PER_SECOND[unit])
    try:
        text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    except OverflowError:  # before the year 1 or after 9999
        text = str(np.datetime64(seconds, "s"))
    return f"{text}{_fraction_text(fraction, unit)}Z"


def _date_text(value: int) -> str:
    if value in _INFINITIES:
        return _INFINITIES[value]
    try:
        return date.fromordinal(_EPOCH_ORDINAL + value).isoformat()
    except (OverflowError, ValueError):
        return str(np.datetime64(value, "D"))


def _time_text(value: int, unit: str) -> str:
    seconds, fraction = divmod(value, _PER_SECOND[unit])
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{_fraction_text(fraction, unit)}"


def _fraction_text(fraction: int, unit: str) -> str:
    """Nothing for a whole second, else six digits, nine where there are that many."""
    nanoseconds = fraction * (_PER_SECOND["ns"] // _PER_SECOND[unit])
    if not nanoseconds:
        return ""
    return f".{nanoseconds:09}" if nanoseconds % 1000 else f".{nanoseconds // 1000:06}"


def _duration_text(months: int, days: int, value: int, per_second: int) -> str:
    seconds = f"{Decimal(value) / per_second:f}"
    seconds = seconds.rstrip("0").rstrip(".") if "." in seconds else seconds
    parts = [f"{months}M" if months else "", f"{days}D" if days else "", f"T{seconds}S" if value else ""]
    return f"P{''.join(parts)}" if any(parts) else "PT0S"
