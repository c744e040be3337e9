"""CSV files: what is a record, what is a field, and what is not UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRowError, DatasetError
from ingest.dataset import RowCounts, open_dataset
from ingest.dataset.column_types.arrow_text import MARK_NOT_UTF8
from ingest.dataset.csv_body import CsvBody
from ingest.dataset.csv_header import CsvHeader
from tests.test_dataset import KeptBadRows, error_of, read_rows, read_table

GOOD = b"ada@example.com,NV\n"


def write_contacts(folder: Path, content: bytes) -> Path:
    """A contacts.csv with these bytes."""
    path = folder / "contacts.csv"
    path.write_bytes(content)
    return path


def states(folder: Path) -> list[tuple[int, str | None]]:
    """Row number and state of each contact."""
    return [(row["row_number"], row["state"]) for row in read_table(folder, "contacts")]


# --- the header -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n \r\n", codecs.BOM_UTF8])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing, blank lines, or a byte order mark alone: not even a header."""
    write_contacts(tmp_path, content)
    assert "is empty; a CSV file without rows still has a header" in error_of(tmp_path)


@pytest.mark.parametrize("content", [b"email,state", b"email,state\n", b"email,state\r\n\r\n\n", b"\n\nemail,state\n"])
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path, content: bytes) -> None:
    """With and without line ends and blank lines."""
    write_contacts(tmp_path, content)
    dataset = open_dataset(tmp_path)
    assert read_rows(dataset, "contacts") == []
    assert dataset.row_counts["contacts"] == RowCounts(0, 0)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    """As Excel writes it, before a bare and before a quoted name."""
    for header in (b"email,state\n", b'"email","state"\n'):
        write_contacts(tmp_path, codecs.BOM_UTF8 + header + GOOD)
        assert states(tmp_path) == [(1, "NV")]


def test_a_header_can_be_quoted_and_go_over_lines(tmp_path: Path) -> None:
    """Blanks around names do not matter, also when a blank is a line end."""
    write_contacts(tmp_path, b'"email\n", "state"\n' + GOOD)
    assert "' \"state\"'" in error_of(tmp_path)  # RFC 4180: a quotation mark is the first character of a field or none
    write_contacts(tmp_path, b'"email\n"," state"\n' + GOOD)
    assert states(tmp_path) == [(1, "NV")]


def test_another_separator_is_noticed(tmp_path: Path) -> None:
    """The whole header is one unknown column; the error says why."""
    write_contacts(tmp_path, b"email;state\nada@example.com;NV\n")
    message = error_of(tmp_path)
    assert "unknown column 'email;state'" in message
    assert "columns are separated by commas" in message


def test_a_column_without_a_name_is_an_unknown_column(tmp_path: Path) -> None:
    """A comma at the end of the header; with extra columns ignored, any number of them."""
    write_contacts(tmp_path, b"email,state,,\nada@example.com,NV,x,y\n")
    assert "unknown columns ''" in error_of(tmp_path)
    (row,) = read_table(tmp_path, "contacts", extra_columns="ignore")
    assert row["state"] == "NV"


# --- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf16_is_refused(tmp_path: Path, encoding: str) -> None:
    """With and without a byte order mark."""
    write_contacts(tmp_path, "email,state\nada@example.com,NV\n".encode(encoding))
    assert "UTF-8" in error_of(tmp_path)


def test_a_latin1_header_is_refused(tmp_path: Path) -> None:
    """Even where its columns would be ignored."""
    write_contacts(tmp_path, "email,Straße\nada@example.com,x\n".encode("latin-1"))
    assert "is not UTF-8 in its header; save it as UTF-8" in error_of(tmp_path, extra_columns="ignore")


