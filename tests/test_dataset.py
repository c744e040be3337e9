"""A dataset folder: what is found in it, and how its rows come out.

The other files test_dataset_*.py write and read their files with the functions at the top of this one.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import BadRowError, DatasetError
from ingest.dataset import TABLES, BadRow, Dataset, RowCounts, open_dataset

Row = Mapping[str, Any]
FORMATS = (".csv", ".jsonl", ".parquet")
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


# --- the folder -------------------------------------------------------------------------------------------------------


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
        "bool",
        "bool",
        "timestamp[us]",
    ]
    assert reader.read_all().to_pylist() == [
        {"row_number": 1, "id": "news", "name": "News", "is_public": None, "is_double_optin": None, "deleted_at": None}
    ]


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
    expected |= {"tags": "large_list<item: large_string>"}
    fields = list(TABLES["contacts"].schema)
    assert [(field.name, str(field.type)) for field in fields] == [("row_number", "int64"), *expected.items()]


def test_a_table_that_the_folder_lacks_has_no_rows(tmp_path: Path) -> None:
    """It is not among the tables, and its reader has the schema and nothing else."""
    write_rows(tmp_path, "contacts", ".csv", [ROWS["contacts"]])
    dataset = open_dataset(tmp_path)
    assert dataset.tables == ("contacts",)
    assert dataset.batches("lists").read_all().num_rows == 0


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """The error says what a dataset folder holds."""
    message = error_of(tmp_path / "nowhere")
    assert "nowhere: does not exist" in message
    assert "contacts, timeline, custom_events, lists, subscriptions" in message


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A common slip: naming the file instead of its folder."""
    assert "is not a folder" in error_of(write_rows(tmp_path, "contacts", ".csv", [ROWS["contacts"]]))


def test_a_folder_without_tables_is_refused_with_a_hint(tmp_path: Path) -> None:
    """Empty, or with a name that is nearly right."""
    assert "is an empty folder" in error_of(tmp_path)
    (tmp_path / "contact.csv").write_text("email\n")
    assert "'contact.csv' (did you mean 'contacts'?)" in error_of(tmp_path)


@pytest.mark.parametrize("closed", [".", "contacts.csv", "timeline.jsonl", "lists.parquet", "subscriptions"])
def test_what_may_not_be_read_is_refused(closed: str) -> None:
    """No permission for the folder itself, for a file in each format, or for a folder of parts."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for table, suffix in (("contacts", ".csv"), ("timeline", ".jsonl"), ("lists", ".parquet")):
            write_rows(folder, table, suffix, [ROWS[table]])
        parts_folder(folder, "subscriptions", {"part-1": [ROWS["subscriptions"]]})
        folder.chmod(0o755)
        (folder / closed).chmod(0)
        with without_root():
            message = error_of(folder)
        folder.chmod(0o755)
    assert str(folder / closed) in message
    assert "cannot be read" in message
    assert "Permission denied" in message


def test_one_table_in_two_formats_is_refused(tmp_path: Path) -> None:
    """Neither file is preferred; both are named."""
    write_rows(tmp_path, "contacts", ".csv", [ROWS["contacts"]])
    write_rows(tmp_path, "contacts", ".jsonl", [ROWS["contacts"]])
    assert "holds the table contacts more than once: contacts.csv and contacts.jsonl" in error_of(tmp_path)


def test_a_folder_of_parts_beside_a_file_is_refused(tmp_path: Path) -> None:
    """A folder of parts counts as a format of its own."""
    (tmp_path / "contacts").mkdir()
    write_rows(tmp_path, "contacts", ".parquet", [ROWS["contacts"]])
    assert "contacts and contacts.parquet" in error_of(tmp_path)


def test_other_files_are_ignored_and_listed(tmp_path: Path) -> None:
    """A README, a segments file, a backup: they are no tables, and the report can name them."""
    write_rows(tmp_path, "contacts", ".csv", [ROWS["contacts"]])
    for name in ("README.md", "segments.json", "contacts.csv.bak", "contacts"):
        (tmp_path / name).write_text("?")
    dataset = open_dataset(tmp_path)
    assert dataset.tables == ("contacts",)
    assert dataset.ignored_files == ("README.md", "contacts", "contacts.csv.bak", "segments.json")


# --- folders of parts -------------------------------------------------------------------------------------------------


def parts_folder(folder: Path, table: str, parts: Mapping[str, Sequence[Row]]) -> Path:
    """A folder of Parquet parts."""
    path = folder / table
    path.mkdir()
    for name, rows in parts.items():
        write_rows(path, name, ".parquet", rows)
    return path


def test_parts_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Row numbers go on from part to part; what writers leave besides the parts does not disturb."""
    first, second = [{"email": "a@example.com"}, {"email": "b@example.com"}], [{"email": "c@example.com", "state": "x"}]
    path = parts_folder(tmp_path, "contacts", {"part-2": second, "part-1": first})
    (path / "_SUCCESS").touch()
    (path / ".part-1.parquet.crc").touch()
    rows = read_table(tmp_path, "contacts")
    assert [(row["row_number"], row["email"], row["state"]) for row in rows] == [
        (1, "a@example.com", None),
        (2, "b@example.com", None),
        (3, "c@example.com", "x"),
    ]


