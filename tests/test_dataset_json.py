"""JSON columns, in every file format."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRowError
from ingest.dataset.column_types.json_text import JsonText
from tests.test_dataset import (
    E_ACUTE,
    E_AND_ACUTE,
    FORMATS,
    ROWS,
    problem,
    read_table,
    stored,
)


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
