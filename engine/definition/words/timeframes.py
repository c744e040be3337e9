"""Timeframes in words: the word that a caller wrote where one fits, else their edges."""

from __future__ import annotations

from calendar import day_name
from datetime import UTC, date, datetime, timedelta

from engine.definition.timeframes import (
    ANYTIME,
    CALENDAR_WINDOWS,
    MONDAY,
    ONE_MICROSECOND,
    DaysAgo,
    DaysAhead,
    DayStart,
    EachOfTheLast,
    Edge,
    Moment,
    Now,
    Timeframe,
    TodayPlus,
    WeekStart,
    calendar_window,
)
from engine.definition.words.texts import counted

_NAMES = {calendar_window(name): name.replace("_", " ") for name in CALENDAR_WINDOWS}


def timeframe_words(timeframe: Timeframe) -> str:
    """Such as `in the last 30 days`, `this week`, `from 2026-05-01 to 2026-05-31`; empty for any time."""
    if timeframe == ANYTIME:
        return ""
    named = _NAMES.get(_from_monday(timeframe))
    if named is not None:
        first_day = timeframe.start.first_day if isinstance(timeframe.start, WeekStart) else MONDAY
        return named if first_day == MONDAY else f"{named}, from {day_name[first_day - 1]}"
    match timeframe.start, timeframe.end:
        case DaysAgo(days), Now():
            return f"in the last {counted(days, 'day')}"
        case None, DaysAgo(days):
            return f"more than {counted(days, 'day')} ago"
        case Now(), DaysAhead(days):
            return f"in the next {counted(days, 'day')}"
        case TodayPlus(first), TodayPlus(1):
            return f"in the last {counted(1 - first, 'calendar day')}"
        case None, TodayPlus(end):
            return f"more than {counted(1 - end, 'calendar day')} ago"
        case TodayPlus(1), TodayPlus(end):
            return f"in the next {counted(end - 1, 'calendar day')}"
        case _:
            return _between(timeframe)


def each_words(each: EachOfTheLast) -> str:
    """Such as `in each of the last 4 weeks`."""
    words = f"in each of the last {counted(each.number, each.unit.removesuffix('s').replace('_', ' '))}"
    return words if each.first_day == MONDAY else f"{words}, from {day_name[each.first_day - 1]}"


def duration_words(duration: timedelta) -> str:
    """Such as `90 minutes` or `2 days`, in the largest unit that it is a whole number of."""
    minutes = duration // timedelta(minutes=1)
    if minutes % (24 * 60) == 0:
        return counted(minutes // (24 * 60), "day")
    return counted(minutes // 60, "hour") if minutes % 60 == 0 else counted(minutes, "minute")


def _from_monday(timeframe: Timeframe) -> Timeframe:
    """The same weeks, if they began on Monday."""
    start, end = (
        WeekStart(edge.weeks, MONDAY) if isinstance(edge, WeekStart) else edge
        for edge in (timeframe.start, timeframe.end)
    )
    return Timeframe(start, end)


def _between(timeframe: Timeframe) -> str:
    start, end = timeframe.start, timeframe.end
    if start is None:
        return _until(end)
    if end is None:
        return _since(start)
    first, last = _first(start), _last(end)
    if first == last:
        return f"on {first}" if isinstance(start, DayStart) else f"at {first}"
    return f"from {first} to {last}"


def _until(end: Edge | None) -> str:
    if isinstance(end, Moment) and (end.at is None or end.at.microsecond % 1000 == 1):
        return f"at or before {_last(end)}"
    return f"before {_first(end)}"


def _since(start: Edge) -> str:
    if isinstance(start, Moment) and start.at is not None and start.at.microsecond % 1000 == 1:
        return f"after {_last(start)}"
    return f"{'on' if isinstance(start, DayStart) else 'at'} or after {_first(start)}"


def _first(start: Edge | None) -> str:
    """The day, or the instant, that begins at an edge."""
    match start:
        case DayStart(date() as day):
            return day.isoformat()
        case Moment(datetime() as at):
            return instant_text(at)
        case _:
            return "9999-12-31"


def _last(end: Edge | None) -> str:
    """The last day, or the last instant, before an edge."""
    match end:
        case DayStart(date() as day):
            return (day - timedelta(days=1)).isoformat() if day > date.min else day.isoformat()
        case Moment(datetime() as at):
            return instant_text(at - ONE_MICROSECOND)
        case _:
            return "9999-12-31"


def instant_text(at: datetime) -> str:
    """RFC 3339 in UTC, with fractions only where there are some."""
    utc = at.astimezone(UTC)
    fraction = f".{utc.microsecond:06}".rstrip("0").rstrip(".")
    return f"{utc.replace(microsecond=0).isoformat().removesuffix('+00:00')}{fraction}Z"
