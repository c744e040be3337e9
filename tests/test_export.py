"""Rows of any type as files: exact in every format, one way of writing each value."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import OutputError
from engine.execute.export import FORMATS, MEMBER_SCHEMA, format_of, writer_of

NOT_A_NUMBER = "'nan'::DOUBLE"

VALUES: list[tuple[str, Any, str]] = [
    ("NULL", None, ""),
    ("'say \"x\", é\n'", 'say "x", é\n', 'say "x", é\n'),
    ("''", "", ""),
    ("true", True, "true"),
    ("-7", -7, "-7"),
    ("18446744073709551615::UBIGINT", 2**64 - 1, "18446744073709551615"),
    ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1, "170141183460469231731687303715884105727"),
    ("0.1::FLOAT", 0.1, "0.1"),
    ("1e300::DOUBLE", 1e300, "1e+300"),
    (NOT_A_NUMBER, None, "nan"),
    ("'-inf'::DOUBLE", None, "-inf"),
    ("99.5::DECIMAL(38, 9)", Decimal("99.500000000"), "99.500000000"),
    ("0.0000001::DECIMAL(18, 7)", Decimal("0.0000001"), "0.0000001"),
    ("'\\x00\\xFF'::BLOB", "AP8=", "AP8="),
    ("TIMESTAMP '2026-01-02 03:04:05'", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    ("TIMESTAMP '1969-12-31 23:59:59.5'", "1969-12-31T23:59:59.500000Z", "1969-12-31T23:59:59.500000Z"),
    ("TIMESTAMPTZ '2026-01-02 03:04:05+02'", "2026-01-02T01:04:05Z", "2026-01-02T01:04:05Z"),
    ("TIMESTAMP_S '2026-01-02 03:04:05'", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    (
        "TIMESTAMP_NS '2026-01-01 00:00:00.000000001'",
        "2026-01-01T00:00:00.000000001Z",
        "2026-01-01T00:00:00.000000001Z",
    ),
    ("TIMESTAMP 'infinity'", "infinity", "infinity"),
    ("TIMESTAMP '20000-01-01'", "20000-01-01T00:00:00Z", "20000-01-01T00:00:00Z"),
    ("DATE '2026-01-02'", "2026-01-02", "2026-01-02"),
    ("DATE '-infinity'", "-infinity", "-infinity"),
    ("TIME '03:04:05.25'", "03:04:05.250000", "03:04:05.250000"),
    ("INTERVAL '1 month 2 days 3.5 seconds'", "P1M2DT3.5S", "P1M2DT3.5S"),
    ("INTERVAL '-1 days'", "P-1D", "P-1D"),
    ("INTERVAL '0 days'", "PT0S", "PT0S"),
    ("'{\"a\": 1}'::JSON", '{"a": 1}', '{"a": 1}'),
    ("[1, NULL, 3]", [1, None, 3], "[1,null,3]"),
    ("[]::INT[]", [], "[]"),
    ("array_value(1, 2)", [1, 2], "[1,2]"),
    ("[[1], [2, 3]]", [[1], [2, 3]], "[[1],[2,3]]"),
    ("{'a': 1.50, 'at': TIMESTAMP '2026-01-01'}", {"a": Decimal("1.50"), "at": "2026-01-01T00:00:00Z"}, ""),
    ("MAP {DATE '2026-01-01': [0.5]}", {"2026-01-01": [Decimal("0.5")]}, '{"2026-01-01":[0.5]}'),
    ("MAP {true: 1}", {"true": 1}, '{"true":1}'),
    ("'a'::ENUM('a', 'b')", "a", "a"),
    ("[{'a': ['x']}, NULL]", [{"a": ["x"]}, None], '[{"a":["x"]},null]'),
]
"""SQL, what JSON holds, what CSV holds; where that is left empty, it is the text of the JSON."""


def written(name: str, schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> bytes:
    file = io.BytesIO()
    writer_of(name)(schema, batches, file)
    assert not file.closed
    return file.getvalue()


def table_of(sql: str) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table: pa.Table = connection.sql(sql).to_arrow_table()
        return table


def json_rows(text: str, name: str, *, exact: bool) -> list[object]:
    parse_float = Decimal if exact else float
    documents = [text] if name == "json" else text.splitlines()
    rows = [json.loads(document, parse_float=parse_float) for document in documents]
    return rows[0] if name == "json" else rows


@pytest.mark.parametrize(("sql", "in_json", "in_csv"), VALUES, ids=[sql for sql, _, _ in VALUES])
def test_a_value_is_written_one_way(sql: str, in_json: object, in_csv: str) -> None:
    """Alone, among NULLs, and in batches that are parts of a larger one."""
    table = table_of(f"SELECT n, CASE WHEN n <> 1 THEN {sql} END AS v FROM range(4) r(n) ORDER BY n")
    (batch,) = table.to_batches()
    batches = [batch.slice(0, 1), batch.slice(1, 2), batch.slice(3)]
    expected = [in_json, None, in_json, in_json]
    for name in ("json", "jsonl"):
        text = written(name, table.schema, batches).decode()
        rows = json_rows(text, name, exact="Decimal" in repr(in_json))
        assert rows == [{"n": number, "v": value} for number, value in enumerate(expected)]
        if isinstance(in_json, Decimal):
            assert f'"v":{in_csv}}}' in text  # with every digit
    cells = [
        row["v"] for row in csv.DictReader(io.StringIO(written("csv", table.schema, batches).decode(), newline=""))
    ]
    if isinstance(in_json, dict) and not in_csv:
        assert [json.loads(cell, parse_float=Decimal) if cell else None for cell in cells] == expected
    else:
        assert cells == [in_csv, "", in_csv, in_csv]
    if sql != NOT_A_NUMBER:  # which equals nothing
        assert pa.ipc.open_stream(written("arrow", table.schema, batches)).read_all().equals(table)


def test_batches_that_are_parts_of_larger_ones_have_their_own_rows() -> None:
    nested = "MAP {n: n} AS m, [n, n + 1] AS l, {'a': [n]} AS s, array_value(n, n) AS f"
    table = table_of(f"SELECT {nested} FROM range(5) r(n)")
    (batch,) = table.to_batches()
    rows = [
        json.loads(line) for line in written("jsonl", table.schema, [batch.slice(3), batch.slice(1, 2)]).splitlines()
    ]
    assert rows == [{"m": {str(n): n}, "l": [n, n + 1], "s": {"a": [n]}, "f": [n, n]} for n in (3, 4, 1, 2)]


def test_parquet_holds_the_rows_as_they_are() -> None:
    table = table_of(
        "SELECT n, 'x' || n AS t, [n] AS l, TIMESTAMP '2026-01-01' AS at, 1.5::DECIMAL(38,9) AS d FROM range(3) r(n)"
    )
    assert pq.read_table(io.BytesIO(written("parquet", table.schema, table.to_batches()))).equals(table)


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_are_a_file_too(name: str) -> None:
    content = written(name, MEMBER_SCHEMA, [])
    match name:
        case "arrow":
            assert pa.ipc.open_stream(content).schema == MEMBER_SCHEMA
        case "parquet":
            assert pq.read_schema(io.BytesIO(content)) == MEMBER_SCHEMA
        case _:
            assert content == {"csv": b"segment_id,email\n", "json": b"[]\n", "jsonl": b""}[name]


def test_members_are_written_as_ever() -> None:
    batches = [pa.record_batch([["vip"], ["ada@x.example"]], schema=MEMBER_SCHEMA)]
    assert written("csv", MEMBER_SCHEMA, batches) == b"segment_id,email\nvip,ada@x.example\n"
    assert written("jsonl", MEMBER_SCHEMA, batches) == b'{"segment_id":"vip","email":"ada@x.example"}\n'
    assert written("json", MEMBER_SCHEMA, batches) == b'[\n{"segment_id":"vip","email":"ada@x.example"}\n]\n'


@pytest.mark.parametrize("name", ["json", "jsonl", "parquet"])
def test_two_columns_of_one_name_are_refused_rather_than_lost(name: str) -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    with pytest.raises(OutputError, match="two columns named 'a'"):
        written(name, table.schema, table.to_batches())


def test_two_columns_of_one_name_are_two_columns_of_csv_and_arrow() -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    assert written("csv", table.schema, table.to_batches()) == b"a,a\n1,2\n"
    assert pa.ipc.open_stream(written("arrow", table.schema, table.to_batches())).read_all().equals(table)


@pytest.mark.parametrize("name", ["csv", "json", "jsonl"])
def test_a_type_without_a_place_is_refused_by_the_name_of_its_column(name: str) -> None:
    table = table_of("SELECT union_value(a := 1) AS odd")
    with pytest.raises(OutputError, match="column 'odd': has the type"):
        written(name, table.schema, table.to_batches())


def test_an_interval_is_refused_by_parquet() -> None:
    table = table_of("SELECT INTERVAL 1 DAY AS span")
    with pytest.raises(OutputError, match="CAST it AS VARCHAR"):
        written("parquet", table.schema, table.to_batches())


def test_a_format_is_known_by_the_ending_of_a_file() -> None:
    assert {format_of(Path(f"x.{name.upper()}")) for name in FORMATS} == set(FORMATS)
    with pytest.raises(OutputError, match=r"ends in '.txt'; it can end in .arrow, .csv, .json, .jsonl or .parquet"):
        format_of(Path("x.txt"))
    with pytest.raises(OutputError, match=r"it can end in .csv or .json"):
        format_of(Path("x.arrow"), ("json", "csv"))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x.example")', '"\'=HYPERLINK(""http://x.example"")"'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("\tx", "'\tx"),
        ("-5", "-5"),
        ("+49 171 2345678", "+49 171 2345678"),
        ("-1.5e-3", "-1.5e-3"),
        ("a=b", "a=b"),
        ("'quoted'", "'quoted'"),
    ],
)
def test_no_cell_of_csv_is_a_formula(text: str, cell: str) -> None:
    """A name that begins with = must not run in a spreadsheet; the other formats keep it as it is."""
    batch = pa.record_batch({"name": [text]})
    found = {}
    for name in ("csv", "jsonl"):
        file = io.BytesIO()
        writer_of(name)(batch.schema, [batch], file)
        found[name] = file.getvalue().decode()
    assert found["csv"] == f"name\n{cell}\n"
    assert json.loads(found["jsonl"]) == {"name": text}
