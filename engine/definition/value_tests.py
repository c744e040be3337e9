"""What a filter looks at, and the tests that its value passes or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.definition.fields import FieldType
from engine.definition.timeframes import Timeframe


class Comparison(StrEnum):
    """How a measured value relates to the asked one."""

    EQUAL = "="
    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="


# --- what a filter looks at -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """A field of a contact or of an event, or the value at a path below it, read as `type`.

    `path` is a JSON path: keys, or array indexes as digits. With a path, or on a JSON field, a value of another
    type counts as missing. `type` JSON means the document itself.
    """

    field_name: str
    type: FieldType
    is_json: bool = False
    path: tuple[str, ...] = ()


# --- positive tests of one value; a missing value satisfies none ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IsSet:
    """There is a value."""


@dataclass(frozen=True, slots=True)
class TextIsAnyOf:
    """Equal to one of the texts (NFC)."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextContainsAnyOf:
    """Holds one of the texts somewhere, case ignored; the texts are folded already."""

    folded_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextStartsWithAnyOf:
    """Begins with one of the texts, case ignored; the texts are folded already."""

    folded_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextEndsWithAnyOf:
    """Ends with one of the texts, case ignored; the texts are folded already."""

    folded_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextCompares:
    """Sorts before or after the text, by code point."""

    comparison: Comparison
    text: str


@dataclass(frozen=True, slots=True)
class NumberIsAnyOf:
    """Equal to one of the numbers, as doubles."""

    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NumberCompares:
    """Relates to the number, as doubles."""

    comparison: Comparison
    number: float


@dataclass(frozen=True, slots=True)
class NumberIsBetween:
    """At least the low number and at most the high one, as doubles."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TimeIsInAnyOf:
    """Lies in one of the timeframes."""

    timeframes: tuple[Timeframe, ...]


@dataclass(frozen=True, slots=True)
class DateIsInAnyOf:
    """A day of the calendar that lies in one of the timeframes, whose edges are all starts of days."""

    timeframes: tuple[Timeframe, ...]


@dataclass(frozen=True, slots=True)
class AnniversaryIsWithin:
    """Has an anniversary on the local day of the evaluation, or on one of so many days after it."""

    days: int


@dataclass(frozen=True, slots=True)
class BooleanIsAnyOf:
    """One of the booleans."""

    booleans: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class ArrayHasAnyOf:
    """Is an array with one of the texts, or one of the numbers, among its elements."""

    texts: tuple[str, ...]
    numbers: tuple[float, ...]


TextTest = TextIsAnyOf | TextContainsAnyOf | TextStartsWithAnyOf | TextEndsWithAnyOf | TextCompares

TimelessTest = IsSet | TextTest | NumberIsAnyOf | NumberCompares | NumberIsBetween | BooleanIsAnyOf | ArrayHasAnyOf
"""What time alone does not change."""

Test = TimelessTest | TimeIsInAnyOf | DateIsInAnyOf | AnniversaryIsWithin
