"""What time alone changes about one contact: an answer at any instant, and when that answer may change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import merge
from typing import Protocol

from engine.definition.tree import Filter
from engine.definition.value_tests import AnniversaryIsWithin, DateIsInAnyOf, TimeIsInAnyOf
from engine.plan.anniversaries import FIRST_YEAR, anniversaries_of, is_remembered
from engine.plan.turns import date_edge_turns, day_of_instant, edge_turns, turns_of_days
from engine.plan.windows import lies_in, midnight_of, place, place_dates
from engine.plan.zones import local_day


class Watched(Protocol):
    """A condition on one contact, as long as nothing else happens to that contact."""

    @property
    def repeats_from(self) -> int | None:
        """The year from which it repeats itself with the calendar, for ever; None where its turns come to an end."""
        ...

    def holds(self, at: datetime) -> bool:
        """Whether an evaluation at that instant finds it true."""
        ...

    def turns(self, after: datetime) -> Iterator[datetime]:
        """The later instants at which its answer may change, in order: between them it does not."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """What time does not change."""

    answer: bool
    repeats_from: int | None = None

    def holds(self, at: datetime) -> bool:
        """The same at every instant."""
        del at
        return self.answer

    def turns(self, after: datetime) -> Iterator[datetime]:
        """None."""
        del after
        return iter(())


def watched_time(node: Filter, value: datetime | date | None, zone_name: str) -> Watched:
    """A filter on an instant or a date, of a contact or of an event; False where there is none."""
    if value is None:
        return Constant(False)
    if isinstance(node.test, AnniversaryIsWithin):
        day = day_of_instant(value, zone_name) if isinstance(value, datetime) else value
        return WatchedAnniversary(day, node.test.days, zone_name) if day.year >= FIRST_YEAR else Constant(False)
    assert isinstance(node.test, TimeIsInAnyOf | DateIsInAnyOf)
    return WatchedTime(node.test, value, zone_name)


@dataclass(frozen=True, slots=True)
class WatchedTime:
    """An instant or a date that does not move, and timeframes that do."""

    test: TimeIsInAnyOf | DateIsInAnyOf
    value: datetime | date
    zone_name: str
    repeats_from: int | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it lies in one of the timeframes."""
        if isinstance(self.value, datetime):
            windows = (place(item, as_of=at, zone_name=self.zone_name) for item in self.test.timeframes)
            return any(lies_in(self.value, window) for window in windows)
        windows = (place_dates(item, as_of=at, zone_name=self.zone_name) for item in self.test.timeframes)
        return any(lies_in(midnight_of(self.value), window) for window in windows)

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When an edge passes it."""
        edges = [edge for item in self.test.timeframes for edge in (item.start, item.end)]
        if isinstance(self.value, datetime):
            return merge(*(edge_turns(edge, [self.value], self.zone_name, after=after) for edge in edges))
        return merge(*(date_edge_turns(edge, self.value, self.zone_name, after=after) for edge in edges))


@dataclass(frozen=True, slots=True)
class WatchedAnniversary:
    """A local day that is remembered every year, and on so many days before it."""

    day: date
    days: int
    zone_name: str

    @property
    def repeats_from(self) -> int | None:
        """The year after it: 400 years hold the same days of the week and of the year, again and again."""
        return self.day.year + 1

    def holds(self, at: datetime) -> bool:
        """Whether an anniversary is today, or on one of so many days after."""
        return is_remembered(self.day, local_day(at, self.zone_name), self.days)

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When the days before it begin, and when it is over."""
        from_year = local_day(after, self.zone_name).year - 1
        begins = (_moved(on, -self.days) for on in anniversaries_of(self.day, from_year=from_year))
        ends = (on + timedelta(days=1) for on in anniversaries_of(self.day, from_year=from_year) if on < date.max)
        return merge(*(turns_of_days(days, self.zone_name, after=after) for days in (begins, ends)))


def _moved(day: date, days: int) -> date:
    return date.fromordinal(max(day.toordinal() + days, 1))
