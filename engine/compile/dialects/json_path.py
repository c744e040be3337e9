"""Steps of JSON paths: keys of objects, and places in arrays."""

from __future__ import annotations

import re

_PLACE = re.compile(r"0|[1-9][0-9]{0,8}")


def place_of(step: str) -> int | None:
    """The place in an array that a step names, from 0; None if it can only be a key.

    A number without leading zeros is both: a place in an array and a key of an object. Source: RFC 6901. No document
    is long enough for a place of ten digits.
    """
    return int(step) if _PLACE.fullmatch(step) else None
