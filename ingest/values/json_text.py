"""JSON values, as the compact text that is stored for them."""

from __future__ import annotations

from math import isfinite
from unicodedata import is_normalized, normalize

import orjson

from engine.definition.vocabulary import MOST_NESTED
from engine.storage.json_values import is_nested_deeper
from ingest.values.refused import RefusedValueError

JSON_MAX_BYTES = 65_536
TOO_DEEP = f"cannot be stored as JSON: it is nested more than {MOST_NESTED} deep; make it flatter"
# Only what JSON itself has: no datetimes, dataclasses or subclasses that orjson would turn into text or objects.
_ONLY_JSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def json(value: object) -> str:
    """Compact JSON with the keys in the given order, all strings in NFC.

    Raises: RefusedValueError for what JSON has no value for, integers beyond 64 bits, NUL, more than 64 KiB, and
    more than MOST_NESTED arrays and objects in each other.
    """
    written = _written(value)
    if len(written) > JSON_MAX_BYTES:
        raise RefusedValueError(f"takes {len(written):,} bytes as JSON, more than the limit of {JSON_MAX_BYTES:,}")
    document = written.decode()
    check_nesting(document, value)
    # orjson writes NaN as null; and a backslash may stand before what looks like NUL. So these are only signs.
    if b"null" in written or b"\\u0000" in written:
        _check(value)
    if document.isascii() or is_normalized("NFC", document):
        return document
    written = _written(_in_nfc(value))
    if len(written) > JSON_MAX_BYTES:
        raise RefusedValueError(f"takes {len(written):,} bytes in NFC, more than the limit of {JSON_MAX_BYTES:,}")
    return written.decode()


def check_nesting(text: str, value: object) -> None:
    """Raises: RefusedValueError for a value that is nested too deep; `text` is its JSON."""
    if is_nested_deeper(text, value, MOST_NESTED):
        raise RefusedValueError(TOO_DEEP)


def unwritable(error: orjson.JSONEncodeError) -> str:
    """What is wrong with a value that orjson does not write."""
    return TOO_DEEP if "Recursion limit" in str(error) else f"cannot be stored as JSON: {error}"


def _written(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=_ONLY_JSON)
    except orjson.JSONEncodeError as error:
        raise RefusedValueError(unwritable(error)) from error


def _check(value: object) -> None:
    """Raises: RefusedValueError for NaN, an infinity, or NUL anywhere in a value that orjson can write."""
    if isinstance(value, float):
        if not isfinite(value):
            raise RefusedValueError("holds a number that is not finite; write null where there is none")
    elif isinstance(value, str):
        if "\x00" in value:
            raise RefusedValueError("holds a NUL character in a string; remove it")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key)
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)


def _in_nfc(value: object) -> object:
    """A copy with every string in NFC. Raises: RefusedValueError if two keys of an object then are one."""
    if isinstance(value, str):
        return normalize("NFC", value)
    if isinstance(value, dict):
        normal = {_in_nfc(key): _in_nfc(inner) for key, inner in value.items()}
        if len(normal) < len(value):
            raise RefusedValueError("holds an object with two keys that are the same in Unicode NFC; keep one of them")
        return normal
    if isinstance(value, list | tuple):
        return [_in_nfc(inner) for inner in value]
    return value
