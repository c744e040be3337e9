"""Which files of a dataset folder are read, and which folders are refused."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engine.errors import BadRowError
from ingest.dataset import open_dataset
from tests.test_dataset import (
    ROWS,
    error_of,
    parts_folder,
    read_table,
    without_root,
    write_rows,
)


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
    assert "contact.csv: looks like the table contacts" in error_of(tmp_path)


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