def test_a_folder_named_like_a_parquet_file_holds_parts(tmp_path: Path) -> None:
    """As Spark writes it."""
    parts_folder(tmp_path, "contacts", {"part-1": [ROWS["contacts"]]}).rename(tmp_path / "contacts.parquet")
    assert len(read_table(tmp_path, "contacts")) == 1


def test_a_bad_row_in_a_part_names_the_part_and_the_row_within(tmp_path: Path) -> None:
    """That is where the caller looks for it; the row number of later rows counts it nevertheless."""
    good, bad = ROWS["contacts"], {"email": "nobody"}
    parts_folder(tmp_path, "contacts", {"part-1": [good], "part-2": [good, bad, good], "part-3": [good]})
    with pytest.raises(BadRowError) as caught:
        read_table(tmp_path, "contacts")
    assert (Path(caught.value.file).name, caught.value.row) == ("part-2.parquet", 2)


@pytest.mark.parametrize(
    ("entry", "message"),
    [("part.csv", "is no part of contacts"), ("month=1", "is no part of contacts"), (None, "holds no .parquet parts")],
)
def test_a_folder_of_parts_holds_nothing_that_would_be_lost(tmp_path: Path, entry: str | None, message: str) -> None:
    """Data in a format or in a folder that is not read must not be left out in silence."""
    path = tmp_path / "contacts"
    path.mkdir()
    if entry == "part.csv":
        (path / entry).touch()
    elif entry:
        (path / entry).mkdir()
    assert message in error_of(tmp_path)


# --- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_unknown_column_is_refused_with_the_nearest_known_one(tmp_path: Path, suffix: str) -> None:
    """Every unknown column is named."""
    write_rows(tmp_path, "timeline", suffix, [{**ROWS["timeline"], "entity_typ": "x", "zzz": "y"}])
    message = error_of(tmp_path, "timeline")
    assert "unknown columns 'entity_typ' (did you mean 'entity_type'?), 'zzz' (it can be " in message
    assert "--extra-columns ignore" in message


@pytest.mark.parametrize("suffix", FORMATS)
def test_unknown_columns_can_be_ignored(tmp_path: Path, suffix: str) -> None:
    """Whatever is in them."""
    write_rows(tmp_path, "contacts", suffix, [{**ROWS["contacts"], "zzz": "\x00", "state": "NV"}])
    (row,) = read_table(tmp_path, "contacts", extra_columns="ignore")
    assert (row["state"], "zzz" in row) == ("NV", False)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("again", ["state ", "State"])
def test_a_column_twice_is_refused(tmp_path: Path, suffix: str, again: str) -> None:
    """Also where the two differ in blanks or case alone, and also where unknown columns are ignored."""
    write_rows(tmp_path, "contacts", suffix, [{**ROWS["contacts"], "state": "NV", again: "TX"}])
    message = error_of(tmp_path, extra_columns="ignore")
    assert "has the same column more than once" in message
    assert repr(again) in message


@pytest.mark.parametrize("suffix", FORMATS)
def test_blanks_around_a_column_name_do_not_matter(tmp_path: Path, suffix: str) -> None:
    """Nor does a byte order mark that a writer put before the first name."""
    write_rows(tmp_path, "contacts", suffix, [{"\ufeff email\t": "ada@example.com", " state": "NV"}])
    (row,) = read_table(tmp_path, "contacts")
    assert (row["email"], row["state"]) == ("ada@example.com", "NV")


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_case_of_a_column_name_matters(tmp_path: Path, suffix: str) -> None:
    """Email is not email, but the error says so."""
    write_rows(tmp_path, "contacts", suffix, [{"Email": "ada@example.com"}])
    assert "'Email' (did you mean 'email'?)" in error_of(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("table", TABLES)
def test_a_missing_required_column_is_refused(tmp_path: Path, suffix: str, table: str) -> None:
    """Each of them, when the dataset is opened."""
    for name in ROWS[table]:
        others = {other: value for other, value in ROWS[table].items() if other != name} or {"state": "NV"}
        write_rows(tmp_path, table, suffix, [others])
        with pytest.raises(DatasetError, match=f"has no column {name}, which every row of {table} needs"):
            open_dataset(tmp_path)


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


def test_a_reader_raises_its_failure_in_python_too(tmp_path: Path) -> None:
    """Read by pyarrow, the exception arrives as what it is."""
    write_rows(tmp_path, "contacts", ".csv", [{"email": "nobody"}])
    dataset = open_dataset(tmp_path)
    with pytest.raises(BadRowError) as caught:
        dataset.batches("contacts").read_all()
    assert dataset.failure is caught.value
