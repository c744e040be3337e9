"""JSON documents, stored as text."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import orjson
import polars as pl
import pyarrow as pa

from engine.definition.vocabulary import MAX_TEXT_CHARACTERS
from ingest.dataset.column_types.arrow_nested import json_of_nested, nested_problem
from ingest.dataset.column_types.arrow_text import is_arrow_text, text_of_arrow
from ingest.dataset.column_types.column_type import JSON_NAMES, ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.dataset.column_types.text import non_ascii, normalised
from ingest.values.json_text import check_nesting, unwritable
from ingest.values.refused import RefusedValueError

# A regular expression for the JSON that is common: up to four levels, no \u escapes, no number that could be infinite.
# Whatever it does not match is not refused, but goes through a JSON parser.
_BLANK = r"[ \t\n\r]*"
_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*"'
_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?"
_SCALAR = rf"{_STRING}|{_NUMBER}|true|false|null"
_PLAIN_LEVELS = 3

_json_line = partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE)
_STRING_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _object_of(value: str) -> str:
    """Regular expression of a JSON object that holds `value`s."""
    member = rf"{_STRING}{_BLANK}:{_BLANK}(?:{value}){_BLANK}"
    return rf"\{{{_BLANK}(?:{member}(?:,{_BLANK}{member})*)?\}}"


def _plain_json() -> tuple[str, str]:
    """Regular expressions of any common JSON value, and of a common JSON object."""
    value = _SCALAR
    for _ in range(_PLAIN_LEVELS):
        array = rf"\[{_BLANK}(?:(?:{value}){_BLANK}(?:,{_BLANK}(?:{value}){_BLANK})*)?\]"
        value = rf"{_SCALAR}|{_object_of(value)}|{array}"
    return rf"^{_BLANK}(?:{value}){_BLANK}$", rf"^{_BLANK}{_object_of(value)}{_BLANK}$"


_PLAIN_VALUE, _PLAIN_OBJECT = _plain_json()


@dataclass(frozen=True, slots=True)
class JsonText(ColumnType):
    """A JSON document (RFC 8259) of up to 65,536 characters, its strings in Unicode NFC and without NUL.

    No more than MOST_NESTED arrays and objects lie in each other.

    JSON `null` is a missing value. With `object_only`, any other value must be an object.
    """

    object_only: bool
    wanted: ClassVar[str] = "an object"
    wanted_in_parquet: ClassVar[str] = "JSON text, or a struct, list or map"

    def parquet_problem(self, given: pa.DataType) -> str | None:
        """None for text, and for nested types whose values JSON can hold."""
        given = _storage_of(given)
        if is_arrow_text(given):
            return None
        if not pa.types.is_nested(given):
            return f"is {given}, but must be {self.wanted_in_parquet}"
        return nested_problem(given)

    def raw_from_parquet(self, array: pa.Array[Any]) -> pl.Series:
        """A text column."""
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        return text_of_arrow(array) if is_arrow_text(array.type) else json_of_nested(array)

    def json_problem(self, value: object) -> str | None:
        """None for every value that can be written as JSON again."""
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError as error:
            return unwritable(error)
        return None

    def raw_from_json(self, values: list[object]) -> pl.Series:
        """A text column of compact JSON. Raises: TypeError where there is a `json_problem`."""
        if not values:
            return pl.Series(values, dtype=pl.String)
        documents = io.BytesIO()  # orjson's own results, kept in a list, take ten times as long to allocate
        documents.writelines(map(_json_line, values))  # JSONEncodeError is a TypeError
        return pl.Series([documents.getvalue()[:-1]]).cast(pl.String).str.split("\n").explode()

    def convert(self, raw: pl.Series) -> Conversion:
        """JSON text. Rows: one per raw value."""
        is_null = raw.str.strip_chars(" \t\n\r") == "null"
        present = raw.set(is_null, None) if is_null.any() else raw
        accepted = present.str.contains(_PLAIN_OBJECT if self.object_only else _PLAIN_VALUE)
        if non_ascii(present).any():
            accepted &= normalised(present) == present
        if (present.str.len_bytes().max() or 0) > MAX_TEXT_CHARACTERS:  # type: ignore[operator]  # polars types max() widely
            accepted &= present.str.len_chars() <= MAX_TEXT_CHARACTERS
        return settle(present, present, accepted, self._checked)

    def _checked(self, text: str) -> str:
        """The document in NFC. Raises: RefusedValueError."""
        if text == "":
            raise RefusedValueError("is empty, which is not JSON")
        if len(text) > MAX_TEXT_CHARACTERS:
            raise RefusedValueError(f"is longer than the limit of {MAX_TEXT_CHARACTERS:,} characters")
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise RefusedValueError(f"is not valid JSON: {error}") from error
        if self.object_only and not isinstance(document, dict):
            raise RefusedValueError(f"is {JSON_NAMES[type(document)]}, but must be {self.wanted}")
        check_nesting(text, document)
        if _is_settled(text, document):
            return text
        settled = _STRING_TOKEN.sub(_normalised_token, text)
        if len(settled) > MAX_TEXT_CHARACTERS:
            raise RefusedValueError(f"is longer than the limit of {MAX_TEXT_CHARACTERS:,} characters in Unicode NFC")
        return settled


def _is_settled(text: str, document: Any) -> bool:
    """Whether the strings of a document are surely in NFC and without NUL; a quick look that may say no in doubt."""
    if text.isascii() and "\\u" not in text:
        return True
    try:
        written = orjson.dumps(document)
    except orjson.JSONEncodeError:  # nested too deeply for it
        return False
    return b"\\u0000" not in written and unicodedata.is_normalized("NFC", written.decode())


def _normalised_token(token: re.Match[str]) -> str:
    """A string of a valid document, with its quotes, in NFC, and else as it was. Raises: RefusedValueError."""
    text = json.loads(token[0])
    if "\x00" in text:
        raise RefusedValueError("holds a NUL character in a string; remove it")
    normal = unicodedata.normalize("NFC", text)
    return token[0] if normal == text else json.dumps(normal, ensure_ascii=False)


def _storage_of(given: pa.DataType) -> pa.DataType:
    """The type below Parquet's JSON type; any other type as it is."""
    return given.storage_type if isinstance(given, pa.JsonType) else given
