"""Text, words and missing values, in every file format."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import BadRowError
from tests.test_dataset import (
    E_ACUTE,
    E_AND_ACUTE,
    FORMATS,
    JSONL_AND_PARQUET,
    ROWS,
    error_of,
    problem,
    read_table,
    stored,
    write_rows,
)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_missing_value_is_null(tmp_path: Path, suffix: str) -> None:
    """Null, or an empty CSV cell, in a column of each type."""
    columns = ("state", "lifetime_value", "last_order_at", "custom_json_1", "tags")
    write_rows(tmp_path, "contacts", suffix, [{**ROWS["contacts"], **dict.fromkeys(columns)}])
    (row,) = read_table(tmp_path, "contacts")
    assert [row[column] for column in columns] == [None] * 5


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_required_value_that_is_missing_everywhere_is_missed(tmp_path: Path, suffix: str) -> None:
    """A column of nothing but nulls, or a key that no line has."""
    write_rows(tmp_path, "lists", suffix, [{"id": "a", "name": None}, {"id": "b", "name": None}])
    assert "row 1, column name: None is missing; every row needs name" in error_of(tmp_path, "lists")


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
