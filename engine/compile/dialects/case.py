"""Ignoring case on engines whose `lower` is not ours."""

from __future__ import annotations

from unicodedata import category

from engine.errors import UnsupportedByDialectError

TRANSLATED_FROM, TRANSLATED_TO = "\u03a3\u0130", "\u03c3i"
"""Letters to translate before `lower`: it would look at what stands around a sigma, and make two of a dotted I."""

_NEWER_LETTERS = frozenset(
    [
        *map(chr, (0x1C89, 0x1C8A, 0xA7CB, 0x0264, 0xA7CC, 0xA7CD, 0xA7CE, 0xA7CF, 0xA7D2, 0xA7D3, 0xA7D4, 0xA7D5)),
        *map(chr, (0xA7DA, 0xA7DB, 0xA7DC, 0x019B)),
        *map(chr, (*range(0x10D50, 0x10D66), *range(0x10D70, 0x10D86))),
        *map(chr, (*range(0x16EA0, 0x16EB9), *range(0x16EBB, 0x16ED4))),
    ]
)
"""Pairs of a capital and its lower case that came after Unicode 14. Measured over all of Unicode: besides these and
the translated ones, `lower` of PostgreSQL 15 (ICU 72), ClickHouse 26.9 and Spark 4.3 maps as `folded` does."""


def check_foldable(text: str, dialect: str) -> None:
    """Refuse a text with letters of which engines do not agree what their lower case is.

    A text without any is found in the same values: no other letter becomes, or comes from, one of its own.
    Raises: UnsupportedByDialectError.
    """
    for character in text:
        if character in _NEWER_LETTERS or category(character) == "Cn":
            raise UnsupportedByDialectError(
                dialect,
                f"surely ignore the case of {character!r} (U+{ord(character):04X}) in {text!r}: "
                "its versions of Unicode do not agree on it; compare the whole value with `equals`",
            )
