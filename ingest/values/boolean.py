"""Booleans."""

from __future__ import annotations

from ingest.values.refused import wrong_type


def boolean(value: object) -> bool:
    """True or False. Raises: RefusedValueError for anything else, 0, 1 and words included."""
    if isinstance(value, bool):
        return value
    raise wrong_type(value, "true or false")
