"""Tags and booleans, in every file format."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_dataset import (
    E_ACUTE,
    E_AND_ACUTE,
    FORMATS,
    JSONL_AND_PARQUET,
    problem,
    read_table,
    stored,
    write_rows,
)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["vip"], ["vip"]),
        (["b", "a", "b"], ["b", "a"]),
        ([E_AND_ACUTE, E_ACUTE], [E_ACUTE]),
        (["x" * 64], ["x" * 64]),
        ([f"t{n * 7 % 40}" for n in range(80)], [f"t{n * 7 % 40}" for n in range(40)]),
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
