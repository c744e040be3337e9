"""JSON texts compared by what they say."""

from __future__ import annotations

import orjson


def is_same_json(one: str | None, other: str | None) -> bool:
    """Whether two JSON texts say the same, in whatever order of keys; None says something else than any text."""
    if one is None or other is None or one == other:
        return one == other
    try:
        return _sorted(one) == _sorted(other)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # stored before there was a limit of nesting
        return False


def _sorted(text: str) -> bytes:
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)
