"""What each type of column takes, refuses and stores, in every file format."""

from __future__ import annotations

import json
import math
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRowError
from ingest.dataset.column_types.email import Email
from ingest.dataset.column_types.instant import Instant
from ingest.dataset.column_types.json_text import JsonText
from ingest.dataset.column_types.number import ExactNumber, Number
from tests.test_dataset import FORMATS, ROWS, KeptBadRows, read_table, write_rows

JSONL_AND_PARQUET = (".jsonl", ".parquet")
E_ACUTE, E_AND_ACUTE = "\u00e9", "e\u0301"  # the same text, composed and not


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


# --- missing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_missing_value_is_null(tmp_path: Path, suffix: str) -> None:
    """Null, or an empty CSV cell, in a column of each type."""
    columns = ("state", "lifetime_value", "last_order_at", "custom_json_1", "tags")
    write_rows(tmp_path, "contacts", suffix, [{**ROWS["contacts"], **dict.fromkeys(columns)}])
    (row,) = read_table(tmp_path, "contacts")
    assert [row[column] for column in columns] == [None] * 5


def test_an_empty_csv_cell_is_missing_quoted_or_not(tmp_path: Path) -> None:
    """CSV has no other way to leave a value out."""
    (tmp_path / "contacts.csv").write_text('email,state,country\nada@example.com,"",\n')
    (row,) = read_table(tmp_path, "contacts")
    assert (row["state"], row["country"]) == (None, None)


@pytest.mark.parametrize("suffix", JSONL_AND_PARQUET)
def test_an_empty_text_is_a_value_outside_of_csv(tmp_path: Path, suffix: str) -> None:
    """These formats tell an empty text from none."""
    assert stored(tmp_path, suffix, "contacts", "state", "") == ""


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("table", "column"), [(table, column) for table, row in ROWS.items() for column in row])
def test_a_required_value_is_neither_missing_nor_empty(tmp_path: Path, suffix: str, table: str, column: str) -> None:
    """For every required column of every table."""
    assert problem(tmp_path, suffix, table, column, None).startswith("is missing; every row needs")
    if suffix in JSONL_AND_PARQUET:
        assert problem(tmp_path, suffix, table, column, "").startswith("is empty")


def test_a_key_absent_from_a_json_line_is_missing(tmp_path: Path) -> None:
    """Of an optional column: null. Of a required one: a bad row."""
    (tmp_path / "lists.jsonl").write_text('{"id":"a","name":"A","is_public":true}\n{"id":"b","name":"B"}\n{"id":"c"}\n')
    with pytest.raises(BadRowError, match="row 3, column name: None is missing"):
        read_table(tmp_path, "lists")


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (E_AND_ACUTE, E_ACUTE),
        ("\u212b", "\u00c5"),  # angstrom sign
        ("Зоя 王 😀", "Зоя 王 😀"),
        (" two  blanks ", " two  blanks "),
        ("a\nb\r\nc", "a\nb\r\nc"),
        ('say "hi", ok', 'say "hi", ok'),
        ("x" * 65_536, "x" * 65_536),
        ("é" * 65_536, "é" * 65_536),
        (E_AND_ACUTE * 65_536, E_ACUTE * 65_536),  # the limit holds for what is stored
    ],
)
def test_text_is_kept_in_nfc(tmp_path: Path, suffix: str, value: str, expected: str) -> None:
    """Nothing else changes: no trimming, and line ends stay."""
    assert stored(tmp_path, suffix, "contacts", "first_name", value) == expected


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 65_537, "is longer than the limit of 65,536 characters"),
        ("x" * 1_000_000, "is longer than the limit of 65,536 characters"),
        ("é" * 65_537, "is longer than the limit of 65,536 characters"),
        ("a\x00b", "holds a NUL character"),
    ],
)
def test_text_too_long_or_with_nul_is_refused(tmp_path: Path, suffix: str, value: str, message: str) -> None:
    """Also a field of 1 MB, and also where the column is the name of a list."""
    assert message in problem(tmp_path, suffix, "contacts", "first_name", value)
    assert message in problem(tmp_path, suffix, "lists", "name", value)


