"""Filters: one field or JSON value, one operator, its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from engine.definition.document import Document, checked_boolean, checked_number, checked_text
from engine.definition.fields import FieldType
from engine.definition.folding import folded
from engine.definition.points import (
    checked_date,
    checked_days,
    checked_point,
    only_value,
    read_first_day,
    read_range,
)
from engine.definition.timeframes import (
    CALENDAR_WINDOWS,
    ROLLING_WINDOWS,
    Point,
    Timeframe,
    after,
    before,
    calendar_window,
    not_after,
    not_before,
    within,
)
from engine.definition.tree import AllOf, Filter, Node, Not
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
    Subject,
    Test,
    TextCompares,
    TextContainsAnyOf,
    TextEndsWithAnyOf,
    TextIsAnyOf,
    TextStartsWithAnyOf,
    TimeIsInAnyOf,
)
from engine.errors import one_of, shown

_STRINGS, _NUMBERS, _BOOLEANS = ("string_values",), ("number_values",), ("boolean_values",)
_VALUE_KEYS = _STRINGS + _NUMBERS + _BOOLEANS

FILTER_KEYS = (
    "field_name",
    "field_type",
    "operator",
    "string_values",
    "number_values",
    "boolean_values",
    "json_path",
    "missing",
    "week_starts_on",
)

MOST_STEPS = 32
MOST_DAYS_TO_AN_ANNIVERSARY = 365

COMPARISONS = {
    "gt": Comparison.GREATER,
    "gte": Comparison.AT_LEAST,
    "lt": Comparison.LESS,
    "lte": Comparison.AT_MOST,
}
TIME_COMPARISONS: Mapping[str, Callable[[Point], Timeframe]] = {
    "gt": after,
    "gte": not_before,
    "lt": before,
    "lte": not_after,
    "after_date": after,
    "before_date": before,
}

NEGATIONS = {
    "not_equals": "equals",
    "not_contains": "contains",
    "not_starts_with": "starts_with",
    "not_ends_with": "ends_with",
    "is_not_one_of": "is_one_of",
    "not_in_date_range": "in_date_range",
    "is_not_set": "is_set",
}
"""Each negative operator is the exact complement of a positive one."""


Value = TypeVar("Value", str, float, bool, Point, date)


@dataclass(frozen=True, slots=True)
class _Operator:
    """A positive operator for one type: where its values stand, and the test that it makes."""

    value_keys: tuple[str, ...]
    read: Callable[[Document, str], Test]


def read_filter(document: Document, subject: Subject) -> Node:
    """The node that one filter of the wire format means.

    Raises: DefinitionError if the operator does not fit the type, or its values do not fit the operator.
    """
    operators = _OPERATORS[subject.type]
    negatives = [negative for negative, positive in NEGATIONS.items() if positive in operators]
    name = document.choice("operator", (*operators, *negatives))
    positive = NEGATIONS.get(name, name)
    operator = operators[positive]
    for key in _VALUE_KEYS:
        # is_set takes no values; editors leave those of the operator before, and other systems ignore them.
        if operator.value_keys and key not in operator.value_keys and list(document.items(key)):
            wanted = one_of(operator.value_keys)
            raise document.refuse(key, f"is not used by {name} on a {subject.type} field; its values go into {wanted}")
    if subject.type is FieldType.JSON and positive in _TEXT_OPERATORS:
        subject = replace(subject, type=FieldType.STRING)
    read_first_day(document, name)  # refused where weeks play no part
    node = Filter(subject, operator.read(document, name))
    excludes_missing = _reads_missing(document, name)
    if name == positive:
        return node
    return AllOf((Not(node), Filter(subject, IsSet()))) if excludes_missing else Not(node)


def _reads_missing(document: Document, operator: str) -> bool:
    """Whether a contact without a value is left out of a negative test."""
    if document.get("missing") is None:
        return False
    if operator not in NEGATIONS or operator == "is_not_set":
        usable = [negative for negative in NEGATIONS if negative != "is_not_set"]
        raise document.refuse("missing", f"has no meaning for {operator}: it goes with {one_of(usable)}")
    return document.choice("missing", ("include", "exclude")) == "exclude"


def read_json_path(document: Document) -> tuple[str, ...]:
    """The steps of `json_path`: keys, or array indexes as digits."""
    steps = tuple(checked_text(step, path) for step, path in document.items("json_path"))
    if len(steps) > MOST_STEPS:
        raise document.refuse("json_path", f"must have at most {MOST_STEPS} steps, got {len(steps)}")
    return steps


def read_field_type(document: Document, *, own: FieldType, is_json: bool) -> FieldType:
    """The type to read a value as: the field's own, or any for a value inside JSON."""
    asked = document.choice("field_type", tuple(FieldType), default=own)
    if not is_json and asked is not own:
        problem = f"is {shown(str(asked))}, but this is a {own} field; leave it out or say {own}"
        raise document.refuse("field_type", problem)
    return asked


