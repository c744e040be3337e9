"""Stretches of time as a definition says them, before an instant and a time zone give them edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class DaysAhead:
    """Just after the instant that lies `days` times 24 hours after the evaluation."""

    days: int


@dataclass(frozen=True, slots=True)
class WeekStart:
    """The first instant of the local week that lies `weeks` after the one of the evaluation.

    `first_day` is the weekday on which weeks begin, as ISO 8601 numbers them: 1 is Monday, 7 Sunday.
    """

    weeks: int
    first_day: int


@dataclass(frozen=True, slots=True)
class MonthStart:
    """The first instant of the local month that lies `months` after the one of the evaluation."""

    months: int


@dataclass(frozen=True, slots=True)
class YearStart:
    """The first instant of the local year that lies `years` after the one of the evaluation."""

    years: int


OfToday = TodayPlus | WeekStart | MonthStart | YearStart
"""Starts of local days that depend on which local day it is."""

Edge = Moment | DayStart | DaysAgo | DaysAhead | Now | OfToday


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
        return isinstance(self.start, DayStart | OfToday) or isinstance(self.end, DayStart | OfToday)

    @property
    def needs_today(self) -> bool:
        """Whether its edges depend on which local day it is."""
        return isinstance(self.start, OfToday) or isinstance(self.end, OfToday)


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


def next_days(days: int) -> Timeframe:
    """(as_of, as_of + days * 24 h]."""
    return Timeframe(Now(), DaysAhead(days))


def next_dates(days: int) -> Timeframe:
    """So many local days after the one of the evaluation."""
    return Timeframe(TodayPlus(1), TodayPlus(1 + days))


def more_than_days_ago(days: int) -> Timeframe:
    """What lies before `last_days` of as many."""
    return Timeframe(end=DaysAgo(days))


def more_than_dates_ago(days: int) -> Timeframe:
    """What lies before `last_dates` of as many."""
    return Timeframe(end=TodayPlus(1 - days))


@dataclass(frozen=True, slots=True)
class RollingWindow:
    """A window of so many days that moves with the evaluation: of instants, and of days of the calendar."""

    of_instants: Callable[[int], Timeframe]
    of_dates: Callable[[int], Timeframe]
    is_ahead: bool = False


ROLLING_WINDOWS = {
    "in_the_last_days": RollingWindow(last_days, last_dates),
    "in_the_last_calendar_days": RollingWindow(last_dates, last_dates),
    "in_the_next_days": RollingWindow(next_days, next_dates, is_ahead=True),
    "more_than_days_ago": RollingWindow(more_than_days_ago, more_than_dates_ago),
}
"""What each name stands for. Windows that are ahead hold no event: nothing after the evaluation counts."""

MONDAY = 1


class Unit(StrEnum):
    """What a row of stretches, one after the other, is made of: rolling ones of 24 hours, or those of the calendar."""

    DAYS = "days"
    WEEKS = "weeks"
    CALENDAR_WEEKS = "calendar_weeks"
    CALENDAR_MONTHS = "calendar_months"


@dataclass(frozen=True, slots=True)
class EachOfTheLast:
    """So many stretches, each as long as its unit, without a gap between them.

    The latest of the rolling ones ends with the evaluation, and the latest of the calendar is the last that is over.
    """

    unit: Unit
    number: int
    first_day: int = MONDAY

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """The stretches, latest first."""
        return tuple(Timeframe(self._edge(place), self._edge(place - 1)) for place in range(1, self.number + 1))

    def _edge(self, ago: int) -> Edge:
        match self.unit:
            case Unit.DAYS:
                return DaysAgo(ago) if ago else Now()
            case Unit.WEEKS:
                return DaysAgo(7 * ago) if ago else Now()
            case Unit.CALENDAR_WEEKS:
                return WeekStart(-ago, self.first_day)
            case Unit.CALENDAR_MONTHS:
                return MonthStart(-ago)


CALENDAR_WINDOWS = {
    "today": ("day", 0),
    "yesterday": ("day", -1),
    **{
        f"{which}_{unit}": (unit, number)
        for unit in ("week", "month", "year")
        for which, number in (("this", 0), ("last", -1))
    },
}
"""What each name stands for: a unit of the calendar, and how many of them after the one of the evaluation."""


def calendar_window(name: str, *, first_day: int = MONDAY) -> Timeframe:
    """The local day, week, month or year that a name such as `last_month` stands for. Raises: KeyError."""
    makers: dict[str, Callable[[int], Edge]] = {
        "day": TodayPlus,
        "week": lambda number: WeekStart(number, first_day),
        "month": MonthStart,
        "year": YearStart,
    }
    unit, number = CALENDAR_WINDOWS[name]
    return Timeframe(makers[unit](number), makers[unit](number + 1))