@pytest.mark.parametrize("value", [5, 5.5, True, [], {}])
def test_json_that_is_no_text_is_refused(tmp_path: Path, value: object) -> None:
    """5 is not a country; the error shows what it is and what it must be."""
    message = problem(tmp_path, ".jsonl", "contacts", "country", value)
    assert message.startswith("is ")
    assert message.endswith(", but must be text")


# --- e-mail -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("table", ["contacts", "timeline", "custom_events", "subscriptions"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  Ada.Lovelace@Example.COM\t", "ada.lovelace@example.com"),
        (f"Ren{E_AND_ACUTE}@Example.com", f"ren{E_ACUTE}@example.com"),
        ("info@XN--BCHER-KVA.example", "info@bücher.example"),
        ("info@BÜCHER.example", "info@bücher.example"),
        ("ada@ｅｘａｍｐｌｅ。com", "ada@example.com"),
        ("o'brien+news@mail-1.co.uk", "o'brien+news@mail-1.co.uk"),
    ],
)
def test_an_address_has_one_spelling_in_every_table(
    tmp_path: Path, suffix: str, table: str, value: str, expected: str
) -> None:
    """So that events find their contact, however either of them writes it."""
    assert stored(tmp_path, suffix, table, "email", value) == expected


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "value",
    [
        "nobody",
        "a@b",
        "a@@example.com",
        ".a@example.com",
        "a..b@example.com",
        "a b@example.com",
        "a@exa\nmple.com",
        "a@-example.com",
        "a@ab--cd.com",
        "a@example.c0",
        "a@example.test",
        "a@sub.localhost",
        "a@example.com,b@example.com",
        "Ada <ada@example.com>",
        "a@" + "x" * 64 + ".com",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused_in_contacts_alone(tmp_path: Path, suffix: str, value: str) -> None:
    """Elsewhere it belongs to no contact, and the report counts it."""
    assert "e-mail address" in problem(tmp_path, suffix, "contacts", "email", value)
    assert stored(tmp_path, suffix, "timeline", "email", value) == value.lower()


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_address_of_blanks_is_empty(tmp_path: Path, suffix: str) -> None:
    """In every table."""
    assert problem(tmp_path, suffix, "contacts", "email", "  ").startswith("is empty")
    assert problem(tmp_path, suffix, "timeline", "email", "  ").startswith("is empty")


@given(
    st.one_of(
        st.text(alphabet="aZ09._-@+'xn é", min_size=1, max_size=30),
        st.from_regex(r"\A[A-Za-z0-9._+-]{1,70}@([A-Za-z0-9-]{1,65}\.){1,4}[A-Za-z0-9]{1,8}\Z"),
        st.sampled_from(["test", "local", "arpa", "com", "onion"]).map("a@b.{}".format),
        st.integers(240, 260).map(lambda length: "a" * (length - 12) + "@example.com"),
    )
)
def test_the_fast_path_takes_exactly_what_email_validator_takes(address: str) -> None:
    """The regular expression for ordinary addresses never decides otherwise than email_validator."""
    converted = Email(validated=True).convert(pl.Series([address]))
    try:
        expected = validate_email(address.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        expected = None
    assert converted.values.to_list() == [expected]
    assert (0 in converted.refused) == (expected is None)


# --- words and patterns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("timeline", "kind", "a" * 128),
        ("timeline", "kind", "page.view:v2-x_9"),
        ("timeline", "kind", "custom_event.Cart/Paid-2"),
        ("custom_events", "event_name", "Cart/Paid.x:y-z_1"),
        ("custom_events", "event_name", "x" * 100),
        ("custom_events", "goal_type", "purchase"),
        ("lists", "id", "News_2.x-y"),
        ("lists", "id", "x" * 64),
        ("subscriptions", "list_id", "x" * 64),
        ("subscriptions", "status", "complained"),
    ],
)
def test_a_word_of_the_right_form_is_kept(tmp_path: Path, suffix: str, table: str, column: str, value: str) -> None:
    """As it is."""
    assert stored(tmp_path, suffix, table, column, value) == value


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("timeline", "kind", "a" * 129, "is not a kind: it has 1 to 128"),
        ("timeline", "kind", "Open", "is not a kind: it has 1 to 128 characters of a-z"),
        ("timeline", "kind", "open\n", "is not a kind"),
        ("timeline", "kind", "custom_event.a b", "is not a kind"),
        ("timeline", "kind", "custom_event." + "X" * 101, "is not a kind"),
        ("custom_events", "event_name", "x" * 101, "is not an event name"),
        ("custom_events", "event_name", "a b", "is not an event name"),
        ("custom_events", "goal_type", "Purchase", "must be purchase, subscription, lead, signup"),
        ("lists", "id", "x" * 65, "is not a list id: it has 1 to 64 characters"),
        ("lists", "id", "a/b", "is not a list id"),
        ("subscriptions", "list_id", "ä", "is not a list id"),
        ("subscriptions", "status", "ACTIVE", "must be active, pending, unsubscribed, bounced or complained"),
    ],
)
def test_a_word_of_another_form_is_refused(
    tmp_path: Path, suffix: str, table: str, column: str, value: str, message: str
) -> None:
    """The error says what is allowed."""
    assert message in problem(tmp_path, suffix, table, column, value)


