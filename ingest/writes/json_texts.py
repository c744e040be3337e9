"""JSON texts compared by what they say."""

from __future__ import annotations

import orjson


def is_same_json(one: str | None, other: str | None) -> bool:
    """Whether two JSON texts say the same, in whatever order of keys; None says something else than any text."""
    return one == other or (one is not None and other is not None and _sorted(one) == _sorted(other))


def _sorted(text: str) -> bytes:
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)
