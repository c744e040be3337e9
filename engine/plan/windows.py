"""Timeframes with their edges in place: half-open stretches of UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from engine.definition.timeframes import (
    ONE_MICROSECOND,
    DaysAgo,
    DaysAhead,
    DayStart,
    Edge,
    Moment,
    MonthStart,
    Now,
    OfToday,
    Timeframe,
    TodayPlus,
    WeekStart,
    YearStart,
)
from engine.errors import InvalidPlanError
from engine.plan.zones import EARLIEST_AT, day_start_at, local_day


@dataclass(frozen=True, slots=True)
class Window:
    """Instants t with start_at <= t < end_at, UTC; None leaves that side open. May be empty."""

    start_at: datetime | None = None
    end_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("start_at", "end_at"):
            at = getattr(self, name)
            if at is not None and at.utcoffset() != timedelta(0):
                raise InvalidPlanError(name, f"must be UTC, got {at!r}")

    @property
    def is_empty(self) -> bool:
        """Whether no instant lies in it."""
        return self.start_at is not None and self.end_at is not None and self.start_at >= self.end_at

    def until(self, end_at: datetime | None) -> Window:
        """The part before `end_at`."""
        return Window(self.start_at, earliest(self.end_at, end_at))


@dataclass(frozen=True, slots=True)
class LocalWindow:
    """A window for each time zone, by zone id; all of them together reach over `hull`."""

    by_zone: tuple[tuple[int, Window], ...]

    @property
    def hull(self) -> Window:
        """The smallest window that holds every zone's."""
        starts = [window.start_at for _, window in self.by_zone]
        ends = [window.end_at for _, window in self.by_zone]
        return Window(
            None if None in starts else min((at for at in starts if at is not None), default=None),
            None if None in ends else max((at for at in ends if at is not None), default=None),
        )


AnyWindow = Window | LocalWindow

NOTHING = Window(EARLIEST_AT, EARLIEST_AT)
"""No instant lies in it."""


def lies_in(at: datetime, window: Window) -> bool:
    """Whether an instant lies in a window."""
    return (window.start_at is None or at >= window.start_at) and (window.end_at is None or at < window.end_at)


def midnight_of(day: date) -> datetime:
    """What a date counts as among instants: its midnight in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two ends; None is later than any."""
    return other if one is None else one if other is None else min(one, other)


def just_after(at: datetime) -> datetime | None:
    """The next instant; None after the last one."""
    return None if at >= datetime.max.replace(tzinfo=at.tzinfo) else at + ONE_MICROSECOND


def place(timeframe: Timeframe, *, as_of: datetime, zone_name: str) -> Window:
    """The timeframe as seen at `as_of` in a zone."""
    start_at = edge_at(timeframe.start, as_of=as_of, zone_name=zone_name)
    if timeframe.start is not None and start_at is None:
        return NOTHING  # it starts later than every instant
    return Window(start_at, edge_at(timeframe.end, as_of=as_of, zone_name=zone_name))


def place_dates(timeframe: Timeframe, *, as_of: datetime, zone_name: str) -> Window:
    """The days of a timeframe as seen at `as_of` in a zone; each is its midnight in UTC, for a date has no zone."""
    start, end = (_dated(edge, as_of=as_of, zone_name=zone_name) for edge in (timeframe.start, timeframe.end))
    return place(Timeframe(start, end), as_of=as_of, zone_name="UTC")


def _dated(edge: Edge | None, *, as_of: datetime, zone_name: str) -> Edge | None:
    return DayStart(day_of_edge(edge, local_day(as_of, zone_name))) if isinstance(edge, OfToday) else edge


def day_of_edge(edge: OfToday, today: date) -> date | None:
    """The day that an edge lies at the start of: at the earliest the first of all days, None after the last."""
    match edge:
        case TodayPlus():
            return _days_after(today, edge.days)
        case WeekStart():
            return _days_after(today, 7 * edge.weeks - (today.isoweekday() - edge.first_day) % 7)
        case MonthStart():
            return _month_start(12 * today.year + today.month - 1 + edge.months)
        case YearStart():
            return _month_start(12 * (today.year + edge.years))


def _days_after(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None if days > 0 else date.min


def _month_start(month: int) -> date | None:
    """The first day of a month, counted from January of the year 0."""
    year = month // 12
    if not date.min.year <= year <= date.max.year:
        return None if year > date.max.year else date.min
    return date(year, month % 12 + 1, 1)


def edge_at(edge: Edge | None, *, as_of: datetime, zone_name: str) -> datetime | None:
    """The instant of an edge; None for no edge, and for one that lies later than every instant."""
    match edge:
        case None:
            return None
        case Moment():
            return edge.at
        case DayStart():
            return None if edge.on is None else day_start_at(edge.on, zone_name)
        case TodayPlus() | WeekStart() | MonthStart() | YearStart():
            return edge_at(_dated(edge, as_of=as_of, zone_name=zone_name), as_of=as_of, zone_name=zone_name)
        case Now():
            return just_after(as_of)
        case DaysAgo():
            try:
                return just_after(as_of - timedelta(days=edge.days))
            except OverflowError:
                return EARLIEST_AT
        case DaysAhead():
            try:
                return just_after(as_of + timedelta(days=edge.days))
            except OverflowError:
                return None