# --- instants ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-05-01T10:00:00Z", "2026-05-01T10:00:00"),
        ("2026-05-01t10:00:00z", "2026-05-01T10:00:00"),
        ("2026-05-01 10:00:00.5+02:00", "2026-05-01T08:00:00.500000"),
        ("2026-05-01T10:00:00-09:30", "2026-05-01T19:30:00"),
        ("2026-05-01T10:00:00-00:00", "2026-05-01T10:00:00"),
        ("2026-05-01T10:00:00.1234567891234Z", "2026-05-01T10:00:00.123456"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999"),
        ("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ("0000-12-31T23:30:00-01:00", "0001-01-01T00:30:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        ("9999-12-31T23:59:59+00:01", "9999-12-31T23:58:59"),
    ],
)
def test_an_instant_is_stored_in_utc(tmp_path: Path, suffix: str, value: str, expected: str) -> None:
    """To the microsecond, cut off towards the past, over the years 0001 to 9999."""
    assert stored(tmp_path, suffix, "timeline", "occurred_at", value) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2026-05-01T10:00:00", "has no time zone; write it as 2026-05-01T10:00:00Z or with an offset"),
        ("2026-05-01 10:00:00.25", "has no time zone"),
        ("2026-05-01", "is a date without a time; write it as"),
        ("2026-05-01T24:00:00Z", "hour 24 or a leap second"),
        ("2016-12-31T23:59:60Z", "hour 24 or a leap second"),
        ("2026-02-29T10:00:00Z", "is not a day of the calendar"),
        ("2026-13-01T10:00:00Z", "is not a day of the calendar"),
        ("2026-00-01T10:00:00+01:00", "is not a day of the calendar"),
        ("0001-01-01T00:00:00+00:01", "is not within the years 0001 to 9999 of UTC"),
        ("0000-06-01T00:00:00Z", "is not within the years 0001 to 9999 of UTC"),
        ("9999-12-31T23:00:00-01:00", "is not within the years 0001 to 9999 of UTC"),
        ("9999-12-31T23:59:59-00:01", "is not within the years 0001 to 9999 of UTC"),
        ("10000-01-01T00:00:00Z", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00Z", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00:00+0200", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00:00+24:00", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00:00.Z", "is not an RFC 3339 instant"),
        ("2026-05-01T10:60:00Z", "is not an RFC 3339 instant"),
        (" 2026-05-01T10:00:00Z", "is not an RFC 3339 instant"),
        ("２026-05-01T10:00:00Z", "is not an RFC 3339 instant"),
        ("1777629600", "is not an RFC 3339 instant"),
        ("yesterday", "is not an RFC 3339 instant"),
    ],
)
def test_what_is_no_instant_is_refused(tmp_path: Path, suffix: str, value: str, message: str) -> None:
    """The error says which rule it breaks."""
    assert message in problem(tmp_path, suffix, "timeline", "occurred_at", value)


