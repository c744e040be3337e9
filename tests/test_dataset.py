"""A dataset folder: how its rows come out.

The other files test_dataset_*.py write and read their files with the functions at the top of this one.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import BadRowError, DatasetError
from ingest.dataset import TABLES, BadRow, Dataset, RowCounts, open_dataset
from ingest.dataset.records import Records

Row = Mapping[str, Any]
FORMATS = (".csv", ".jsonl", ".parquet")
JSONL_AND_PARQUET = (".jsonl", ".parquet")
E_ACUTE, E_AND_ACUTE = "\u00e9", "e\u0301"  # the same text, composed and not
ROWS: Mapping[str, Row] = {  # the least that a row of each table has
    "contacts": {"email": "ada@example.com"},
    "timeline": {"email": "ada@example.com", "kind": "open_email", "occurred_at": "2026-05-01T10:00:00Z"},
    "custom_events": {
        "external_id": "e-1",
        "email": "ada@example.com",
        "event_name": "cart.paid",
        "occurred_at": "2026-05-01T10:00:00Z",
    },
    "lists": {"id": "news", "name": "News"},
    "subscriptions": {"email": "ada@example.com", "list_id": "news", "status": "active"},
}


def write_rows(folder: Path, table: str, suffix: str, rows: Sequence[Row]) -> Path:
    """A file of the table with these rows, its columns in the order in which they first occur."""
    path = folder / f"{table}{suffix}"
    names = list(dict.fromkeys(name for row in rows for name in row))
    if suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([[csv_text(row.get(name)) for name in names] for row in rows])
    elif suffix == ".jsonl":
        path.write_bytes(b"".join(orjson.dumps(dict(row)) + b"\n" for row in rows))
    else:
        columns = {name: [parquet_value(row.get(name)) for row in rows] for name in names}
        pq.write_table(pa.table(columns), path)
    return path


def csv_text(value: object) -> str:
    """The value as CSV writers write it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ";".join(value)
        case dict():
            return json.dumps(value)
        case _:
            return str(value)


def parquet_value(value: object) -> object:
    """The value as Parquet columns hold it: JSON as text."""
    return json.dumps(value) if isinstance(value, dict) else value


def read_table(folder: Path, table: str, **options: Any) -> list[dict[str, Any]]:
    """The rows of a table. Raises: what reading raises."""
    return read_rows(open_dataset(folder, **options), table)


def read_rows(dataset: Dataset, table: str) -> list[dict[str, Any]]:
    """The rows of a table of an open dataset."""
    return list(dataset.batches(table).read_all().to_pylist())


def error_of(folder: Path, table: str = "contacts", **options: Any) -> str:
    """The message of the DatasetError that reading the table raises."""
    with pytest.raises(DatasetError) as caught:
        read_table(folder, table, **options)
    return str(caught.value)


class KeptBadRows:
    """Sets bad rows aside in memory."""

    def __init__(self) -> None:
        self.rows: list[BadRow] = []

    def take(self, bad_row: BadRow) -> None:
        """Keep it."""
        self.rows.append(bad_row)


def stored(folder: Path, suffix: str, table: str, column: str, value: object) -> Any:
    """What is stored for one value."""
    write_rows(folder, table, suffix, [{**ROWS[table], column: value}])
    (row,) = read_table(folder, table)
    return row[column]


def problem(folder: Path, suffix: str, table: str, column: str, value: object) -> str:
    """Why one value, in the second row of two, is refused."""
    write_rows(folder, table, suffix, [ROWS[table], {**ROWS[table], column: value}])
    bad_rows = KeptBadRows()
    assert len(read_table(folder, table, bad_rows=bad_rows)) == 1
    (bad_row,) = bad_rows.rows
    assert (bad_row.row, bad_row.column) == (2, column)
    return bad_row.problem


def parts_folder(folder: Path, table: str, parts: Mapping[str, Sequence[Row]]) -> Path:
    """A folder of Parquet parts."""
    path = folder / table
    path.mkdir()
    for name, rows in parts.items():
        write_rows(path, name, ".parquet", rows)
    return path


