"""The judge of instants and local days: time operators, timeframes, zones."""

import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference_operators import COMPARISONS
from tests.reference_question import Question, Row

# Zones come from the pinned tzdata package: the system's may be older, and one already loaded would stay in the cache.
zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()
ZONE_NAMES = frozenset(zoneinfo.available_timezones())

FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)
DAY = timedelta(days=1)
DATE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT_TEXT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def instant_holds(
    instant: datetime, test: str, asked: Row, asked_values: list[str] | None, email: str, question: Question
) -> bool:
    """Whether an instant is where a time operator or a timeframe wants it."""
    zone = zone_of(email, question)
    if test in ("in_the_last_days", "in_the_next_days", "more_than_days_ago"):
        assert asked_values
        days = timedelta(days=min(int(asked_values[0]), 9_999_999))
        if test == "in_the_next_days":
            return question.as_of < instant <= moved(question.as_of, days)
        long_ago = instant <= moved(question.as_of, -days) and not_before_time(question.as_of, days)
        return long_ago if test == "more_than_days_ago" else not long_ago and instant <= question.as_of
    if test == "anniversary":
        assert asked_values
        around = {moved(instant, step * DAY).astimezone(zone).date() for step in (-1, 0, 1)}
        return any(is_within(instant, day, zone) and is_remembered(day, asked_values, zone, question) for day in around)
    if test in CALENDAR or test == "in_the_last_calendar_days":
        found = days_of(test, asked, asked_values, zone, question)
        return found is not None and side_of_days(instant, *found, zone) == 0
    assert asked_values
    sides = [side_of(instant, asked, zone) for asked in asked_values]
    if test == "equals":
        return 0 in sides
    if test == "in_date_range":
        first_side, last_side = sides
        return first_side >= 0 and last_side <= 0
    (side,) = sides
    return COMPARISONS[test](side, 0)


def not_before_time(instant: datetime, days: timedelta) -> bool:
    """Whether there is an instant so many days earlier."""
    return instant - FIRST_INSTANT >= days


CALENDAR = [
    *("today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year", "last_year"),
]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def days_of(
    test: str, asked: Row, asked_values: list[str] | None, zone: ZoneInfo, question: Question
) -> tuple[date, date] | None:
    """The first and the last local day of a calendar window, found by walking; None for no day at all."""
    today = question.as_of.astimezone(zone).date()
    if test == "in_the_last_calendar_days":
        assert asked_values
        count = int(asked_values[0])
        return (date.fromordinal(max(today.toordinal() - count + 1, 1)), today) if count else None
    same: dict[str, Callable[[date], Any]] = {
        "day": lambda day: day,
        "week": lambda day: week_of(day, asked.get("week_starts_on") or "monday"),
        "month": lambda day: (day.year, day.month),
        "year": lambda day: day.year,
    }
    unit = {"today": "day", "yesterday": "day"}.get(test) or test.partition("_")[2]
    wanted, day = same[unit](today), today
    if test == "yesterday" or test.startswith("last_"):
        while same[unit](day) == same[unit](today):
            day -= DAY
        wanted = same[unit](day)
    first = last = day
    while same[unit](first - DAY) == wanted:
        first -= DAY
    while same[unit](last + DAY) == wanted:
        last += DAY
    return first, last


def stretch_of(instant: datetime, asked: Row, email: str, question: Question) -> int | None:
    """In which stretch of `in_each_of_the_last_...` an instant lies, from 1 for the latest; None for none of them."""
    unit = asked["timeframe_operator"].removeprefix("in_each_of_the_last_")
    stretches = range(1, int(asked["timeframe_values"][0]) + 1)
    if unit in ("days", "weeks"):
        for stretch in stretches:
            days = str(stretch * (7 if unit == "weeks" else 1))
            if instant_holds(instant, "in_the_last_days", asked, [days], email, question):
                return stretch
        return None
    zone = zone_of(email, question)
    first = question.as_of.astimezone(zone).date()
    name = {"calendar_weeks": "this_week", "calendar_months": "this_month"}[unit]
    first, _ = unit_around(first, name, asked)
    for stretch in stretches:
        first, last = unit_around(first - DAY, name, asked)
        if side_of_days(instant, first, last, zone) == 0:
            return stretch
    return None


def unit_around(day: date, name: str, asked: Row) -> tuple[date, date]:
    """The first and the last day of the week, or of the month, of a day."""

    def unit(other: date) -> tuple[int, ...]:
        if name == "this_month":
            return (other.year, other.month)
        return (week_of(other, asked.get("week_starts_on") or "monday").toordinal(),)

    first = last = day
    while unit(first - DAY) == unit(day):
        first -= DAY
    while unit(last + DAY) == unit(day):
        last += DAY
    return first, last


def local_day(instant: datetime, email: str, question: Question) -> date:
    """The local day on which something happened."""
    zone = zone_of(email, question)
    around = [moved(instant, step * DAY).astimezone(UTC).date() for step in (-1, 0, 1)]
    (day,) = {day for day in around if is_within(instant, day, zone)}
    return day


def is_remembered(day: date, asked_values: list[str], zone: ZoneInfo, question: Question) -> bool:
    """Whether an anniversary of a day, of any year since 1900, is today or within so many days."""
    today = question.as_of.astimezone(zone).date()
    if day.year < 1900:
        return False
    for ahead in range(int(asked_values[0]) + 1):
        party = today + ahead * DAY
        if day.year < party.year:
            if (day.month, day.day) == (party.month, party.day):
                return True
            no_leap_day = (party + DAY).month == 3
            if (day.month, day.day) == (2, 29) and (party.month, party.day) == (2, 28) and no_leap_day:
                return True
    return False