# --- the values of each operator --------------------------------------------------------------------------------------


def _texts(document: Document, operator: str) -> tuple[str, ...]:
    texts = tuple(checked_text(value, path) for value, path in document.items("string_values"))
    return _not_empty(document, "string_values", texts, operator)


def _numbers(document: Document, operator: str) -> tuple[float, ...]:
    numbers = tuple(checked_number(value, path) for value, path in document.items("number_values"))
    return _not_empty(document, "number_values", numbers, operator)


def _not_empty(document: Document, key: str, values: tuple[Value, ...], operator: str) -> tuple[Value, ...]:
    if not values:
        raise document.refuse(key, f"must hold at least one value for {operator}")
    return tuple(dict.fromkeys(values))


def _ignoring_case(test: type[TextContainsAnyOf | TextStartsWithAnyOf | TextEndsWithAnyOf]) -> _Operator:
    """An operator that ignores case, with any number of texts."""

    def read(document: Document, operator: str) -> Test:
        return test(tuple(dict.fromkeys(folded(text) for text in _texts(document, operator))))

    return _Operator(_STRINGS, read)


def _text_compares(document: Document, operator: str) -> Test:
    value, path = only_value(document, "string_values", operator=operator)
    return TextCompares(COMPARISONS[operator], checked_text(value, path))


def _number_between(document: Document, operator: str) -> Test:
    numbers = [checked_number(value, path) for value, path in document.items("number_values")]
    if len(numbers) != 2:
        raise document.refuse("number_values", f"must hold two values, low and high, for {operator}")
    low, high = numbers
    if low > high:
        raise document.refuse("number_values", f"has its low value {low} above its high one {high}")
    return NumberIsBetween(low, high)


def _number_compares(document: Document, operator: str) -> Test:
    value, path = only_value(document, "number_values", operator=operator)
    return NumberCompares(COMPARISONS[operator], checked_number(value, path))


def _time_equals(document: Document, operator: str) -> Test:
    points = tuple(checked_point(value, path) for value, path in document.items("string_values"))
    return TimeIsInAnyOf(tuple(within(point) for point in _not_empty(document, "string_values", points, operator)))


def _time_compares(document: Document, operator: str) -> Test:
    point = checked_point(*only_value(document, "string_values", operator=operator))
    return TimeIsInAnyOf((TIME_COMPARISONS[operator](point),))


def _time_in_range(document: Document, operator: str) -> Test:
    return TimeIsInAnyOf((read_range(document, "string_values", operator=operator),))


def _date_equals(document: Document, operator: str) -> Test:
    dates = tuple(checked_date(value, path) for value, path in document.items("string_values"))
    return DateIsInAnyOf(tuple(within(day) for day in _not_empty(document, "string_values", dates, operator)))


def _date_compares(document: Document, operator: str) -> Test:
    day = checked_date(*only_value(document, "string_values", operator=operator))
    return DateIsInAnyOf((TIME_COMPARISONS[operator](day),))


def _date_in_range(document: Document, operator: str) -> Test:
    return DateIsInAnyOf((read_range(document, "string_values", operator=operator, read=checked_date),))


def _within(timeframe: Callable[[int], Timeframe], test: type[TimeIsInAnyOf | DateIsInAnyOf]) -> _Operator:
    """An operator for so many days before or after the evaluation."""

    def read(document: Document, operator: str) -> Test:
        return test((timeframe(checked_days(*only_value(document, "string_values", operator=operator))),))

    return _Operator(_STRINGS, read)


