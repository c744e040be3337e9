"""Stored values as JSON has them."""

from __future__ import annotations

from decimal import Decimal

import orjson


def json_or_text(text: str) -> object:
    """A stored JSON text as a value; text that is none as it is: files may have brought it."""
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value


def json_number(value: Decimal) -> object:
    """An exact number: as a number where JSON readers keep all its digits, else as text."""
    nearest = float(value)
    if Decimal(repr(nearest)) == value:
        return int(nearest) if nearest.is_integer() and abs(nearest) < 2**53 else nearest
    return f"{value.normalize():f}"