@pytest.mark.parametrize("cell", ["Zoë", "ë", "ë,ë"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_latin1_is_refused_by_row(tmp_path: Path, cell: str, newline: str) -> None:
    """The error names the row and the column, and shows what could be read."""
    text = f"email,first_name,state\na@example.com,Ada,TX\nb@example.com,{cell}\n"
    text = text.replace("\n", newline) if "," in cell else text.replace(cell, f"{cell},NV").replace("\n", newline)
    write_contacts(tmp_path, text.encode("latin-1"))
    with pytest.raises(BadRowError) as caught:
        read_table(tmp_path, "contacts")
    assert (caught.value.row, caught.value.column) == (2, "first_name")
    assert str(caught.value.value) == cell.partition(",")[0].replace("ë", "\ufffd")
    assert "is not UTF-8; save the file as UTF-8" in str(caught.value)


@pytest.mark.parametrize("column", ["email", "lifetime_value", "last_order_at", "custom_json_1", "tags", "timezone"])
def test_latin1_is_named_as_such_in_columns_of_every_type(tmp_path: Path, column: str) -> None:
    """Not as a number or an instant that is wrong in some other way."""
    header = f"email,{column}\n" if column != "email" else "state,email\n"
    write_contacts(tmp_path, header.encode() + b"a@example.com,\xe9\n")
    assert f"row 1, column {column}: '\ufffd' is not UTF-8; save the file as UTF-8" in error_of(tmp_path)


def test_latin1_in_an_ignored_column_does_no_harm(tmp_path: Path) -> None:
    """Nobody reads it."""
    write_contacts(tmp_path, b"email,zzz\nada@example.com,\xe9\n")
    assert len(read_table(tmp_path, "contacts", extra_columns="ignore")) == 1


def test_latin1_in_a_row_with_too_few_fields_can_be_set_aside(tmp_path: Path) -> None:
    """Both problems at once must not end the run."""
    write_contacts(tmp_path, b"email,first_name\nb\xe9\nada@example.com,Ada\n")
    bad_rows = KeptBadRows()
    assert [row["row_number"] for row in read_table(tmp_path, "contacts", bad_rows=bad_rows)] == [2]
    assert [(bad.row, bad.value, bad.problem) for bad in bad_rows.rows] == [(1, "b\ufffd", "has 1 fields, not 2")]


_pieces = st.sampled_from(
    [b"a", "\u00e9".encode(), "\U0001f600".encode(), b"\xe9", b"\xf0\x9f", b",", b"\n", b"\r\n", b'"\n"']
)


@given(st.lists(_pieces, max_size=20), st.integers(4, 9))
def test_what_arrow_reads_is_the_file_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], block_bytes: int
) -> None:
    """Blocks of a few bytes cut characters and records anywhere; only what is not UTF-8 changes."""
    content = b"\n".join(pieces)
    path = tmp_path_factory.getbasetemp() / "body.csv"
    path.write_bytes(b"header\n" + content)
    with CsvBody(path, CsvHeader(("header",), 7, 2), block_bytes) as body:
        blocks = list(iter(lambda: body.read(3), b""))
    assert all(len(block) <= 3 for block in blocks)
    assert b"".join(blocks).decode() == content.decode("utf-8", MARK_NOT_UTF8)


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_convention_of_line_ends_is_read(tmp_path: Path, newline: bytes, last: bool) -> None:
    """Also without one at the end of the file, and with blank lines, which are not counted."""
    lines = [b"email,state", b"a@example.com,NV", b"", b'b@example.com,"x"', b"c@example.com,"]
    write_contacts(tmp_path, newline.join(lines) + (newline if last else b""))
    assert states(tmp_path) == [(1, "NV"), (2, "x"), (3, None)]


def test_quoted_fields_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    """RFC 4180; a record over several lines is one row."""
    write_contacts(tmp_path, b'email,state\na@example.com,"x, ""y""\nz"\nb@example.com,"""q"""\n')
    assert states(tmp_path) == [(1, 'x, "y"\nz'), (2, '"q"')]


def test_a_row_with_a_wrong_number_of_fields_is_refused(tmp_path: Path) -> None:
    """Too few and too many; the error says how many there are and should be, and shows the row."""
    write_contacts(tmp_path, b"email,state\n" + GOOD + b"b@example.com\n")
    expected = "contacts.csv: row 2, column (whole row): 'b@example.com' has 1 fields, not 2"
    assert error_of(tmp_path).endswith(expected)
    write_contacts(tmp_path, b"email,state\nb@example.com,NV,x\n" + GOOD)
    assert "row 1, column (whole row): 'b@example.com,NV,x' has 3 fields, not 2" in error_of(tmp_path)