def test_a_json_number_is_no_instant(tmp_path: Path) -> None:
    """Seconds or milliseconds: nobody knows."""
    message = problem(tmp_path, ".jsonl", "timeline", "occurred_at", 1_777_629_600)
    assert message == "is a number, but must be an RFC 3339 instant in a text"


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from(["", ".5", ".25000000001"]),
)
def test_instants_agree_with_python(instant: datetime, offset_minutes: int, fraction: str) -> None:
    """Any instant at any offset, alone and in one column with an instant of the fast path."""
    sign = "-" if offset_minutes < 0 else "+"
    offset = f"{sign}{abs(offset_minutes) // 60:02}:{abs(offset_minutes) % 60:02}"
    text = f"{instant:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction + offset
    microseconds = {"": 0, ".5": 500_000, ".25000000001": 250_000}[fraction]
    naive = instant.replace(microsecond=microseconds, tzinfo=None)
    try:
        expected = naive - timedelta(minutes=offset_minutes)
    except OverflowError:
        expected = None
    fast = "2026-05-01T10:00:00Z"
    converted = Instant().convert(pl.Series([text, fast]))
    assert converted.values.to_list() == [expected, datetime(2026, 5, 1, 10)]


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("value", [0, -7, 12.5, 0.1, 1e300, 5e-324, -0.0, 2**53 + 1, 123456789.125])
def test_a_number_is_stored_as_a_double(tmp_path: Path, suffix: str, value: float) -> None:
    """Integers and floats."""
    number = stored(tmp_path, suffix, "contacts", "lifetime_value", value)
    assert isinstance(number, float)
    assert number == float(value)


@pytest.mark.parametrize(("text", "value"), [("+1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1E3", 1e3), ("007", 7.0)])
def test_csv_takes_plain_and_scientific_notation(tmp_path: Path, text: str, value: float) -> None:
    """As spreadsheets write it."""
    assert stored(tmp_path, ".csv", "contacts", "lifetime_value", text) == value


@pytest.mark.parametrize("column", ["lifetime_value", "orders_count", "custom_number_1"])
@pytest.mark.parametrize(
    "text", ["NaN", "nan", "inf", "-Infinity", "1e400", "1,5", "1_000", "0x10", " 5", "5 ", "true", "€5", "١"]
)
def test_csv_takes_no_other_number(tmp_path: Path, column: str, text: str) -> None:
    """Neither NaN nor infinities, and nothing that would have to be guessed."""
    assert "is not a finite number" in problem(tmp_path, ".csv", "contacts", column, text)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("table", "column"), [("contacts", "orders_count"), ("custom_events", "goal_value")])
def test_parquet_takes_no_nan_and_no_infinity(tmp_path: Path, value: float, table: str, column: str) -> None:
    """In doubles and in exact numbers."""
    assert "is not a finite number" in problem(tmp_path, ".parquet", table, column, value)


@pytest.mark.parametrize("value", [True, "5", [5]])
@pytest.mark.parametrize(("table", "column"), [("contacts", "orders_count"), ("custom_events", "goal_value")])
def test_json_that_is_no_number_is_refused(tmp_path: Path, value: object, table: str, column: str) -> None:
    """Booleans are no numbers, and text is none."""
    assert problem(tmp_path, ".jsonl", table, column, value).endswith(", but must be a number")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False, allow_infinity=False))