def _calendar_windows(test: type[TimeIsInAnyOf | DateIsInAnyOf]) -> Mapping[str, _Operator]:
    """The operators for local days, weeks, months and years."""

    def read(document: Document, operator: str) -> Test:
        return test((calendar_window(operator, first_day=read_first_day(document, operator)),))

    return dict.fromkeys(CALENDAR_WINDOWS, _Operator((), read))


def _anniversary(document: Document, operator: str) -> Test:
    days = checked_days(*only_value(document, "string_values", operator=operator))
    if days > MOST_DAYS_TO_AN_ANNIVERSARY:
        problem = f"must be at most {MOST_DAYS_TO_AN_ANNIVERSARY} days for {operator}: there is one every year"
        raise document.refuse("string_values", problem)
    return AnniversaryIsWithin(days)


def _booleans(document: Document, operator: str) -> Test:
    booleans = tuple(checked_boolean(value, path) for value, path in document.items("boolean_values"))
    return BooleanIsAnyOf(_not_empty(document, "boolean_values", booleans, operator))


def _in_array(document: Document, operator: str) -> Test:
    texts = tuple(checked_text(value, path) for value, path in document.items("string_values"))
    numbers = tuple(checked_number(value, path) for value, path in document.items("number_values"))
    if not texts and not numbers:
        raise document.refuse("string_values", f"must hold at least one value for {operator}, or number_values must")
    return ArrayHasAnyOf(tuple(dict.fromkeys(texts)), tuple(dict.fromkeys(numbers)))


_IS_SET = _Operator((), lambda document, operator: IsSet())
_ANNIVERSARY = _Operator(_STRINGS, _anniversary)
_TEXT_IS = _Operator(_STRINGS, lambda document, operator: TextIsAnyOf(_texts(document, operator)))
_TEXT_OPERATORS = {
    "equals": _TEXT_IS,
    "is_one_of": _TEXT_IS,
    "contains": _ignoring_case(TextContainsAnyOf),
    "starts_with": _ignoring_case(TextStartsWithAnyOf),
    "ends_with": _ignoring_case(TextEndsWithAnyOf),
    **dict.fromkeys(COMPARISONS, _Operator(_STRINGS, _text_compares)),
}
_NUMBER_IS = _Operator(_NUMBERS, lambda document, operator: NumberIsAnyOf(_numbers(document, operator)))
_OPERATORS: Mapping[FieldType, Mapping[str, _Operator]] = {
    FieldType.STRING: _TEXT_OPERATORS | {"is_set": _IS_SET},
    FieldType.NUMBER: {
        "equals": _NUMBER_IS,
        "is_one_of": _NUMBER_IS,
        **dict.fromkeys(COMPARISONS, _Operator(_NUMBERS, _number_compares)),
        "between": _Operator(_NUMBERS, _number_between),
        "is_set": _IS_SET,
    },
    FieldType.TIME: {
        "equals": _Operator(_STRINGS, _time_equals),
        **dict.fromkeys(TIME_COMPARISONS, _Operator(_STRINGS, _time_compares)),
        "in_date_range": _Operator(_STRINGS, _time_in_range),
        **{name: _within(window.of_instants, TimeIsInAnyOf) for name, window in ROLLING_WINDOWS.items()},
        **_calendar_windows(TimeIsInAnyOf),
        "anniversary": _ANNIVERSARY,
        "is_set": _IS_SET,
    },
    FieldType.BOOLEAN: {"equals": _Operator(_BOOLEANS, _booleans), "is_set": _IS_SET},
    FieldType.DATE: {
        "equals": _Operator(_STRINGS, _date_equals),
        **dict.fromkeys(TIME_COMPARISONS, _Operator(_STRINGS, _date_compares)),
        "in_date_range": _Operator(_STRINGS, _date_in_range),
        **{name: _within(window.of_dates, DateIsInAnyOf) for name, window in ROLLING_WINDOWS.items()},
        **_calendar_windows(DateIsInAnyOf),
        "anniversary": _ANNIVERSARY,
        "is_set": _IS_SET,
    },
    FieldType.JSON: _TEXT_OPERATORS
    | {
        "in_array": _Operator(_STRINGS + _NUMBERS, _in_array),
        "is_set": _IS_SET,
    },
}