@contextmanager
def without_root() -> Iterator[None]:
    """Gives up root's right to read everything, where the tests have it."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(user)


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_large_table_comes_in_batches_that_lose_nothing(tmp_path: Path, suffix: str) -> None:
    """600,000 rows, more than one batch and one block in every format, with their numbers in order."""
    path = tmp_path / f"timeline{suffix}"
    event = "'ada@example.com' AS email, 'k' AS kind, '2026-05-01T10:00:00Z' AS occurred_at, 'e' || i AS entity_id"
    kind = {".csv": "CSV, HEADER", ".jsonl": "JSON", ".parquet": "PARQUET"}[suffix]
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {event} FROM range(600000) t(i)) TO '{path}' (FORMAT {kind})")
    dataset = open_dataset(tmp_path)
    batches = list(dataset.batches("timeline"))
    assert len(batches) >= 2
    assert min(batch.num_rows for batch in batches[:-1]) >= 250_000
    table = pa.Table.from_batches(batches)
    assert table["row_number"].to_pylist() == list(range(1, 600_001))
    assert table["entity_id"].to_pylist() == [f"e{number}" for number in range(600_000)]
    assert dataset.row_counts["timeline"] == RowCounts(600_000, 0)


def test_the_last_row_of_some_records_may_be_a_bad_one() -> None:
    """So that a format with parts counts on behind it."""
    bad_row = BadRow("part-1", 5, "(whole row)", "x", "is wrong")
    assert Records(pl.Series([1, 2]), {}, [bad_row], bytes_done=0).last_row == 5
    assert Records(pl.Series([1, 7]), {}, [bad_row], bytes_done=0).last_row == 7
    assert Records(pl.Series([], dtype=pl.Int64), {}, [], bytes_done=0).last_row == 0


def test_progress_ends_at_all_bytes(tmp_path: Path) -> None:
    """Bytes of all tables together, never falling, and complete at the end."""
    for table, suffix in zip(ROWS, (*FORMATS, *FORMATS), strict=False):
        write_rows(tmp_path, table, suffix, [ROWS[table]] * 3)
    done: list[int] = []
    dataset = open_dataset(tmp_path, on_progress=done.append)
    assert dataset.total_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    for table in dataset.tables:
        read_rows(dataset, table)
    assert done == sorted(done)
    assert done[-1] == dataset.total_bytes


def test_the_failure_of_a_reader_stays_at_hand(tmp_path: Path) -> None:
    """DuckDB raises an error of its own with our text in it; `failure` is the exception itself."""
    write_rows(tmp_path, "contacts", ".csv", [{"email": "nobody"}])
    dataset = open_dataset(tmp_path)
    reader = dataset.batches("contacts")
    with duckdb.connect() as connection:
        connection.register("contacts", reader)
        with pytest.raises(duckdb.Error, match="nobody"):
            connection.execute("CREATE TABLE t AS SELECT * FROM contacts")
    assert isinstance(dataset.failure, BadRowError)
    assert dataset.failure.row == 1


def test_a_reader_that_is_given_up_has_not_failed(tmp_path: Path) -> None:
    """Whoever wants the first rows alone may stop there."""
    write_rows(tmp_path, "contacts", ".csv", [ROWS["contacts"]] * 3)
    dataset = open_dataset(tmp_path)
    reader = dataset.batches("contacts")
    reader.read_next_batch()
    del reader
    assert dataset.failure is None


def test_a_reader_raises_its_failure_in_python_too(tmp_path: Path) -> None:
    """Read by pyarrow, the exception arrives as what it is."""
    write_rows(tmp_path, "contacts", ".csv", [{"email": "nobody"}])
    dataset = open_dataset(tmp_path)
    with pytest.raises(BadRowError) as caught:
        dataset.batches("contacts").read_all()
    assert dataset.failure is caught.value


def test_each_table_can_be_in_each_format(tmp_path: Path) -> None:
    """All five tables, once per format: the rows come out, and tables keep their order."""
    for suffix in FORMATS:
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        for table, row in reversed(list(ROWS.items())):
            write_rows(folder, table, suffix, [row])
        dataset = open_dataset(folder)
        assert dataset.tables == tuple(TABLES)
        for table, row in ROWS.items():
            (stored,) = read_rows(dataset, table)
            texts = {name: value for name, value in row.items() if not name.endswith("_at")}
            assert {name: stored[name] for name in texts} == texts


def test_batches_have_every_column_of_the_table_in_its_order(tmp_path: Path) -> None:
    """Columns that the file lacks are null, the file's order does not matter, and types are those of the table."""
    (tmp_path / "lists.csv").write_text("name,id\nNews,news\n")
    reader = open_dataset(tmp_path).batches("lists")
    assert reader.schema == TABLES["lists"].schema
    assert [str(field.type) for field in reader.schema] == [
        "int64",
        "large_string",
        "large_string",
        "large_string",
        "bool",
        "bool",
        "timestamp[us]",
    ]
    (row,) = reader.read_all().to_pylist()
    missing = dict.fromkeys(["is_public", "is_double_optin", "deleted_at"])
    assert row == {"row_number": 1, "given": "11000", "id": "news", "name": "News", **missing}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_of_partial_tables_say_which_columns_they_give(tmp_path: Path, suffix: str) -> None:
    """An empty cell is given, and removes a value; a column that the file lacks is not. JSONL says it row by row."""
    write_rows(tmp_path, "lists", suffix, [{"id": "a", "name": "A", "is_public": None}, {"id": "b", "name": "B"}])
    given = open_dataset(tmp_path).batches("lists").read_all().column("given").to_pylist()
    assert given == (["11100", "11000"] if suffix == ".jsonl" else ["11100", "11100"])


def test_contacts_have_the_fields_of_the_design() -> None:
    """The names and types of DESIGN section 7, written out here once more."""
    text = "email external_id first_name last_name phone timezone language job_title address_line_1 address_line_2"
    expected = dict.fromkeys([*text.split(), "country", "state", "postcode"], "large_string")
    expected |= {f"custom_string_{n}": "large_string" for n in range(1, 6)}
    expected |= {"lifetime_value": "double", "orders_count": "double"}
    expected |= {f"custom_number_{n}": "double" for n in range(1, 6)}
    expected |= {"last_order_at": "timestamp[us]"} | {f"custom_datetime_{n}": "timestamp[us]" for n in range(1, 6)}
    expected |= {"created_at": "timestamp[us]", "updated_at": "timestamp[us]"}
    expected |= {f"custom_json_{n}": "large_string" for n in range(1, 6)}
    expected |= {"profile": "large_string"}  # free keys
    expected |= {"tags": "large_list<item: large_string>"}
    fields = list(TABLES["contacts"].schema)
    before = [("row_number", "int64"), ("given", "large_string")]
    assert [(field.name, str(field.type)) for field in fields] == [*before, *expected.items()]


def test_a_table_that_the_folder_lacks_has_no_rows(tmp_path: Path) -> None:
    """It is not among the tables, and its reader has the schema and nothing else."""
    write_rows(tmp_path, "contacts", ".csv", [ROWS["contacts"]])
    dataset = open_dataset(tmp_path)
    assert dataset.tables == ("contacts",)
    assert dataset.batches("lists").read_all().num_rows == 0