def test_numerals_become_the_nearest_double(number: object) -> None:
    """Exactly as Python rounds them."""
    (value,) = Number().convert(pl.Series([str(number)])).values.to_list()
    assert (None if math.isinf(float(str(number))) else float(str(number))) == value


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (12, "12"), (-77.25, "-77.25"), (0.0, "0.0")])
def test_a_goal_value_is_an_exact_numeral(tmp_path: Path, suffix: str, value: float, text: str) -> None:
    """What is written is what is stored; of a double the shortest numeral that means it."""
    assert stored(tmp_path, suffix, "custom_events", "goal_value", value) == text


@pytest.mark.parametrize("text", ["11.770", "0.1000000000000000055511151231257827", "-99999999999999999999.99", "1e19"])
def test_a_goal_value_in_csv_keeps_every_digit(tmp_path: Path, text: str) -> None:
    """Also those that a double would lose, up to the limit."""
    assert stored(tmp_path, ".csv", "custom_events", "goal_value", text) == text


@given(st.floats(-1e20, 1e20, exclude_min=True, exclude_max=True))
def test_the_numeral_of_a_double_reads_back_as_that_double(number: float) -> None:
    """From Parquet, where the double is all there is."""
    (numeral,) = ExactNumber().convert(pl.Series([number])).values.to_list()
    assert float(numeral) == number


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("value", [1e20, -1e20, 1e300])
def test_a_goal_value_beyond_the_limit_is_refused(tmp_path: Path, suffix: str, value: float) -> None:
    """From 1e20 on, on both sides."""
    assert "is too large" in problem(tmp_path, suffix, "custom_events", "goal_value", value)


# --- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "column"), [("contacts", "custom_json_1"), ("timeline", "properties")])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, {"b": null}], "c": "x"}', None),
        ('{"a": {"b": {"c": {"d": {"e": [[[[1]]]]}}}}}', None),
        (' {"a":1e5,"b":-0.5E-3,"c":true} ', None),
        ('{"big": 123456789012345678901234567890, "d": 0.1000000000000000055511151231257827}', None),
        ('{"q": "\\"\\\\\\/\\n", "u": "\\u0041\\ud83d\\ude00"}', None),
        ("{}", None),
        (f'{{"{E_AND_ACUTE}": "{E_AND_ACUTE}", "n": 1.50}}', f'{{"{E_ACUTE}": "{E_ACUTE}", "n": 1.50}}'),
        ('{"a": "e\\u0301", "n": 123456789012345678901234567890}', '{"a": "é", "n": 123456789012345678901234567890}'),
        (f'{{"a": "{"x" * 65_527}"}}', None),
        ("null", "missing"),
        (" null\n", "missing"),
    ],
)
def test_json_text_is_kept_with_its_strings_in_nfc(
    tmp_path: Path, table: str, column: str, text: str, expected: str | None
) -> None:
    """As it is written, in CSV and Parquet, except for what Unicode normalisation changes; null is a missing value."""
    for suffix in (".csv", ".parquet"):
        folder = tmp_path / suffix
        folder.mkdir()
        value = stored(folder, suffix, table, column, text)
        assert value == (None if expected == "missing" else expected or text)


