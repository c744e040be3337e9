"""Dates, instants, numbers of days and time zones as a caller writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from itertools import pairwise

from engine.definition.document import Document
from engine.definition.timeframes import (
    ANYTIME,
    CALENDAR_WINDOWS,
    MONDAY,
    ROLLING_WINDOWS,
    EachOfTheLast,
    Point,
    Timeframe,
    Unit,
    after,
    before,
    between,
    calendar_window,
)
from engine.errors import DefinitionError, one_of, shown

MAX_DAYS = 999_999_999
"""Far beyond year 1, where every longer window starts too."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)

TIMEFRAME_OPERATORS = (
    "anytime",
    *(name for name, window in ROLLING_WINDOWS.items() if not window.is_ahead),
    *CALENDAR_WINDOWS,
    "in_date_range",
    "before_date",
    "after_date",
)
WEEKDAYS = {
    name: number
    for number, name in enumerate(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), start=MONDAY
    )
}
EACH_OPERATORS = {f"in_each_of_the_last_{unit}": unit for unit in Unit}
"""Timeframes that are several, each of which must hold; only a count can be asked of them."""
MOST_STRETCHES = 60
WEEKS = ("this_week", "last_week", "in_each_of_the_last_calendar_weeks")


@cache
def iana_zones() -> frozenset[str]:
    """The names of the pinned time zone database."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


def parsed_instant(text: str) -> datetime | None:
    """The UTC instant of an RFC 3339 text, cut to microseconds; None if it is none. Source: RFC 3339."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, offset = match.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    offset = "+00:00" if offset in "Zz" else offset
    try:
        return datetime.fromisoformat(f"{day}T{clock}.{micros}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def checked_point(value: object, path: str) -> Point:
    """A date, meaning the whole local day, or an instant.

    Raises: DefinitionError for anything else, and for an instant without a zone.
    """
    if isinstance(value, str):
        try:
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        instant = parsed_instant(value)
        if instant is not None:
            return instant
    raise DefinitionError(
        path,
        "must be a date such as 2026-05-01, or an instant with its zone such as 2026-05-01T10:00:00Z, "
        f"got {shown(value)}",
    )


def checked_date(value: object, path: str) -> date:
    """A day of the calendar. Raises: DefinitionError for anything else, instants included."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        point = checked_point(value, path)
        assert not isinstance(point, datetime)
        return point
    raise DefinitionError(path, f"must be a date such as 2026-05-01: the field has days, no times; got {shown(value)}")


def checked_days(value: object, path: str) -> int:
    """A number of days, 0 or more; text and numbers are both taken. 0 days hold nothing."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_DAYS:
        raise DefinitionError(path, f"must be a whole number of days from 0 to {MAX_DAYS}, got {shown(value)}")
    return value


def only_value(document: Document, key: str, *, operator: str) -> tuple[object, str]:
    """The one element of an array, with its path."""
    items = list(document.items(key))
    if len(items) != 1:
        raise document.refuse(key, f"must hold exactly one value for {operator}, got {len(items)}")
    return items[0]


def read_range(
    document: Document, key: str, *, operator: str, read: Callable[[object, str], Point] = checked_point
) -> Timeframe:
    """The timeframe from the first to the second value of an array, both inclusive; `read` reads one value."""
    points = [read(value, path) for value, path in document.items(key)]
    if len(points) != 2:
        raise document.refuse(key, f"must hold two values, first and last, for {operator}, got {len(points)}")
    for first, last in pairwise(points):
        if isinstance(first, datetime) == isinstance(last, datetime) and first > last:
            raise document.refuse(key, f"starts at {first.isoformat()}, which is later than its end {last.isoformat()}")
    return between(points[0], points[1])


def read_first_day(document: Document, operator: str) -> int:
    """The weekday on which weeks begin, `week_starts_on`: Monday unless a condition on weeks says another one."""
    if document.get("week_starts_on") is None:
        return MONDAY
    if operator not in WEEKS:
        raise document.refuse("week_starts_on", f"has no meaning for {operator}: it goes with {one_of(WEEKS)}")
    return WEEKDAYS[document.choice("week_starts_on", tuple(WEEKDAYS))]


def read_each_of_the_last(document: Document) -> EachOfTheLast | None:
    """The stretches of a count that must hold in each of several; None if the timeframe is a single one."""
    operator = document.choice("timeframe_operator", (*TIMEFRAME_OPERATORS, *EACH_OPERATORS), default="anytime")
    if operator not in EACH_OPERATORS:
        return None
    unit = EACH_OPERATORS[operator]
    value, path = only_value(document, "timeframe_values", operator=operator)
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value, re.ASCII) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 2 <= number <= MOST_STRETCHES:
        words = unit.replace("_", " ")
        raise DefinitionError(path, f"must be a whole number of {words} from 2 to {MOST_STRETCHES}, got {shown(value)}")
    return EachOfTheLast(unit, number, read_first_day(document, operator))


def read_timeframe(document: Document) -> Timeframe:
    """The timeframe of a condition on events: `timeframe_operator` and `timeframe_values`."""
    operator = document.choice("timeframe_operator", TIMEFRAME_OPERATORS, default="anytime")
    key = "timeframe_values"
    first_day = read_first_day(document, operator)
    if operator in ("anytime", *CALENDAR_WINDOWS):
        if list(document.items(key)):
            raise document.refuse(key, f"must be empty for {operator}")
        return ANYTIME if operator == "anytime" else calendar_window(operator, first_day=first_day)
    if operator in ROLLING_WINDOWS:
        return ROLLING_WINDOWS[operator].of_instants(checked_days(*only_value(document, key, operator=operator)))
    match operator:
        case "in_date_range":
            return read_range(document, key, operator=operator)
        case "before_date":
            return before(checked_point(*only_value(document, key, operator=operator)))
        case _:
            return after(checked_point(*only_value(document, key, operator=operator)))
