"""Stretches of time as a definition says them, before an instant and a time zone give them edges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

ONE_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """An exact instant, UTC; None stands for later than every instant that can be stored."""

    at: datetime | None


@dataclass(frozen=True, slots=True)
class DayStart:
    """The first instant of a local day; None stands for a day after year 9999."""

    on: date | None


@dataclass(frozen=True, slots=True)
class DaysAgo:
    """Just after the instant that lies `days` times 24 hours before the evaluation."""

    days: int


@dataclass(frozen=True, slots=True)
class Now:
    """Just after the instant of evaluation."""


@dataclass(frozen=True, slots=True)
class TodayPlus:
    """The first instant of the local day that lies `days` after the one of the evaluation."""

    days: int


Edge = Moment | DayStart | DaysAgo | Now | TodayPlus


@dataclass(frozen=True, slots=True)
class Timeframe:
    """Instants t with start <= t < end; an absent edge leaves that side open.

    Every window of the language fits: instants have microseconds, so an end that belongs to the window
    becomes an edge one microsecond later.
    """

    start: Edge | None = None
    end: Edge | None = None

    @property
    def is_local(self) -> bool:
        """Whether its edges depend on a time zone."""
        return isinstance(self.start, DayStart | TodayPlus) or isinstance(self.end, DayStart | TodayPlus)

    @property
    def needs_today(self) -> bool:
        """Whether its edges depend on which local day it is."""
        return isinstance(self.start, TodayPlus) or isinstance(self.end, TodayPlus)


ANYTIME = Timeframe()

Point = datetime | date
"""What a caller writes: an RFC 3339 instant (UTC datetime) or a whole local day (date)."""


def starting_at(point: Point) -> Edge:
    """The edge before a point: the instant itself, or the start of the day."""
    return Moment(point) if isinstance(point, datetime) else DayStart(point)


def just_after(point: Point) -> Edge:
    """The edge behind a point: right after the instant, or where the day ends."""
    if isinstance(point, datetime):
        return Moment(None if point == datetime.max.replace(tzinfo=point.tzinfo) else point + ONE_MICROSECOND)
    return DayStart(None if point == date.max else point + timedelta(days=1))


def within(point: Point) -> Timeframe:
    """Exactly the instant, or anywhere in the day."""
    return Timeframe(starting_at(point), just_after(point))


def between(first: Point, last: Point) -> Timeframe:
    """From the first to the last, both inclusive."""
    return Timeframe(starting_at(first), just_after(last))


def before(point: Point) -> Timeframe:
    """Strictly before the instant, or before the day starts."""
    return Timeframe(end=starting_at(point))


def after(point: Point) -> Timeframe:
    """Strictly after the instant, or after the day ends."""
    return Timeframe(start=just_after(point))


def not_before(point: Point) -> Timeframe:
    """At the instant or later, or from the start of the day."""
    return Timeframe(start=starting_at(point))


def not_after(point: Point) -> Timeframe:
    """At the instant or earlier, or until the day ends."""
    return Timeframe(end=just_after(point))


def last_days(days: int) -> Timeframe:
    """(as_of - days * 24 h, as_of]."""
    return Timeframe(DaysAgo(days), Now())


def last_dates(days: int) -> Timeframe:
    """The local day of the evaluation, and those before it: so many in all."""
    return Timeframe(TodayPlus(1 - days), TodayPlus(1))
