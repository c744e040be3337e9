"""Ignoring case: Unicode simple lower case, code point by code point."""

from __future__ import annotations

_DOTTED_CAPITAL_I = "\u0130"


def folded(text: str) -> str:
    """The text in simple lower case: every code point maps to one, in no locale.

    Source: Unicode Standard 4.2, simple case mapping; it is what `lower` of DuckDB does.
    """
    return "".join(_folded_character(character) for character in text)


def _folded_character(character: str) -> str:
    if character == _DOTTED_CAPITAL_I:
        return "i"
    lower = character.lower()
    return lower if len(lower) == 1 else character
