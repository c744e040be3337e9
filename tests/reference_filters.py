"""The judge of one filter on a raw value: a contact field, or a property of an event."""

import re
from datetime import date, datetime
from typing import TypeGuard

from tests.reference_operators import COMPARISONS, POSITIVE_OF
from tests.reference_question import Question, Row
from tests.reference_time import day_holds, day_of, instant_holds, instant_of


def filter_holds(document: object, field_type: str, asked: Row, email: str, question: Question) -> bool:
    """Whether one filter holds for a raw value; every negative is NOT of its positive."""
    test = asked["operator"]
    if field_type == "json" and test not in ("is_set", "is_not_set", "in_array"):
        field_type = "string"
    value = value_of_type(value_at(document, asked.get("json_path") or []), field_type)
    if test not in POSITIVE_OF:
        return value is not None and positive_holds(value, test, asked, email, question)
    if value is None:
        return asked.get("missing") != "exclude"
    return not positive_holds(value, POSITIVE_OF[test], asked, email, question)


def value_at(document: object, path: list[str]) -> object:
    """The JSON value at a path, None where there is none."""
    value = document
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]*", step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def value_of_type(value: object, field_type: str) -> object:
    """The value read as the asked type; None when it is missing or of another type."""
    if field_type == "string":
        return value if isinstance(value, str) else None
    if field_type == "number":
        return float(value) if is_number(value) else None
    if field_type == "time":
        return instant_of(value) if isinstance(value, str) else None
    if field_type == "date":
        return day_of(value) if isinstance(value, str) else None
    if field_type == "boolean":
        return value if isinstance(value, bool) else None
    return value


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def positive_holds(value: object, test: str, asked: Row, email: str, question: Question) -> bool:
    if test == "is_set":
        return True
    if test == "in_array":
        return array_holds(value, asked)
    if isinstance(value, datetime):
        return instant_holds(value, test, asked, asked.get("string_values"), email, question)
    if isinstance(value, date):
        return day_holds(value, test, asked, email, question)
    if isinstance(value, bool):
        return value in asked["boolean_values"]  # nothing but equals is asked of a boolean
    if isinstance(value, str):
        return string_holds(value, test, asked["string_values"])
    numbers = [float(number) for number in asked["number_values"]]
    if test in ("equals", "is_one_of"):
        return value in numbers
    if test == "between":
        low, high = numbers
        return low <= value and not value > high  # type: ignore[operator]
    (number,) = numbers
    return COMPARISONS[test](value, number)


def array_holds(value: object, asked: Row) -> bool:
    strings = set(asked.get("string_values") or [])
    numbers = {float(number) for number in asked.get("number_values") or []}
    for element in value if isinstance(value, list) else []:
        if isinstance(element, str) and element in strings:
            return True
        if is_number(element) and float(element) in numbers:
            return True
    return False


def string_holds(value: str, test: str, asked_values: list[str]) -> bool:
    if test in ("equals", "is_one_of"):
        return value in asked_values
    if test == "contains":
        return any(lower(asked) in lower(value) for asked in asked_values)
    if test == "starts_with":
        return any(lower(value)[: len(lower(asked))] == lower(asked) for asked in asked_values)
    if test == "ends_with":
        return any(lower(value)[::-1].find(lower(asked)[::-1]) == 0 for asked in asked_values)
    (asked,) = asked_values
    return COMPARISONS[test](value, asked)


def lower(text: str) -> str:
    """Unicode simple lower-casing, one code point for one code point."""
    lowered = ""
    for char in text:
        if char == "\u0130":  # the only character whose full lower case is two code points
            lowered += "i"
        else:
            lowered += char.lower() if len(char.lower()) == 1 else char
    return lowered