@pytest.mark.parametrize("text", ["[1, 2]", '"text"', "5", "true", "[]", "-0.0"])
def test_custom_json_can_be_any_value_and_properties_must_be_an_object(tmp_path: Path, text: str) -> None:
    """In every format."""
    for suffix in FORMATS:
        folder = tmp_path / suffix
        folder.mkdir()
        value = orjson.loads(text) if suffix == ".jsonl" else text
        assert orjson.loads(stored(folder, suffix, "contacts", "custom_json_1", value)) == orjson.loads(text)
        assert "but must be an object" in problem(folder, suffix, "timeline", "properties", value)
        assert "but must be an object" in problem(folder, suffix, "custom_events", "properties", value)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'a': 1}", "is not valid JSON"),
        ('{"a": NaN}', "is not valid JSON"),
        ('{"a": -Infinity}', "is not valid JSON"),
        ('{"a": 1e400}', "is not valid JSON: number is infinity"),
        ('{"a": 1,}', "is not valid JSON"),
        ('{"a": 01}', "is not valid JSON"),
        ('{"a": "x\ny"}', "is not valid JSON"),
        ('{"a": "\\ud800"}', "is not valid JSON"),
        ('{"a": 1} {"b": 2}', "is not valid JSON"),
        ('{"a": 1', "is not valid JSON"),
        ('{"a": "x\\u0000y"}', "holds a NUL character"),
        ('{"a\\u0000": 1}', "holds a NUL character"),
        (f'{{"a": "{"x" * 65_528}"}}', "is longer than the limit of 65,536 characters"),
        ("[" * 2_000 + "]" * 2_000, "is not valid JSON"),
    ],
)
def test_what_is_not_json_is_refused(tmp_path: Path, suffix: str, text: str, message: str) -> None:
    """RFC 8259, with finite numbers, within the limit, and without NUL."""
    assert message in problem(tmp_path, suffix, "contacts", "custom_json_1", text)


def test_an_escaped_backslash_is_no_nul(tmp_path: Path) -> None:
    r"""The six characters \u0000 in a string are six characters."""
    text = r'{"a": "\\u0000"}'
    assert stored(tmp_path, ".csv", "timeline", "properties", text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, 0.1]}, '{"b":1,"a":[true,null,0.1]}'),
        ({"n": 2**64 - 1, "t": f"x{E_AND_ACUTE}\n"}, f'{{"n":18446744073709551615,"t":"x{E_ACUTE}\\n"}}'),
        ({}, "{}"),
    ],
)
def test_json_values_in_jsonl_are_stored_compactly(tmp_path: Path, value: object, text: str) -> None:
    """In the order of the file."""
    assert stored(tmp_path, ".jsonl", "timeline", "properties", value) == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"properties":{"a":"\\u0000"}', "holds a NUL character"),
        (f'"properties":{{"a":"{"x" * 65_536}"}}', "is longer than the limit"),
        ('"properties":{"a":' + "[" * 300 + "]" * 300 + "}", "cannot be stored as JSON"),
        ('"properties":[]', "is an array, but must be an object"),
        ('"properties":"{}"', "is text, but must be an object"),
    ],
)
def test_json_values_in_jsonl_keep_to_the_same_rules(tmp_path: Path, line: str, message: str) -> None:
    """The rest of the line is fine."""
    event = json.dumps(ROWS["timeline"])
    (tmp_path / "timeline.jsonl").write_text(f"{event}\n{event[:-1]},{line}}}\n")
    with pytest.raises(BadRowError, match=f"row 2, column properties: .*{message}"):
        read_table(tmp_path, "timeline")


_documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\u0301\\\"", max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(_documents, st.booleans(), st.sampled_from([None, 1]))
def test_every_json_document_is_kept_with_its_meaning(document: object, ascii_only: bool, indent: int | None) -> None:
    """Whichever of the two paths it takes, the stored text means the document in NFC."""
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    converted = JsonText(object_only=False).convert(pl.Series([text]))
    assert converted.refused == {}
    expected = orjson.loads(unicodedata.normalize("NFC", json.dumps(document, ensure_ascii=False)))
    (value,) = converted.values.to_list()
    assert (None if value is None else orjson.loads(value)) == expected


@given(st.text('{}[]",:01.eE-\\nu tfasl', max_size=12))
def test_only_what_a_parser_takes_is_json(text: str) -> None:
    """The regular expression for common JSON never takes what the parser refuses."""
    try:
        orjson.loads(text)
        valid = "\\u0000" not in text
    except orjson.JSONDecodeError:
        valid = False
    assert (JsonText(object_only=False).convert(pl.Series([text])).refused == {}) == valid