def test_rows_keep_their_numbers_around_bad_ones(tmp_path: Path) -> None:
    """Rows of wrong length and wrong values are counted in one sequence, at the begin, in between and at the end."""
    write_contacts(tmp_path, b"email,state\nx\n" + GOOD + b"nobody,NV\ny\nz\n" + GOOD + b"\n" + GOOD + b"a,b,c\n")
    bad_rows = KeptBadRows()
    dataset = open_dataset(tmp_path, bad_rows=bad_rows)
    assert [row["row_number"] for row in read_rows(dataset, "contacts")] == [2, 6, 7]
    assert [(bad.row, bad.column) for bad in bad_rows.rows] == [
        (1, "(whole row)"),
        (3, "email"),
        (4, "(whole row)"),
        (5, "(whole row)"),
        (8, "(whole row)"),
    ]
    assert dataset.row_counts["contacts"] == RowCounts(8, 5)


def test_the_first_bad_row_is_the_first_in_the_file(tmp_path: Path) -> None:
    """Whatever is wrong with it, and whatever comes later in the same block."""
    write_contacts(tmp_path, b"email,state\n" + GOOD + b"nobody,NV\nx\n" + GOOD)
    assert "row 2, column email" in error_of(tmp_path)
    write_contacts(tmp_path, b"email,state\n" + GOOD + b"x\nnobody,NV\n" + GOOD)
    assert "row 2, column (whole row)" in error_of(tmp_path)


@given(
    st.lists(st.sampled_from([GOOD, b"short\n", b"too,many,fields\n", b'a@example.com,"x\ny"\n', b"\n"]), max_size=30)
)
def test_row_numbers_agree_with_counting(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    """Any order of good, ragged and blank lines, read in blocks of a few records."""
    folder = tmp_path_factory.mktemp("numbers")
    write_contacts(folder, b"email,state\n" + b"".join(records))
    counted = [record for record in records if record != b"\n"]
    bad_rows = KeptBadRows()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.dataset.csv_file.BLOCK_BYTES", 48)
        rows = [row["row_number"] for row in read_table(folder, "contacts", bad_rows=bad_rows)]
    ragged = {b"short\n", b"too,many,fields\n"}
    assert rows == [number for number, record in enumerate(counted, 1) if record not in ragged]
    assert [bad.row for bad in bad_rows.rows] == [number for number, r in enumerate(counted, 1) if r in ragged]


def test_nul_bytes_are_refused_by_row(tmp_path: Path) -> None:
    """In a quoted and in a bare field."""
    write_contacts(tmp_path, b"email,state\n" + GOOD + b"b@example.com,\x00\n")
    assert "row 2, column state: '\\x00' holds a NUL character" in error_of(tmp_path)
    write_contacts(tmp_path, b'email,state\nb@example.com,"N\x00V"\n')
    assert "row 1, column state: 'N\\x00V' holds a NUL character" in error_of(tmp_path)


def test_fields_of_a_megabyte_are_bad_rows_and_no_more(tmp_path: Path) -> None:
    """Forty of them, bare and quoted, over the ends of several blocks: every other row comes out."""
    long = [b"b@example.com," + b"x" * 1_000_000 + b"\n", b'b@example.com,"' + b"x\n" * 500_000 + b'"\n']
    write_contacts(tmp_path, b"email,state\n" + b"".join(GOOD + long[n % 2] for n in range(40)))
    bad_rows = KeptBadRows()
    rows = [row["row_number"] for row in read_table(tmp_path, "contacts", bad_rows=bad_rows)]
    assert rows == list(range(1, 80, 2))
    assert [bad.row for bad in bad_rows.rows] == list(range(2, 81, 2))
    assert {bad.problem for bad in bad_rows.rows} == {"is longer than the limit of 65,536 characters"}


def test_a_record_beyond_every_limit_is_refused(tmp_path: Path) -> None:
    """A record of 40 MB does not crash the reader; the error says after which row it is."""
    write_contacts(tmp_path, b"email,state\n" + GOOD * 3 + b"b@example.com," + b"x" * 40_000_000 + b"\n")
    assert "has a record beyond 16,777,216 bytes after row" in error_of(tmp_path)


# --- a file that changes or breaks while it is read -------------------------------------------------------------------


def test_a_file_that_disappears_is_an_error_of_the_dataset(tmp_path: Path) -> None:
    """Between opening the dataset and reading the table."""
    path = write_contacts(tmp_path, b"email,state\n" + GOOD)
    dataset = open_dataset(tmp_path)
    path.unlink()
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        read_rows(dataset, "contacts")
