"""Stored values as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import orjson

from engine.definition.vocabulary import MOST_NESTED

_MOST_TOLD = MOST_NESTED + 10
"""The sides of a merge and the changes of an entry hold values of the most depth within their own."""


def json_or_text(text: str) -> object:
    """A stored JSON text as a value.

    As it is where it is none, for files may have brought it, and where it is nested too deep for what wraps it:
    versions before there was a limit took such values.
    """
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if is_nested_deeper(text, value, _MOST_TOLD) else value


def is_nested_deeper(text: str, value: object, levels: int) -> bool:
    """Whether more arrays and objects than that lie in each other in a value; `text` is its JSON.

    Without recursion, for a value that ends.
    """
    if text.count("[") + text.count("{") <= levels:
        return False
    outer = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(levels):
        outer = [inner for item in outer for inner in _inner(item) if isinstance(inner, _CONTAINERS)]
    return bool(outer)


_CONTAINERS = (dict, list, tuple)


def _inner(value: object) -> Iterable[object]:
    match value:
        case dict():
            return value.values()
        case list() | tuple():
            return value
        case _:
            return ()


def json_number(value: Decimal) -> object:
    """An exact number: as a number where JSON readers keep all its digits, else as text."""
    nearest = float(value)
    if Decimal(repr(nearest)) == value:
        return int(nearest) if nearest.is_integer() and abs(nearest) < 2**53 else nearest
    return f"{value.normalize():f}"