def week_of(day: date, first_weekday: str) -> date:
    """The day on which the week of a day began."""
    while WEEKDAYS[day.weekday()] != first_weekday:
        day -= DAY
    return day


def side_of_days(instant: datetime, first: date, last: date, zone: ZoneInfo) -> int:
    """-1 before the first of some local days, 0 within them, 1 after the last."""
    if instant < day_start(first, zone):
        return -1
    end = day_end(last, zone)
    return 0 if end is None or instant < end else 1


def day_holds(day: date, test: str, asked: Row, email: str, question: Question) -> bool:
    """Whether a day of the calendar is where an operator wants it. Only its distance from today needs a zone."""
    zone, asked_values = zone_of(email, question), asked.get("string_values")
    if test in CALENDAR:
        found = days_of(test, asked, asked_values, zone, question)
        return found is not None and found[0] <= day <= found[1]
    assert asked_values
    if test == "anniversary":
        return is_remembered(day, asked_values, zone, question)
    days_ago = (question.as_of.astimezone(zone).date() - day).days
    if test in ("in_the_last_days", "in_the_last_calendar_days"):
        return 0 <= days_ago < int(asked_values[0])
    if test == "more_than_days_ago":
        return days_ago >= int(asked_values[0])
    if test == "in_the_next_days":
        return 0 < -days_ago <= int(asked_values[0])
    asked_days = [date.fromisoformat(asked) for asked in asked_values]
    if test == "equals":
        return day in asked_days
    if test == "in_date_range":
        first, last = asked_days
        return first <= day <= last
    (asked_day,) = asked_days
    return COMPARISONS[test](day, asked_day)


def day_of(text: str) -> date | None:
    """The day that a text such as 2026-05-01 names; None when it names none."""
    try:
        return date.fromisoformat(text) if DATE_TEXT.fullmatch(text) else None
    except ValueError:
        return None


def side_of(instant: datetime, asked: str, zone: ZoneInfo) -> int:
    """-1 before the asked instant or local day, 0 at or within it, 1 after it."""
    if DATE_TEXT.fullmatch(asked):
        day = date.fromisoformat(asked)
        if is_within(instant, day, zone):
            return 0
        return -1 if instant < day_start(day, zone) else 1
    exact = required_instant(asked)
    return (instant > exact) - (instant < exact)


def day_end(day: date, zone: ZoneInfo) -> datetime | None:
    """Where the next day starts; None after the last day of the calendar."""
    return None if day == date.max else day_start(day + timedelta(days=1), zone)


def is_within(instant: datetime, day: date, zone: ZoneInfo) -> bool:
    """Whether the day has begun, and the next one has not."""
    end = day_end(day, zone)
    return day_start(day, zone) <= instant and (end is None or instant < end)


@cache
def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant whose local date is `day` or later: walk the minutes, then the seconds.

    No offset reaches 16 hours, and no clock showed a date for less than a minute (St. John's once
    a year for just one, when clocks went from 00:01 back to 23:01), but offsets have seconds.
    """
    earliest = moved(datetime.combine(day, time.min, UTC), timedelta(hours=-16))
    instant = earliest
    while not day_is_reached(instant, day, zone):
        instant += timedelta(minutes=1)
    while instant > earliest and day_is_reached(instant - timedelta(seconds=1), day, zone):
        instant -= timedelta(seconds=1)
    return instant


def day_is_reached(instant: datetime, day: date, zone: ZoneInfo) -> bool:
    try:
        return instant.astimezone(zone).date() >= day
    except OverflowError:  # the local clock shows year 0 or year 10000
        return instant.year > 1


def moved(instant: datetime, change: timedelta) -> datetime:
    """The instant moved by a change, held within the years 1 to 9999."""
    try:
        return instant + change
    except OverflowError:
        return FIRST_INSTANT if change < timedelta(0) else LAST_INSTANT


def instant_of(text: str) -> datetime | None:
    """The UTC instant that an RFC 3339 text names; None when it names none."""
    found = INSTANT_TEXT.fullmatch(text)
    if found is None:
        return None
    day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = found.groups()
    if sign and (int(offset_hours) > 23 or int(offset_minutes) > 59):
        return None
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    try:
        clock = time(int(hour), int(minute), int(second), microsecond, UTC)
        local = datetime.combine(date.fromisoformat(day), clock)
    except ValueError:
        return None
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    try:
        return local + (offset if sign == "-" else -offset)
    except OverflowError:  # it lies in another year than 1 to 9999
        return None


def required_instant(text: str) -> datetime:
    instant = instant_of(text)
    if instant is None:
        raise ValueError(f"not an RFC 3339 instant: {text!r}")
    return instant


def is_past(text: str | None, as_of: datetime) -> bool:
    return text is not None and required_instant(text) <= as_of


def zone_of(email: str, question: Question) -> ZoneInfo:
    """The zone of the segment, or of the contact where the segment says `contact`."""
    if question.segment_zone != "contact":
        return ZoneInfo(question.segment_zone)
    name = question.contacts[email].get("timezone")
    return ZoneInfo(name if name in ZONE_NAMES else question.workspace_zone)
