"""Quotation marks in CSV that do not pair up: Arrow would read on, and swallow rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import DatasetError
from ingest.dataset.csv_body import CsvBody
from ingest.dataset.csv_header import CsvHeader
from tests.test_dataset import KeptBadRows, error_of
from tests.test_dataset_csv import GOOD, write_contacts


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (GOOD + b'b@example.com,"NV\n' + GOOD, "line 3 opens a quotation mark that is never closed"),
        (GOOD + b'b@example.com,"NV', "line 3 opens a quotation mark that is never closed"),
        (b'b@example.com,"NV\nc@example.com,"TX\n', "line 2 has a quotation mark inside of a value"),
        (GOOD + b'b@example.com,5" disk\n', "line 3 has a quotation mark inside of a value"),
        (GOOD + b'b@example.com,"a"b\n' + GOOD, "line 3 has a quotation mark inside of a value"),
        (GOOD + b'b@example.com, "a"\n', "line 3 has a quotation mark inside of a value"),
        (b'a@example.com,"x\ny"\nb@example.com,"a"b\n', "line 4 has a quotation mark inside of a value"),
    ],
)
def test_misplaced_quotation_marks_are_refused(tmp_path: Path, records: bytes, message: str) -> None:
    """The error names the line, and cannot be set aside: what the rest of the file says is anyone's guess."""
    write_contacts(tmp_path, b"email,state\n" + records)
    assert message in error_of(tmp_path)
    assert message in error_of(tmp_path, bad_rows=KeptBadRows())


def test_a_quotation_mark_left_open_in_a_large_file_is_found(tmp_path: Path) -> None:
    """Far before the end of the file."""
    write_contacts(tmp_path, b"email,state\n" + GOOD * 100_000 + b'b@example.com,"NV\n' + GOOD * 3_000_000)
    message = error_of(tmp_path)
    assert "quotation mark" in message
    assert "never closed" in message


def test_a_quotation_mark_in_a_bare_field_of_a_large_file_is_found(tmp_path: Path) -> None:
    """Arrow takes it for a character like others; the error names the line all the same."""
    write_contacts(tmp_path, b"email,state\n" + GOOD * 100_000 + b'b@example.com,5" disk\n' + GOOD * 3_000_000)
    assert "line 100002 has a quotation mark inside of a value" in error_of(tmp_path)


def test_a_misplaced_quotation_mark_does_not_make_us_hold_the_file_in_memory(tmp_path: Path) -> None:
    """Every line end behind it could be inside of quotation marks, but no record is that long."""
    path = write_contacts(tmp_path, b"email\n" + b'5" disk\n' + b"ada@example.com\n" * 1_000)
    with CsvBody(path, CsvHeader(("email",), 6, 2), 100) as body:
        with pytest.raises(DatasetError, match="line 2 has a quotation mark inside of a value"):
            while body.read(100):
                pass
        assert body.bytes_done < 500
