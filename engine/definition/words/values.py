"""Tests of one value in words, as a pair: what holds, and what its exact complement says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from engine.definition.fields import FieldType
from engine.definition.tree import Filter
from engine.definition.value_tests import (
    AnniversaryIsWithin,
    ArrayHasAnyOf,
    BooleanIsAnyOf,
    Comparison,
    DateIsInAnyOf,
    IsSet,
    NumberCompares,
    NumberIsAnyOf,
    NumberIsBetween,
    Test,
    TextCompares,
    TextContainsAnyOf,
    TextEndsWithAnyOf,
    TextIsAnyOf,
    TextStartsWithAnyOf,
    TimeIsInAnyOf,
)
from engine.definition.words.texts import any_of, counted, enumerated, number_text, quoted
from engine.definition.words.timeframes import timeframe_words

_ORDER = {
    Comparison.GREATER: "after",
    Comparison.AT_LEAST: "at or after",
    Comparison.LESS: "before",
    Comparison.AT_MOST: "at or before",
}
AMOUNTS = {
    Comparison.EQUAL: "",
    Comparison.GREATER: "more than ",
    Comparison.AT_LEAST: "at least ",
    Comparison.LESS: "less than ",
    Comparison.AT_MOST: "at most ",
}


def subject_words(asked: Filter, *, of_event: bool) -> str:
    """The field, with the path below it: `custom_json_1.plan.name`; of an event just the path.

    A type that is read from JSON is said where the test does not show it.
    """
    subject = asked.subject
    steps = subject.path if of_event else (subject.field_name, *subject.path)
    words = path_words(steps)
    needs_type = subject.is_json and subject.type is not FieldType.JSON and isinstance(asked.test, IsSet)
    return f"{words} (as {subject.type})" if needs_type else words


def path_words(steps: Sequence[str]) -> str:
    """A path with dots, what is no plain key in quotes: `cart."two words".0`."""
    return ".".join(step if step.isidentifier() or step.isdigit() else quoted(step) for step in steps)


def test_words(test: Test) -> tuple[str, str]:
    """What comes after the subject: (`is "US"`, `is not "US"`)."""
    match test:
        case IsSet():
            return "is set", "is not set"
        case TextIsAnyOf():
            return _is(any_of([quoted(text) for text in test.texts]))
        case TextContainsAnyOf():
            return _does("contain", test.folded_texts)
        case TextStartsWithAnyOf():
            return _does("start with", test.folded_texts)
        case TextEndsWithAnyOf():
            return _does("end with", test.folded_texts)
        case TextCompares():
            order = f"{_ORDER[test.comparison]} {quoted(test.text)}"
            return f"sorts {order}", f"does not sort {order}"
        case NumberIsAnyOf():
            return _is(any_of([number_text(number) for number in test.numbers]))
        case NumberCompares():
            return _is(f"{AMOUNTS[test.comparison]}{number_text(test.number)}")
        case NumberIsBetween():
            return _is(f"between {number_text(test.low)} and {number_text(test.high)}")
        case TimeIsInAnyOf() | DateIsInAnyOf():
            return _is(enumerated([timeframe_words(item) for item in test.timeframes], "or"))
        case AnniversaryIsWithin():
            when = "today" if test.days == 0 else f"today or in the next {counted(test.days, 'calendar day')}"
            return f"has an anniversary {when}", f"has no anniversary {when}"
        case BooleanIsAnyOf():
            return _is(enumerated([str(item).lower() for item in test.booleans], "or"))
        case ArrayHasAnyOf():
            elements = [*map(quoted, test.texts), *map(number_text, test.numbers)]
            return f"has {any_of(elements)} among its elements", f"does not have {any_of(elements)} among its elements"
        case _:
            assert_never(test)


def _is(what: str) -> tuple[str, str]:
    return f"is {what}", f"is not {what}"


def _does(verb: str, texts: tuple[str, ...]) -> tuple[str, str]:
    first, _, rest = verb.partition(" ")
    what = f"{rest} {any_of([quoted(text) for text in texts])}".strip()
    return f"{first}s {what}", f"does not {first} {what}"
