"""Parquet files: what is one, and which column types are taken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import DatasetError
from ingest.dataset import RowCounts, open_dataset
from tests.test_dataset import (
    ROWS,
    KeptBadRows,
    error_of,
    read_rows,
    read_table,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def write_column(folder: Path, table: str, column: str, array: Any, **options: Any) -> Path:
    """A Parquet file of the table with this column, and with the required ones repeated."""
    columns: dict[str, Any] = {name: pa.array([value] * len(array)) for name, value in ROWS[table].items()}
    path = folder / f"{table}.parquet"
    pq.write_table(pa.table({**columns, column: array}), path, **options)
    return path


def stored_column(folder: Path, table: str, column: str, array: Any) -> list[Any]:
    """What is stored for the values of a column."""
    write_column(folder, table, column, array)
    return [row[column] for row in read_table(folder, table)]


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


@pytest.mark.parametrize(
    "given_type", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_every_encoding_is_taken(tmp_path: Path, given_type: Any) -> None:
    """Text, a list of text and RFC 3339 text."""
    texts = ["a", None, "é"]
    assert stored_column(tmp_path, "contacts", "state", pa.array(texts).cast(given_type)) == texts
    instants = pa.array(["2026-05-01T12:00:00Z", None]).cast(given_type)
    assert stored_column(tmp_path, "contacts", "created_at", instants) == [NOON.replace(tzinfo=None), None]


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
    assert stored_column(tmp_path, "contacts", column, pa.nulls(2)) == [None, None]


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
