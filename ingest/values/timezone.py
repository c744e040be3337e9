"""Time zones: names of the IANA database."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from engine.definition.points import iana_zones
from ingest.values.refused import RefusedValueError, spelling_hint
from ingest.values.text import trimmed_text


def timezone(value: object) -> str:
    """The name as the pinned database spells it, given in any letter case.

    Raises: RefusedValueError for what is not text, or names no zone.
    """
    names = _names_by_key()
    if type(value) is str and value in _names():
        return value
    text = trimmed_text(value)
    name = names.get(text.lower())
    if name is None:
        hint = spelling_hint(text, _names())
        raise RefusedValueError(f"is not an IANA time zone such as Europe/Paris; {hint}")
    return name


def known_timezone(text: str) -> str | None:
    """The name as the pinned database spells it, blanks taken for underscores; None for text that names no zone."""
    return _names_by_key().get(text.lower().replace(" ", "_"))


@cache
def _names() -> frozenset[str]:
    return iana_zones()


@cache
def _names_by_key() -> Mapping[str, str]:
    return {name.lower(): name for name in _names()}
