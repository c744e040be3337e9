"""JSONL files: one object per line."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRowError, DatasetError
from ingest.dataset import RowCounts, open_dataset
from tests.test_dataset import KeptBadRows, error_of, read_rows, read_table

GOOD = b'{"email":"ada@example.com","state":"NV"}\n'


def write_contacts(folder: Path, content: bytes) -> None:
    """A contacts.jsonl with these bytes."""
    (folder / "contacts.jsonl").write_bytes(content)


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\n", codecs.BOM_UTF8])
def test_an_empty_file_is_a_table_without_rows(tmp_path: Path, content: bytes) -> None:
    """Unlike CSV and Parquet, JSONL has nothing to say about its columns, so nothing is missing."""
    write_contacts(tmp_path, content)
    dataset = open_dataset(tmp_path)
    assert read_rows(dataset, "contacts") == []
    assert dataset.row_counts["contacts"] == RowCounts(0, 0)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_rows_are_numbered_by_line(tmp_path: Path, newline: bytes, last: bool) -> None:
    """Blank lines are skipped but counted, as an editor counts them; a byte order mark does not disturb."""
    lines = [GOOD.strip(), b"", b"  ", GOOD.strip()]
    write_contacts(tmp_path, codecs.BOM_UTF8 + newline.join(lines) + (newline if last else b""))
    assert [row["row_number"] for row in read_table(tmp_path, "contacts")] == [1, 4]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{'email':'a@example.com'}", "is not valid JSON"),
        (b'{"email":"a@example.com"', "is not valid JSON"),
        (b'{"email":"a@example.com"},', "is not valid JSON"),
        (GOOD.strip() * 2, "is not valid JSON"),
        (b'{"lifetime_value":NaN}', "is not valid JSON"),
        (b'{"lifetime_value":1e999}', "is not valid JSON: number is infinity"),
        (b'{"email":"Zo\xeb@example.com"}', "is not UTF-8; save the file as UTF-8"),
        (b'["email"]', "is an array, but each line must be an object"),
        (b'"email"', "is text, but each line must be an object"),
        (b"5", "is a number, but each line must be an object"),
        (b"null", "is null, but each line must be an object"),
    ],
)
def test_a_line_that_is_no_object_is_a_bad_row(tmp_path: Path, line: bytes, message: str) -> None:
    """The lines around it are read."""
    write_contacts(tmp_path, GOOD * 2 + line + b"\n" + GOOD)
    bad_rows = KeptBadRows()
    assert [row["row_number"] for row in read_table(tmp_path, "contacts", bad_rows=bad_rows)] == [1, 2, 4]
    (bad_row,) = bad_rows.rows
    assert (bad_row.row, bad_row.column, bad_row.value) == (3, "(whole row)", line.decode("utf-8", "replace"))
    assert bad_row.problem.startswith(message)


def test_an_array_over_lines_is_not_jsonl(tmp_path: Path) -> None:
    """Lines are taken one by one: what is valid only together is not."""
    write_contacts(tmp_path, b'{"email":"a@example.com","tags":["a"\n' + b',"b"]}\n')
    assert "row 1, column (whole row)" in error_of(tmp_path)


def test_an_unknown_key_is_found_on_every_line(tmp_path: Path) -> None:
    """Also on the last of thousands; the error names the row."""
    write_contacts(tmp_path, GOOD * 3_000 + b'{"email":"b@example.com","stat":"NV"}\n')
    assert "row 3001 has the unknown column 'stat' (did you mean 'state'?)" in error_of(tmp_path)


def test_keys_that_differ_in_blanks_or_case_alone_are_refused(tmp_path: Path) -> None:
    """Even on different lines: they are one column twice."""
    write_contacts(tmp_path, GOOD * 2 + b'{"email":"b@example.com"," state":"NV"}\n')
    assert "row 3 has the same column more than once: ' state', 'state'" in error_of(tmp_path)


def test_of_a_key_twice_in_an_object_the_last_counts(tmp_path: Path) -> None:
    """As in most readers of JSON."""
    write_contacts(tmp_path, b'{"email":"a@example.com","state":"NV","state":"TX"}\n')
    assert read_table(tmp_path, "contacts")[0]["state"] == "TX"


def test_a_key_may_come_late_and_go_again(tmp_path: Path) -> None:
    """Over the slices of lines in which they are read; every value stays in its row."""
    lines = [{"email": "a@example.com"} | ({"state": str(n)} if n % 700 == 650 else {}) for n in range(3_000)]
    write_contacts(tmp_path, "\n".join(map(json.dumps, lines)).encode())
    found = {row["row_number"] - 1: row["state"] for row in read_table(tmp_path, "contacts") if row["state"]}
    assert found == {n: str(n) for n in range(3_000) if n % 700 == 650}


def test_values_of_a_wrong_type_are_bad_rows_by_column(tmp_path: Path) -> None:
    """Each value is looked at by itself, and the first wrong column of a row counts."""
    lines = [
        b'{"email":"a@example.com","state":%b,"tags":%b}\n' % pair
        for pair in ((b"5", b"5"), (b'"x"', b"[]"), (b'"y"', b'"t"'))
    ]
    write_contacts(tmp_path, b"".join(lines))
    bad_rows = KeptBadRows()
    assert [row["state"] for row in read_table(tmp_path, "contacts", bad_rows=bad_rows)] == ["x"]
    assert [(bad.row, bad.column, bad.value) for bad in bad_rows.rows] == [(1, "state", 5), (3, "tags", "t")]


def test_a_required_value_of_a_wrong_type_is_not_called_missing(tmp_path: Path) -> None:
    """The problem is what is there."""
    write_contacts(tmp_path, b'{"email":5}\n')
    with pytest.raises(BadRowError, match="row 1, column email: 5 is a number, but must be text"):
        read_table(tmp_path, "contacts")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_utf16_is_refused_when_the_dataset_is_opened(tmp_path: Path, encoding: str) -> None:
    """By its byte order mark."""
    write_contacts(tmp_path, GOOD.decode().encode(encoding))
    with pytest.raises(DatasetError, match="is UTF-16 or UTF-32; save it as UTF-8"):
        open_dataset(tmp_path)


def test_utf16_without_a_byte_order_mark_is_a_bad_row(tmp_path: Path) -> None:
    """The first one."""
    write_contacts(tmp_path, GOOD.decode().encode("utf-16-be"))
    assert "row 1, column (whole row)" in error_of(tmp_path)


def test_a_line_beyond_every_limit_is_refused(tmp_path: Path) -> None:
    """70 MB without a line end."""
    write_contacts(tmp_path, b'{"email":"' + b"x" * 70_000_000)
    assert "has a line of more than 67,108,864 bytes" in error_of(tmp_path)


def test_a_field_of_a_megabyte_is_a_bad_row_and_no_more(tmp_path: Path) -> None:
    """Over the ends of several blocks."""
    long = b'{"email":"b@example.com","state":"' + b"x" * 1_000_000 + b'"}\n'
    write_contacts(tmp_path, (GOOD + long) * 12)
    bad_rows = KeptBadRows()
    rows = [row["row_number"] for row in read_table(tmp_path, "contacts", bad_rows=bad_rows)]
    assert (rows, [bad.row for bad in bad_rows.rows]) == (list(range(1, 24, 2)), list(range(2, 25, 2)))


_lines = st.sampled_from(
    [GOOD, b"\n", b"{}x\n", b'{"email":"\xc3\xa9@example.com"}\n', b'{"email":"b@example.com","state":5}\n']
)


@given(st.lists(_lines, max_size=30), st.integers(1, 60), st.integers(1, 4))
def test_rows_do_not_depend_on_how_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], block_bytes: int, lines_at_once: int
) -> None:
    """Blocks of a few bytes, slices of a few lines: the same rows and the same bad rows."""
    folder = tmp_path_factory.mktemp("cut")
    write_contacts(folder, b"".join(lines))
    bad_rows = KeptBadRows()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.dataset.jsonl_file.BLOCK_BYTES", block_bytes)
        patch.setattr("ingest.dataset.jsonl_file.LINES_AT_ONCE", lines_at_once)
        rows = [row["row_number"] for row in read_table(folder, "contacts", bad_rows=bad_rows)]
    bad = (b"{}x\n", b'{"email":"b@example.com","state":5}\n')
    assert rows == [number for number, line in enumerate(lines, 1) if line not in (*bad, b"\n")]
    assert [row.row for row in bad_rows.rows] == [number for number, line in enumerate(lines, 1) if line in bad]
