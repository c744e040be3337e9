"""Values and enumerations as English writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal


def quoted(text: str) -> str:
    """A text in double quotes, those within it escaped as JSON does."""
    return json.dumps(text, ensure_ascii=False)


def number_text(value: float | Decimal) -> str:
    """A number without needless digits: 1000.0 -> 1000, 1e300 -> 1e+300."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def plain_decimal(value: Decimal) -> str:
    """An exact number without zeros at its end: 7.500000000 -> 7.5."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def enumerated(items: Iterable[str], word: str) -> str:
    """a; a or b; a, b or c."""
    *first, last = items
    return f"{', '.join(first)} {word} {last}" if first else last


def counted(number: int, noun: str) -> str:
    """1 day, 2 days."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def any_of(texts: Sequence[str]) -> str:
    """One text as it is, several with "one of": "US"; one of "US", "FR" or "JP"."""
    return texts[0] if len(texts) == 1 else f"one of {enumerated(texts, 'or')}"
