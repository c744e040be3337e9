"""Bad rows: the first one ends the run, or all of them go into a file that is complete or not there."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadRowError, DatasetError, OutputError
from engine.storage import whole_file
from ingest.dataset import BadRow, BadRowsFile, RowCounts, open_dataset
from tests.test_dataset import FORMATS, ROWS, Row, read_rows, read_table, without_root, write_rows


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_first_bad_row_ends_the_run(tmp_path: Path, suffix: str) -> None:
    """With file, row, column and value, also as attributes."""
    rows = [{"email": "a@example.com"}, {"email": "nobody"}, {"email": "nobody else"}]
    path = write_rows(tmp_path, "contacts", suffix, rows)
    with pytest.raises(BadRowError) as caught:
        read_table(tmp_path, "contacts")
    error = caught.value
    assert (error.file, error.row, error.column, error.value) == (str(path), 2, "email", "nobody")
    assert str(error).startswith(f"{path}: row 2, column email: 'nobody' is not an e-mail address: ")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("bad_suffix", [".jsonl", ".csv"])
def test_bad_rows_are_set_aside_in_a_file(tmp_path: Path, suffix: str, bad_suffix: str) -> None:
    """One line per bad row, of its first problem; the other rows are read, and both are counted."""
    rows: list[Row] = [
        {"email": "a@example.com", "created_at": None, "lifetime_value": None},
        {"email": "nobody", "created_at": "2026-05-01T10:00:00", "lifetime_value": None},
        {"email": "b@example.com", "created_at": "2026-05-01T10:00:00", "lifetime_value": None},
        {"email": "c@example.com", "created_at": None, "lifetime_value": 1.5},
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    file = str(write_rows(folder, "contacts", suffix, rows))
    path = tmp_path / f"bad{bad_suffix}"
    with BadRowsFile(path) as bad_rows:
        dataset = open_dataset(folder, bad_rows=bad_rows)
        good = read_rows(dataset, "contacts")
        assert not path.exists()
    assert [row["row_number"] for row in good] == [1, 4]
    assert bad_rows.count == 2
    assert dataset.row_counts["contacts"] == RowCounts(4, 2)
    written = read_bad_rows(path)
    assert [(row["file"], int(row["row"]), row["column"], row["value"]) for row in written] == [
        (file, 2, "email", "nobody"),
        (file, 3, "created_at", "2026-05-01T10:00:00"),
    ]
    assert "has no time zone" in written[1]["problem"]


def read_bad_rows(path: Path) -> list[dict[str, Any]]:
    """What a file of bad rows holds."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_without_bad_rows_the_file_is_empty(tmp_path: Path, suffix: str) -> None:
    """It replaces that of an earlier run: who looks at it sees that there were none."""
    path = tmp_path / f"bad{suffix}"
    path.write_text("of an earlier run")
    with BadRowsFile(path):
        pass
    assert read_bad_rows(path) == []


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize(
    ("value", "written", "in_csv"),
    [
        ("x" * 1_001, "x" * 1_000, "x" * 1_000),
        ('a,"b"\n', 'a,"b"\n', 'a,"b"\n'),
        ("\ud800", "?", "?"),
        (5, 5, "5"),
        (True, True, "True"),
        (None, None, ""),
        (math.nan, "nan", "nan"),
        (2**80, str(2**80), str(2**80)),
        (["a"] * 1_000, str(["a"] * 1_000)[:1_000], str(["a"] * 1_000)[:1_000]),
        ({"a": b"\xff"}, "{'a': b'\\xff'}", "{'a': b'\\xff'}"),
    ],
)
def test_any_value_can_be_written(tmp_path: Path, suffix: str, value: object, written: object, in_csv: str) -> None:
    """Shortened to 1,000 characters; as it is where the format has such values."""
    path = tmp_path / f"bad{suffix}"
    with BadRowsFile(path) as bad_rows:
        bad_rows.take(BadRow("contacts.csv", 1, "state", value, "is wrong"))
    (row,) = read_bad_rows(path)
    assert row["value"] == (in_csv if suffix == ".csv" else written)
    assert list(row) == ["file", "row", "column", "value", "problem"]


def test_when_the_run_fails_nothing_is_left_behind(tmp_path: Path) -> None:
    """Neither a new file nor a part of one; a file that was there stays as it was."""
    path = tmp_path / "bad.jsonl"
    for before in (None, "of an earlier run"):
        if before:
            path.write_text(before)
        with pytest.raises(DatasetError, match="another reason"), BadRowsFile(path) as bad_rows:
            bad_rows.take(BadRow("contacts.csv", 1, "state", "x", "is wrong"))
            raise DatasetError("timeline.csv", "another reason")
        assert [entry.name for entry in tmp_path.iterdir()] == (["bad.jsonl"] if before else [])
        assert before is None or path.read_text() == before


def test_a_file_of_bad_rows_has_a_format(tmp_path: Path) -> None:
    """Nothing else is guessed from a name."""
    with pytest.raises(OutputError, match=r"is named \*\.jsonl or \*\.csv"):
        BadRowsFile(tmp_path / "bad.parquet")


@pytest.mark.parametrize("name", ["missing/bad.csv", "folder.csv", "file.txt/bad.csv"])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """Before any row is read."""
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(OutputError), BadRowsFile(tmp_path / name):
        pytest.fail("the block must not begin")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file.txt", "folder.csv"]


def test_a_folder_that_may_not_be_written_is_refused_at_once() -> None:
    """No permission."""
    with without_root(), pytest.raises(OutputError, match="Permission denied"), BadRowsFile(Path("/etc/bad.csv")):
        pytest.fail("the block must not begin")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_an_error_of_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a row does not fit, and when what is still buffered does not fit at the end."""
    for count in (1, 1_000):
        bad_rows = BadRowsFile(tmp_path / "bad.jsonl")
        full = Path("/dev/full").open("wb")  # noqa: SIM115 - the file under test closes it
        monkeypatch.setattr(whole_file, "_open_aside", lambda path, full=full: (full, tmp_path / "aside"))
        with pytest.raises(OutputError, match="No space left on device"), bad_rows:
            for row in range(count):
                bad_rows.take(BadRow("contacts.csv", row, "state", "x" * 1_000, "is wrong"))
        assert list(tmp_path.iterdir()) == []


def test_reading_two_tables_collects_both(tmp_path: Path) -> None:
    """One file for the whole dataset, in the order in which the tables are read."""
    write_rows(tmp_path, "contacts", ".csv", [{"email": "nobody"}, ROWS["contacts"]])
    write_rows(tmp_path, "lists", ".jsonl", [{"id": "a b", "name": "x"}, ROWS["lists"]])
    path = tmp_path / "bad.csv"
    with BadRowsFile(path) as bad_rows:
        dataset = open_dataset(tmp_path, bad_rows=bad_rows)
        assert [len(read_rows(dataset, table)) for table in ("lists", "contacts", "timeline")] == [1, 1, 0]
    assert [Path(row["file"]).name for row in read_bad_rows(path)] == ["lists.jsonl", "contacts.csv"]
    assert dataset.row_counts == {
        "lists": RowCounts(2, 1),
        "contacts": RowCounts(2, 1),
        "timeline": RowCounts(0, 0),
    }
