"""Parquet files: which column types are taken, and what becomes of their values."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import DatasetError
from ingest.dataset import RowCounts, open_dataset
from tests.test_dataset import ROWS, KeptBadRows, error_of, read_rows, read_table

LONG_NUMERAL = "12345678901234567890.123456789012345678"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def write_column(folder: Path, table: str, column: str, array: Any, **options: Any) -> Path:
    """A Parquet file of the table with this column, and with the required ones repeated."""
    columns: dict[str, Any] = {name: pa.array([value] * len(array)) for name, value in ROWS[table].items()}
    path = folder / f"{table}.parquet"
    pq.write_table(pa.table({**columns, column: array}), path, **options)
    return path


def stored(folder: Path, table: str, column: str, array: Any) -> list[Any]:
    """What is stored for the values of a column."""
    write_column(folder, table, column, array)
    return [row[column] for row in read_table(folder, table)]


# --- the file ---------------------------------------------------------------------------------------------------------


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """0 bytes are no Parquet file."""
    (tmp_path / "contacts.parquet").touch()
    assert "is empty; a Parquet file without rows still has a schema" in error_of(tmp_path)


def test_a_schema_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    """With a row group of no rows, and without one."""
    pq.write_table(pa.table({"email": pa.array([], pa.string())}), tmp_path / "contacts.parquet")
    dataset = open_dataset(tmp_path)
    assert read_rows(dataset, "contacts") == []
    assert dataset.row_counts["contacts"] == RowCounts(0, 0)


@pytest.mark.parametrize("content", [b"email\nada@example.com\n", b"PAR1" + b"x" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    """A CSV file with a wrong name; a torn file."""
    (tmp_path / "contacts.parquet").write_bytes(content)
    assert "cannot be read as Parquet" in error_of(tmp_path)


def test_a_damaged_page_is_refused_while_reading(tmp_path: Path) -> None:
    """The footer is whole, so the dataset opens; the error names the file all the same."""
    emails = pa.array([f"{n}@example.com" for n in range(10_000)])
    path = write_column(tmp_path, "contacts", "email", emails, compression="zstd", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[100:20_000] = bytes(19_900)
    path.write_bytes(content)
    assert "contacts.parquet: cannot be read as Parquet" in error_of(tmp_path)


def test_a_file_over_many_row_groups_is_read_in_order(tmp_path: Path) -> None:
    """Row numbers do not start again with a group."""
    write_column(tmp_path, "contacts", "state", pa.array([str(n) for n in range(1_000)]), row_group_size=7)
    rows = read_table(tmp_path, "contacts")
    assert [(row["row_number"], row["state"]) for row in rows] == [(n + 1, str(n)) for n in range(1_000)]


def test_wide_rows_are_read_few_at_a_time(tmp_path: Path) -> None:
    """Memory is bounded by bytes, not by rows."""
    properties = pa.array([f'{{"x": "{n:060000}"}}' for n in range(6_000)])
    write_column(tmp_path, "timeline", "properties", properties, use_dictionary=False)
    batches = list(open_dataset(tmp_path).batches("timeline"))
    assert len(batches) > 1
    assert max(batch.nbytes for batch in batches) < 300_000_000


# --- column types -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_type", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_every_encoding_is_taken(tmp_path: Path, given_type: Any) -> None:
    """Text, a list of text and RFC 3339 text."""
    texts = ["a", None, "é"]
    assert stored(tmp_path, "contacts", "state", pa.array(texts).cast(given_type)) == texts
    instants = pa.array(["2026-05-01T12:00:00Z", None]).cast(given_type)
    assert stored(tmp_path, "contacts", "created_at", instants) == [NOON.replace(tzinfo=None), None]


@pytest.mark.parametrize(
    ("table", "column", "given_type", "message"),
    [
        ("contacts", "state", pa.int64(), "column state is int64, but must be text (string)"),
        ("contacts", "email", pa.binary(), "column email is binary, but must be text (string)"),
        ("contacts", "lifetime_value", pa.string(), "is string, but must be an integer, a float or a decimal"),
        ("contacts", "lifetime_value", pa.bool_(), "is bool, but must be an integer, a float or a decimal"),
        ("contacts", "tags", pa.string(), "is string, but must be a list of text"),
        ("contacts", "tags", pa.list_(pa.int64()), "but must be a list of text"),
        ("contacts", "custom_json_1", pa.int64(), "is int64, but must be JSON text, or a struct, list or map"),
        ("contacts", "created_at", pa.timestamp("us"), "is timestamp[us], which has no time zone; write"),
        ("contacts", "created_at", pa.timestamp("ns"), "is timestamp[ns], which has no time zone"),
        ("contacts", "created_at", pa.date32(), "is date32[day], which has no time zone"),
        ("contacts", "created_at", pa.int64(), "is int64, but must be a timestamp with a time zone"),
        ("lists", "is_public", pa.int8(), "is int8, but must be bool"),
        ("lists", "is_public", pa.string(), "is string, but must be bool"),
        ("custom_events", "goal_value", pa.string(), "is string, but must be an integer"),
        (
            "timeline",
            "properties",
            pa.struct([("a", pa.date32())]),
            "holds date32[day] inside of struct<a: date32[day]>",
        ),
        ("timeline", "properties", pa.struct([("a", pa.list_(pa.binary()))]), "holds binary inside of list<"),
    ],
)
def test_a_column_of_a_wrong_type_is_refused(
    tmp_path: Path, table: str, column: str, given_type: Any, message: str
) -> None:
    """When the dataset is opened, whatever the values are."""
    write_column(tmp_path, table, column, pa.nulls(1, given_type))
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize("column", ["state", "lifetime_value", "created_at", "custom_json_1", "tags"])
def test_a_column_without_a_type_is_missing(tmp_path: Path, column: str) -> None:
    """As writers give it to a column that has nothing but nulls."""
    assert stored(tmp_path, "contacts", column, pa.nulls(2)) == [None, None]


def test_bytes_that_are_not_utf8_are_refused_by_row(tmp_path: Path) -> None:
    """Parquet readers do not look; the rows around it are read."""
    broken = pa.array([b"ok", b"Zo\xeb", b"\xff\xfe", None]).view(pa.string())
    write_column(tmp_path, "contacts", "state", broken)
    bad_rows = KeptBadRows()
    assert [row["state"] for row in read_table(tmp_path, "contacts", bad_rows=bad_rows)] == ["ok", None]
    assert [(bad.row, bad.value) for bad in bad_rows.rows] == [(2, "Zo\ufffd"), (3, "\ufffd\ufffd")]
    assert {bad.problem for bad in bad_rows.rows} == {"is not UTF-8; save the file as UTF-8"}


def test_bytes_that_are_not_utf8_are_refused_inside_of_lists_and_structs(tmp_path: Path) -> None:
    """In tags by row; deeper inside for the whole file."""
    inner: Any = pa.array([b"ok", b"\xff", b"fine"]).view(pa.string())
    write_column(tmp_path, "contacts", "tags", pa.ListArray.from_arrays([0, 1, 2, 3], inner))
    bad_rows = KeptBadRows()
    assert [row["tags"] for row in read_table(tmp_path, "contacts", bad_rows=bad_rows)] == [["ok"], ["fine"]]
    assert [(bad.row, bad.column) for bad in bad_rows.rows] == [(2, "tags")]
    write_column(tmp_path, "contacts", "custom_json_1", pa.StructArray.from_arrays([inner], ["a"]))
    assert "contacts.parquet: " in error_of(tmp_path, bad_rows=bad_rows)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "+02:00", "America/New_York"])
def test_timestamps_of_every_unit_and_zone_are_utc(tmp_path: Path, unit: str, zone: str) -> None:
    """A time zone is a way of showing an instant: the instant stays."""
    array = pa.array([NOON, None], pa.timestamp(unit, zone))  # type: ignore[call-overload]  # the unit is one of four
    assert stored(tmp_path, "timeline", "occurred_at", array[:1]) == [NOON.replace(tzinfo=None)]
    assert stored(tmp_path, "contacts", "created_at", array) == [NOON.replace(tzinfo=None), None]


def test_nanoseconds_are_cut_off_towards_the_past(tmp_path: Path) -> None:
    """Before 1970 too."""
    counts = pa.array([1_999, -1, -1_000, -1_001], pa.int64()).view(pa.timestamp("ns", "UTC"))
    epoch = datetime(1970, 1, 1)
    expected = [epoch + timedelta(microseconds=count) for count in (1, -1, -1, -2)]
    assert stored(tmp_path, "contacts", "created_at", counts) == expected


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
    assert stored(tmp_path, "contacts", "lifetime_value", pa.array(values, given_type)) == expected


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
    assert stored(tmp_path, "custom_events", "goal_value", pa.array(values, given_type)) == numerals


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
    assert stored(tmp_path, "contacts", "custom_json_1", array) == documents


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