# --- tags and booleans ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["vip"], ["vip"]),
        (["b", "a", "b"], ["b", "a"]),
        ([E_AND_ACUTE, E_ACUTE], [E_ACUTE]),
        (["x" * 64], ["x" * 64]),
        (["A", "a", "two words"], ["A", "a", "two words"]),
    ],
)
def test_tags_are_stored_once_each_in_nfc(tmp_path: Path, suffix: str, value: object, expected: list[str]) -> None:
    """In the order of the file; a;b in CSV."""
    assert stored(tmp_path, suffix, "contacts", "tags", value) == expected


@pytest.mark.parametrize(("cell", "tags"), [(" a ; b;;a ", ["a", "b"]), (";", []), ("a", ["a"])])
def test_tags_in_csv_are_trimmed_and_empty_ones_dropped(tmp_path: Path, cell: str, tags: list[str]) -> None:
    """A trailing semicolon is no tag."""
    assert stored(tmp_path, ".csv", "contacts", "tags", cell) == tags


@pytest.mark.parametrize("suffix", JSONL_AND_PARQUET)
def test_lists_of_tags_with_nulls_and_empty_lists_between_stay_apart(tmp_path: Path, suffix: str) -> None:
    """No tags are not the same as no list."""
    tags: list[list[str] | None] = [["é"], None, [], ["a", "b"], None]
    write_rows(tmp_path, "contacts", suffix, [{"email": f"{n}@example.com", "tags": t} for n, t in enumerate(tags)])
    assert [row["tags"] for row in read_table(tmp_path, "contacts")] == tags


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("value", "message"), [(["a", "x" * 65], "1 to 64 characters"), (["a\x00"], "NUL character")])
def test_a_tag_too_long_or_with_nul_is_refused(tmp_path: Path, suffix: str, value: object, message: str) -> None:
    """The other tags of the contact do not save the row."""
    assert message in problem(tmp_path, suffix, "contacts", "tags", value)


@pytest.mark.parametrize("suffix", JSONL_AND_PARQUET)
def test_an_empty_tag_in_a_list_is_refused(tmp_path: Path, suffix: str) -> None:
    """Somebody put it there."""
    assert "1 to 64 characters" in problem(tmp_path, suffix, "contacts", "tags", ["a", ""])


@pytest.mark.parametrize("value", ["a;b", {"a": 1}, ["a", 5], ["a", None]])
def test_json_that_is_no_list_of_text_is_no_list_of_tags(tmp_path: Path, value: object) -> None:
    """Each element counts."""
    assert problem(tmp_path, ".jsonl", "contacts", "tags", value).endswith("but must be an array of text")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_stored(tmp_path: Path, suffix: str, value: bool) -> None:
    """In every format."""
    assert stored(tmp_path, suffix, "lists", "is_public", value) is value


@pytest.mark.parametrize(("text", "value"), [("1", True), ("0", False), ("TRUE", True), ("False", False)])
def test_csv_takes_booleans_in_any_case_and_as_digits(tmp_path: Path, text: str, value: bool) -> None:
    """As databases and spreadsheets write them."""
    assert stored(tmp_path, ".csv", "lists", "is_public", text) is value


@pytest.mark.parametrize("text", ["yes", "2", "t", " true"])
def test_csv_takes_no_other_boolean(tmp_path: Path, text: str) -> None:
    """Nothing is guessed."""
    assert "is not a boolean; write true or false" in problem(tmp_path, ".csv", "lists", "is_public", text)


@pytest.mark.parametrize("value", [1, "true"])
def test_json_that_is_no_boolean_is_refused(tmp_path: Path, value: object) -> None:
    """JSON has its own."""
    assert problem(tmp_path, ".jsonl", "lists", "is_public", value).endswith("but must be true or false")
