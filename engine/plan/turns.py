"""When the edges of timeframes pass instants: the only moments at which a window gains or loses one by time alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush

from engine.definition.timeframes import (
    DaysAgo,
    DaysAhead,
    DayStart,
    Edge,
    Moment,
    MonthStart,
    Now,
    OfToday,
    TodayPlus,
    WeekStart,
    YearStart,
)
from engine.plan.windows import day_of_edge, edge_at
from engine.plan.zones import EARLIEST_AT, day_start_at, day_turns, local_day

_ONE_DAY = timedelta(days=1)
_LONGEST_RETURN = timedelta(days=3)
"""Longer than any clocks were ever set back over: an edge that passed an instant longer ago does not come back."""


def edge_turns(edge: Edge | None, values: Sequence[datetime], zone_name: str, *, after: datetime) -> Iterator[datetime]:
    """When an edge of a timeframe, seen later than `after`, passes one of the instants; in order.

    `values` are sorted. An edge that stays where it is passes nothing.
    """
    seen_at = after
    if isinstance(edge, OfToday):
        seen_at = EARLIEST_AT if after < EARLIEST_AT + _LONGEST_RETURN else after - _LONGEST_RETURN
    start_at = edge_at(edge, as_of=seen_at, zone_name=zone_name)
    first = len(values) if start_at is None else bisect_left(values, start_at)
    ahead = (values[number] for number in range(first, len(values)))
    yield from _later(after, _in_order(_turns_of_value(edge, value, zone_name) for value in ahead))


def date_edge_turns(edge: Edge | None, value: date, zone_name: str, *, after: datetime) -> Iterator[datetime]:
    """The same for an edge that is the start of a day, and a date."""
    turns = _turns_of_day(edge, _day_after(value), zone_name) if isinstance(edge, OfToday) else ()
    yield from _later(after, turns)


def turns_of_days(days: Iterable[date], zone_name: str, *, after: datetime) -> Iterator[datetime]:
    """When the local date reaches one of the days, or loses it again; in order. `days` are sorted."""
    yield from _later(after, _in_order(day_turns(day, zone_name) for day in days))


def day_of_instant(value: datetime, zone_name: str) -> date:
    """The local day whose window an instant lies in: windows are from the start of a day to that of the next one."""
    following = _first_day_starting_after(value, zone_name)
    return date.max if following is None else following - _ONE_DAY


def _turns_of_value(edge: Edge | None, value: datetime, zone_name: str) -> tuple[datetime, ...]:
    match edge:
        case None | Moment() | DayStart():
            return ()
        case Now():
            return (value,)
        case DaysAgo(days):
            return _moved(value, lambda: value + timedelta(days=days))
        case DaysAhead(days):
            return _moved(value, lambda: value - timedelta(days=days))
        case TodayPlus() | WeekStart() | MonthStart() | YearStart():
            return _turns_of_day(edge, _first_day_starting_after(value, zone_name), zone_name)


def _moved(value: datetime, move: Callable[[], datetime]) -> tuple[datetime, ...]:
    try:
        return (move(),)
    except OverflowError:  # before the first instant, or after the last
        return ()


@lru_cache(maxsize=65_536)
def _turns_of_day(edge: OfToday, day: date | None, zone_name: str) -> tuple[datetime, ...]:
    """When an edge reaches the start of a day, or loses it again; of None: when it lies after all days."""

    def has_reached(ordinal: int) -> bool:
        reached = day_of_edge(edge, date.fromordinal(ordinal))
        return reached is None or (day is not None and reached >= day)

    first, last = 1, date.max.toordinal()
    if not has_reached(last):
        return ()
    while first < last:  # edges never move back from one day to the next
        middle = (first + last) // 2
        first, last = (first, middle) if has_reached(middle) else (middle + 1, last)
    return day_turns(date.fromordinal(first), zone_name)


def _first_day_starting_after(value: datetime, zone_name: str) -> date | None:
    """The first local day that starts after an instant; None where that is after all days."""
    day = local_day(value, zone_name)
    while day > date.min and day_start_at(day, zone_name) > value:
        day -= _ONE_DAY
    while day_start_at(day, zone_name) <= value:
        if day == date.max:
            return None
        day += _ONE_DAY
    return day


def _day_after(day: date) -> date | None:
    return None if day == date.max else day + _ONE_DAY


def _in_order(groups: Iterable[Sequence[datetime]]) -> Iterator[datetime]:
    """The instants of all groups, in order, each once; every group begins at or after the one before it."""
    waiting: list[datetime] = []
    last: datetime | None = None
    for group in groups:
        if not group:
            continue
        while waiting and waiting[0] < group[0]:
            at = heappop(waiting)
            if at != last:
                yield at
            last = at
        for at in group:
            heappush(waiting, at)
    while waiting:
        at = heappop(waiting)
        if at != last:
            yield at
        last = at


def _later(after: datetime, turns: Iterable[datetime]) -> Iterator[datetime]:
    return (at for at in turns if at > after)
