"""What becomes of values that only Parquet has: timestamps, decimals, structs, lists and maps."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.test_dataset import (
    KeptBadRows,
    error_of,
    read_table,
)
from tests.test_dataset_parquet import NOON, stored_column, write_column

LONG_NUMERAL = "12345678901234567890.123456789012345678"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "+02:00", "America/New_York"])
def test_timestamps_of_every_unit_and_zone_are_utc(tmp_path: Path, unit: str, zone: str) -> None:
    """A time zone is a way of showing an instant: the instant stays."""
    array = pa.array([NOON, None], pa.timestamp(unit, zone))  # type: ignore[call-overload]  # the unit is one of four
    assert stored_column(tmp_path, "timeline", "occurred_at", array[:1]) == [NOON.replace(tzinfo=None)]
    assert stored_column(tmp_path, "contacts", "created_at", array) == [NOON.replace(tzinfo=None), None]


def test_nanoseconds_are_cut_off_towards_the_past(tmp_path: Path) -> None:
    """Before 1970 too."""
    counts = pa.array([1_999, -1, -1_000, -1_001], pa.int64()).view(pa.timestamp("ns", "UTC"))
    epoch = datetime(1970, 1, 1)
    expected = [epoch + timedelta(microseconds=count) for count in (1, -1, -1, -2)]
    assert stored_column(tmp_path, "contacts", "created_at", counts) == expected


def test_timestamps_are_of_the_years_1_to_9999(tmp_path: Path) -> None:
    """The first and the last microsecond are taken, those beyond are bad rows that show their year."""
    first, end = -62_135_596_800_000_000, 253_402_300_800_000_000
    counts = pa.array([first, end - 1, first - 1, end, 2**62], pa.int64()).view(pa.timestamp("us", "UTC"))
    write_column(tmp_path, "contacts", "created_at", counts)
    bad_rows = KeptBadRows()
    rows = read_table(tmp_path, "contacts", bad_rows=bad_rows)
    assert [row["created_at"] for row in rows] == [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)]
    assert [bad.row for bad in bad_rows.rows] == [3, 4, 5]
    assert bad_rows.rows[1].value == f"{end} us since 1970"
    milliseconds = pa.array([end // 1_000, 2**62], pa.int64()).view(pa.timestamp("ms", "UTC"))
    write_column(tmp_path, "contacts", "created_at", milliseconds)
    assert read_table(tmp_path, "contacts", bad_rows=bad_rows) == []


@pytest.mark.parametrize(
    ("given_type", "values"),
    [
        (pa.int8(), [-7, None]),
        (pa.uint64(), [2**53, None]),
        (pa.float16(), [0.5, None]),
        (pa.float32(), [0.25, None]),
        (pa.float64(), [0.1, None]),
        (pa.decimal128(38, 4), [Decimal("12.3456"), None]),
        (pa.decimal256(60, 2), [Decimal("-1.25"), None]),
    ],
)
def test_numbers_of_every_type_are_doubles(tmp_path: Path, given_type: Any, values: list[Any]) -> None:
    """Also where the type is smaller or larger than a double."""
    expected = [None if value is None else float(value) for value in values]
    assert stored_column(tmp_path, "contacts", "lifetime_value", pa.array(values, given_type)) == expected


@pytest.mark.parametrize(
    ("given_type", "values", "numerals"),
    [
        (pa.decimal128(38, 18), [Decimal(LONG_NUMERAL)], [LONG_NUMERAL]),
        (pa.decimal128(10, 2), [Decimal("-11.70"), None], ["-11.70", None]),
        (pa.int64(), [2**62, None], [str(2**62), None]),
        (pa.float64(), [0.1, 1e19, 123456789.125], ["0.1", "1e+19", "123456789.125"]),
        (pa.float32(), [0.1], ["0.1"]),
    ],
)
def test_a_goal_value_keeps_every_digit(
    tmp_path: Path, given_type: Any, values: list[Any], numerals: list[str | None]
) -> None:
    """A decimal its scale, a double the shortest numeral that means it."""
    assert stored_column(tmp_path, "custom_events", "goal_value", pa.array(values, given_type)) == numerals


@pytest.mark.parametrize(
    ("array", "documents"),
    [
        (
            pa.array([{"a": 1, "b": [True, None]}, None, {"a": None, "b": []}]),
            ['{"a":1,"b":[true,null]}', None, '{"a":null,"b":[]}'],
        ),
        (pa.array([[1.5, None], None, []]), ["[1.5,null]", None, "[]"]),
        (pa.array([[("k", "v")], None, []], pa.map_(pa.string(), pa.string())), ['{"k":"v"}', None, "{}"]),
        (
            pa.array([{"a": [("k", 0.1)]}], pa.struct([("a", pa.map_(pa.string(), pa.float64()))])),
            ['{"a":{"k":0.1}}'],
        ),
        (
            pa.array([{"a": 'say "é"\n', "b": 0.1, "c": 2**60}]),
            ['{"a":"say \\"é\\"\\n","b":0.1,"c":1152921504606846976}'],
        ),
        (pa.array([{"a": "e\u0301"}]), ['{"a":"é"}']),
    ],
)
def test_nested_columns_become_json(tmp_path: Path, array: Any, documents: list[str | None]) -> None:
    """Structs, lists and maps, with the same rules as JSON text."""
    assert stored_column(tmp_path, "contacts", "custom_json_1", array) == documents


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nested_columns_with_nan_or_infinity_are_bad_rows(tmp_path: Path, value: float) -> None:
    """JSON has neither, and null would be something else."""
    write_column(tmp_path, "timeline", "properties", pa.array([{"a": [1.0]}, {"a": [0.0, value]}, None]))
    bad_rows = KeptBadRows()
    rows = read_table(tmp_path, "timeline", bad_rows=bad_rows)
    assert [row["properties"] for row in rows] == ['{"a":[1.0]}', None]
    assert [(bad.row, bad.column) for bad in bad_rows.rows] == [(2, "properties")]
    assert "is not valid JSON" in bad_rows.rows[0].problem


def test_a_nested_text_with_nul_is_a_bad_row(tmp_path: Path) -> None:
    """The rules of JSON text hold."""
    write_column(tmp_path, "timeline", "properties", pa.array([{"a": "x\x00"}]))
    assert "holds a NUL character in a string" in error_of(tmp_path, "timeline")


def test_a_list_is_no_object(tmp_path: Path) -> None:
    """Properties must be an object: a struct or a map."""
    write_column(tmp_path, "timeline", "properties", pa.array([[1]]))
    assert "'[1]' is an array, but must be an object" in error_of(tmp_path, "timeline")


def test_a_null_in_a_list_of_tags_is_refused(tmp_path: Path) -> None:
    """A tag that is not there is a mistake of the writer."""
    write_column(tmp_path, "contacts", "tags", pa.array([["a", None]]))
    assert "row 1, column tags: ['a', None] holds a tag" in error_of(tmp_path)


def test_duckdb_writes_what_is_read(tmp_path: Path) -> None:
    """The types that DuckDB gives to JSON, enums, lists, structs, decimals and timestamps with a time zone."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""COPY (SELECT 'Ada@Example.com' AS email, 'a'::ENUM('a', 'b') AS state, ['x', 'y', 'x'] AS tags,
            '{{"a": 1}}'::JSON AS custom_json_1, {{'b': 1.5::DOUBLE}} AS custom_json_2,
            12.50::DECIMAL(9,2) AS lifetime_value, TIMESTAMPTZ '2026-05-01 12:00:00+00' AS created_at)
            TO '{tmp_path}/contacts.parquet'"""
        )
    (row,) = read_table(tmp_path, "contacts")
    assert row.pop("given").count("1") == 7
    assert {name: value for name, value in row.items() if value is not None} == {
        "row_number": 1,
        "email": "ada@example.com",
        "state": "a",
        "tags": ["x", "y"],
        "custom_json_1": '{"a": 1}',
        "custom_json_2": '{"b":1.5}',
        "lifetime_value": 12.5,
        "created_at": NOON.replace(tzinfo=None),
    }
