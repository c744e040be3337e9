"""Reading CSV files: which encoding, which delimiter, where records end, and which are none."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DatasetError, InvalidValueError
from ingest.csv_import.dialect import Dialect, read_dialect
from ingest.csv_import.reader import Part, first_part, parts
from ingest.csv_import.records import MISQUOTED, UNCLOSED, Grammar

HEADER = "E-Mail;Vorname;Ort\n"
BODY = "ada@x.example;Adä;Köln\nbob@x.example;Bob;Zürich\n"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(content)
    return path


def rows_of(found: list[Part]) -> list[tuple[object, ...]]:
    return [row for part in found for row in zip(*(column.to_list() for column in part.columns), strict=True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encoding_is_found_out(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, (HEADER + BODY * 5).encode(encoding))
    dialect = read_dialect(path)
    assert dialect.headings == ("E-Mail", "Vorname", "Ort")
    assert rows_of([first_part(path, dialect)])[:2] == [
        ("ada@x.example", "Adä", "Köln"),
        ("bob@x.example", "Bob", "Zürich"),
    ]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Имя;Почта\nИван;a@x.example\nМария Петровна;b@x.example\n"),
        ("shift_jis", "お名前;メールアドレス\n山田太郎;a@x.example\n鈴木花子;b@x.example\n"),
    ],
)
def test_other_alphabets_are_found_out(tmp_path: Path, encoding: str, text: str) -> None:
    path = written(tmp_path, text.encode(encoding))
    assert list(read_dialect(path).headings) == text.splitlines()[0].split(";")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path: Path, delimiter: str) -> None:
    lines = [["Name", "E-Mail", "Note"], ["Ada", "ada@x.example", "one, two; three"], ["Bob", "bob@x.example", ""]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(lines)
    path = written(tmp_path, text.getvalue().encode())
    dialect = read_dialect(path)
    assert (dialect.delimiter, dialect.field_count) == (delimiter, 3)
    assert rows_of(list(parts(path, dialect)))[0] == ("Ada", "ada@x.example", "one, two; three")


def test_a_spreadsheet_may_say_the_delimiter(tmp_path: Path) -> None:
    dialect = read_dialect(written(tmp_path, b"sep=|\r\na|b@x.example\r\nc,d|e@x.example\r\n"))
    assert (dialect.delimiter, dialect.header) == ("|", None)


def test_what_stands_above_the_header_is_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, b'Notes:\n"all, of them"\n\nFirst,Last,E-Mail\nA,B,a@x.example\nC,D,c@x.example\n')
    dialect = read_dialect(path)
    assert dialect.header == ("First", "Last", "E-Mail")
    assert rows_of(list(parts(path, dialect))) == [("A", "B", "a@x.example"), ("C", "D", "c@x.example")]


def test_a_file_without_header_has_numbered_columns(tmp_path: Path) -> None:
    dialect = read_dialect(written(tmp_path, b"ada@x.example,Ada\nbob@x.example,Bob\n"))
    assert (dialect.header, dialect.headings) == (None, ("column 1", "column 2"))
    told = read_dialect(written(tmp_path, b"ada,Ada\nbob,Bob\n"), has_header=False)
    assert told.headings == ("column 1", "column 2")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n  \r\n"])
def test_a_file_without_anything_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DatasetError, match="is empty"):
        read_dialect(written(tmp_path, content))


def test_what_a_caller_says_is_checked(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n")
    with pytest.raises(InvalidValueError, match="no encoding"):
        read_dialect(path, encoding="klingon")
    with pytest.raises(InvalidValueError, match="no delimiter"):
        read_dialect(path, delimiter="::")
    with pytest.raises(DatasetError, match="NUL"):
        read_dialect(written(tmp_path, b"a,b\n\x00\x01,\x02\n"))


def test_bad_records_are_left_out_with_their_number(tmp_path: Path) -> None:
    lines = [
        "mail;name;note",
        'a@x.example;"Ann ""x"" B";5" pipe',
        'b@x.example;"open',
        'c@x.example;C;"two\nlines"',
        "d@x.example;D",
        "",
        'e@x.example;"E"e;x',
        "f@x.example;F;",
        'g@x.example;"never closed',
    ]
    path = written(tmp_path, "\r\n".join(lines).encode())
    found = list(parts(path, read_dialect(path)))
    assert rows_of(found) == [
        ("a@x.example", 'Ann "x" B', '5" pipe'),
        ("c@x.example", "C", "two\nlines"),
        ("f@x.example", "F", None),
    ]
    (part,) = found
    assert part.rows.to_list() == [1, 3, 6]
    refused = {record.row: record.problem for record in part.refused}
    assert refused == {2: MISQUOTED, 4: "has 2 fields, not 3", 5: MISQUOTED, 7: UNCLOSED}
    assert [record.text for record in part.refused][1] == "d@x.example;D"
    assert (part.last_row, part.end) == (7, path.stat().st_size)


def test_what_is_not_utf8_stays_in_its_row(tmp_path: Path) -> None:
    path = written(tmp_path, b"mail,name\na@x.example,\xff\xfe\nb@x.example,ok\n" + b"c@x.example,fine\n" * 3)
    found = rows_of(list(parts(path, Dialect("utf-8", ",", ("mail", "name"), 2, 10))))
    assert found[1] == ("b@x.example", "ok")
    assert "\ufffd" in str(found[0][1])


def test_a_delimiter_more_than_in_the_header_is_an_empty_column(tmp_path: Path) -> None:
    path = written(tmp_path, b"E-Mail;Name\na@x.example;Ada;\nb@x.example;Bob;\n")
    dialect = read_dialect(path)
    assert dialect.header == ("E-Mail", "Name", "")
    assert len(rows_of(list(parts(path, dialect)))) == 2


def test_headers_may_be_numbers_and_values_may_be_long(tmp_path: Path) -> None:
    assert read_dialect(written(tmp_path, b"email,name,2023\na@x.example,Ada,5\n")).header == ("email", "name", "2023")
    long = written(tmp_path, b"email,note\na@x.example," + b"x" * 300_000 + b"\n")
    assert rows_of(list(parts(long, read_dialect(long)))) == [("a@x.example", "x" * 300_000)]


@pytest.mark.parametrize("content", [b"sep=\r\nemail,a\nb@x.example,c\n", b"sep=\xff\nemail,a\nb@x.example,c\n"])
def test_a_line_that_says_no_delimiter_says_nothing(tmp_path: Path, content: bytes) -> None:
    assert read_dialect(written(tmp_path, content)).delimiter == ","


def test_where_a_long_record_stands_changes_nothing(tmp_path: Path) -> None:
    """One that is longer than a part is none, wherever parts end."""
    long = b'x,"' + b"a@x.example,1\n" * 50 + b'"\n'
    found = set()
    for before in (b"", b"y,1\n" * 3, b"y,1\n" * 70):
        path = written(tmp_path, before + long + b"z,2\n")
        rows = rows_of(list(parts(path, Dialect("utf-8", ",", None, 2, 0), part_bytes=2_000)))
        found.add(tuple(row for row in rows if row != ("y", "1")))
    assert len(found) == 1
    assert ("z", "2") in next(iter(found))


CELLS = st.text(alphabet='ab",;\n\r é', max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=12), st.integers(40, 200))
def test_where_parts_end_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], size: int
) -> None:
    """What a writer of the standard library wrote is read back, whatever pieces the file is read in."""
    text = io.StringIO()
    csv.writer(text).writerows(["x", *row] for row in rows)
    path = written(tmp_path_factory.mktemp("csv"), text.getvalue().encode())
    dialect = Dialect("utf-8", ",", None, 3, 0)
    found = list(parts(path, dialect, part_bytes=size))
    wanted = [("x", *(cell or None for cell in row)) for row in rows]
    assert rows_of(found) == wanted
    numbers = pl.concat([part.rows for part in found]).to_list()
    assert numbers == list(range(1, len(rows) + 1))
    # Whoever takes up at the end of a part gets the rest.
    for part in found:
        rest = list(parts(path, dialect, at_byte=part.end, after_row=part.last_row, part_bytes=size))
        assert rows_of(rest) == wanted[part.last_row :]


@given(st.text(alphabet='ab",\n', max_size=40))
def test_any_text_is_taken_to_its_end(text: str) -> None:
    grammar = Grammar(",")
    taken = grammar.take(text.encode(), is_last=True, field_count=2)
    assert taken.end >= len(text)
    whole = taken.text.decode()
    assert whole.count("\x1a") == len(taken.bad)
    # What is left is CSV as the standard library reads it strictly.
    list(csv.reader(io.StringIO(whole, newline=""), strict=True))
