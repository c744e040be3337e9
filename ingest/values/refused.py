"""The error for a value that is not stored."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from engine.errors import did_you_mean

_HINT_CHARACTERS = 64
_IN_WORDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float, Decimal), "a number"),
    (str, "text"),
    ((list, tuple), "an array"),
    (dict, "an object"),
    (datetime, "an instant"),
    (date, "a date"),
    (type(None), "null"),
)


class RefusedValueError(Exception):
    """A value that is not taken; the text says why, and reads on after the value: "is not a number"."""


def wrong_type(value: object, wanted: str) -> RefusedValueError:
    """The error for a value that is of another type than the `wanted` one."""
    for types, words in _IN_WORDS:
        if isinstance(value, types):
            return RefusedValueError(f"is {words}, but must be {wanted}")
    return RefusedValueError(f"is of type {type(value).__name__}, but must be {wanted}")


@lru_cache(maxsize=1024)
def spelling_hint(text: str, known: Collection[str]) -> str:
    """What may have been meant. Looking takes milliseconds, and what is wrong once is often wrong again."""
    return did_you_mean(text[:_HINT_CHARACTERS], known)
