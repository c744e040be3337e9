"""Conditions on the events of one contact, watched over time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from functools import reduce
from heapq import merge

from engine.definition.timeframes import Now, Timeframe
from engine.definition.tree import (
    Aggregate,
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    CountOf,
    EventTimeCondition,
    Filter,
    GoalCondition,
    Node,
    Not,
    PropertyCondition,
    SelectedEvents,
    Which,
)
from engine.definition.walk import walk
from engine.errors import InvalidPlanError
from engine.execute.explain.contact_values import ContactValues, Event
from engine.execute.explain.watched import watched_time
from engine.plan.expressions import compares
from engine.plan.turns import day_of_instant, edge_turns
from engine.plan.windows import Window, just_after, lies_in, place

_EXACT = Context(prec=100)
"""Enough digits for the sum of any values, and for a bound times their count."""

Measured = int | Decimal | None


def watched_count(node: CountCondition, values: ContactValues, zone_name: str) -> WatchedCount:
    """How many events there are in a timeframe."""
    return WatchedCount(node, EventsInTime.selected(node.events, values, zone_name), zone_name)


def watched_counts(node: CountInEachCondition, values: ContactValues, zone_name: str) -> WatchedCounts:
    """How many events there are in each of several stretches of time."""
    selection = EventsInTime.selected(node.events, values, zone_name)
    return WatchedCounts(tuple(WatchedCount(count, selection, zone_name) for count in node.counts))


def watched_event_time(node: EventTimeCondition, values: ContactValues, zone_name: str) -> WatchedEventTime:
    """When the first or the last event was."""
    return WatchedEventTime(node, EventsInTime.selected(node.events, values, zone_name), zone_name)


def watched_total(node: PropertyCondition | GoalCondition, values: ContactValues, zone_name: str) -> WatchedTotal:
    """What the values of events add up to."""
    if isinstance(node, PropertyCondition):
        return WatchedTotal(node, EventsInTime.selected(node.events, values, zone_name), zone_name)
    goals = [
        event
        for event in values.goals
        if node.goal_type in (None, event.goal_type) and node.goal_name in (None, event.goal_name)
    ]
    return WatchedTotal(node, EventsInTime.of(goals, None, zone_name), zone_name)


@dataclass(frozen=True, slots=True)
class EventsInTime:
    """The events that a condition is about, in order of time; which of them count is another matter at each instant.

    `times` are theirs. `changing_filter` is the filter on them if its answer depends on the instant.
    """

    events: Sequence[Event]
    times: Sequence[datetime]
    changing_filter: Node | None
    are_for_good: bool
    zone_name: str

    @classmethod
    def of(cls, events: Sequence[Event], changing_filter: Node | None, zone_name: str) -> EventsInTime:
        """These events."""
        times = [event.occurred_at for event in events]
        return cls(events, times, changing_filter, all(event.ends_at is None for event in events), zone_name)

    @classmethod
    def selected(cls, asked: SelectedEvents, values: ContactValues, zone_name: str) -> EventsInTime:
        """The events of a contact that a condition selects."""
        events = values.events[asked.kind]
        if asked.template_id is not None:
            events = tuple(event for event in events if event.template_id == asked.template_id)
        if asked.event_filter is None or _depends_on_time(asked.event_filter, events):
            return cls.of(events, asked.event_filter, zone_name)
        settled = asked.event_filter
        passing = [event for event in events if _passes(settled, event, event.occurred_at, zone_name)]
        return cls.of(passing, None, zone_name)

    def within(self, window: Window, at: datetime) -> Sequence[Event]:
        """The events that an evaluation at an instant finds in a window."""
        window = window.until(just_after(at))
        first = 0 if window.start_at is None else bisect_left(self.times, window.start_at)
        end = len(self.times) if window.end_at is None else bisect_left(self.times, window.end_at)
        found = self.events[first:end]
        if not self.are_for_good:
            found = [event for event in found if event.ends_at is None or event.ends_at > at]
        if self.changing_filter is not None:
            asked = self.changing_filter
            found = [event for event in found if _passes(asked, event, at, self.zone_name)]
        return found

    def turns(self, timeframe: Timeframe, after: datetime) -> Iterator[datetime]:
        """The later instants at which other events may be within a timeframe, in order."""
        edges = dict.fromkeys((Now(), timeframe.start, timeframe.end))
        ends = (event.ends_at for event in self.events if event.ends_at is not None and event.ends_at > after)
        turns = [edge_turns(edge, self.times, self.zone_name, after=after) for edge in edges]
        return merge(*turns, sorted(ends), *self._turns_of_filter(after))

    def _turns_of_filter(self, after: datetime) -> Iterator[Iterator[datetime]]:
        if self.changing_filter is not None:
            for part in walk(self.changing_filter):
                if isinstance(part, Filter):
                    for event in self.events if part not in self.events[0].holds else ():
                        yield watched_time(part, event.times[part.subject], self.zone_name).turns(after)


def _depends_on_time(event_filter: Node, events: Sequence[Event]) -> bool:
    return bool(events) and any(isinstance(part, Filter) and part not in events[0].holds for part in walk(event_filter))


def _passes(event_filter: Node, event: Event, at: datetime, zone_name: str) -> bool:
    """Whether an event passes a filter, as an evaluation at an instant sees it."""
    match event_filter:
        case AllOf(parts):
            return all(_passes(part, event, at, zone_name) for part in parts)
        case AnyOf(parts):
            return any(_passes(part, event, at, zone_name) for part in parts)
        case Not(part):
            return not _passes(part, event, at, zone_name)
        case Filter():
            if event_filter in event.holds:
                return event.holds[event_filter]
            return watched_time(event_filter, event.times[event_filter.subject], zone_name).holds(at)
        case _:
            raise InvalidPlanError("event_filter", f"{type(event_filter).__name__} is no filter on events")


# --- what is asked of them --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WatchedCount:
    """The number of events in a timeframe, or of the local days on which there are any."""

    node: CountCondition
    selection: EventsInTime
    zone_name: str
    repeats_from: int | None = None

    def counted(self, at: datetime) -> Sequence[Event]:
        """The events that count at an instant."""
        window = place(self.node.timeframe, as_of=at, zone_name=self.zone_name)
        return self.selection.within(window, at)

    def holds(self, at: datetime) -> bool:
        """Whether it is as asked."""
        return compares(self.number(self.counted(at)), self.node.comparison, self.node.count)

    def number(self, events: Sequence[Event]) -> int:
        """What is counted of some events."""
        if self.node.of is CountOf.EVENTS:
            return len(events)
        return len({day_of_instant(event.occurred_at, self.zone_name) for event in events})

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When other events count."""
        return self.selection.turns(self.node.timeframe, after)


@dataclass(frozen=True, slots=True)
class WatchedCounts:
    """The numbers of events in several stretches of time, each of which must be as asked."""

    counts: tuple[WatchedCount, ...]
    repeats_from: int | None = None

    def holds(self, at: datetime) -> bool:
        """Whether all of them are."""
        return all(count.holds(at) for count in self.counts)

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When other events count in one of them."""
        return merge(*(count.turns(after) for count in self.counts))


@dataclass(frozen=True, slots=True)
class WatchedEventTime:
    """The time of the first or the last event of all up to the evaluation."""

    node: EventTimeCondition
    selection: EventsInTime
    zone_name: str
    repeats_from: int | None = None

    def found(self, at: datetime) -> Event | None:
        """The event, as seen at an instant."""
        events = self.selection.within(Window(), at)
        if not events:
            return None
        return events[0] if self.node.which is Which.FIRST else events[-1]

    def holds(self, at: datetime) -> bool:
        """Whether it lies in the timeframe."""
        event = self.found(at)
        window = place(self.node.timeframe, as_of=at, zone_name=self.zone_name)
        return event is not None and lies_in(event.occurred_at, window)

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When there is another such event, or an edge passes one."""
        return self.selection.turns(self.node.timeframe, after)


@dataclass(frozen=True, slots=True)
class WatchedTotal:
    """An aggregate over values of the events in a timeframe."""

    node: PropertyCondition | GoalCondition
    selection: EventsInTime
    zone_name: str
    repeats_from: int | None = None

    def counted(self, at: datetime) -> Sequence[Event]:
        """The events that count at an instant, those without a value too."""
        window = place(self.node.timeframe, as_of=at, zone_name=self.zone_name)
        return self.selection.within(window, at)

    def value_of(self, event: Event) -> Decimal | None:
        """The value of an event that the aggregate is over; None where it has none."""
        if isinstance(self.node, GoalCondition):
            return event.goal_value
        return event.decimals.get(self.node.path)

    def holds(self, at: datetime) -> bool:
        """Whether it is as asked."""
        events = self.counted(at)
        low, high = self.node.low, self.node.high
        if self.node.aggregate is Aggregate.AVERAGE:
            found = self._values(events)
            total, count = _total(found), len(found)
            # low <= total / count <= high without the division: a decimal has no thirds.
            is_high_enough = low is None or total >= _EXACT.multiply(low, count)
            return count > 0 and is_high_enough and (high is None or total <= _EXACT.multiply(high, count))
        measured = self.measured(events)
        return measured is not None and (low is None or measured >= low) and (high is None or measured <= high)

    def measured(self, events: Sequence[Event]) -> Measured:
        """The aggregate; None of no values, of which only a count and a sum are 0. An average is rounded."""
        values = self._values(events)
        match self.node.aggregate:
            case Aggregate.COUNT:
                return len(events)
            case Aggregate.DISTINCT_COUNT:
                return self._different(events)
            case Aggregate.SUM:
                return _total(values)
            case Aggregate.AVERAGE:
                return _EXACT.divide(_total(values), len(values)) if values else None
            case Aggregate.MINIMUM:
                return min(values, default=None)
            case Aggregate.MAXIMUM:
                return max(values, default=None)

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When other events count."""
        return self.selection.turns(self.node.timeframe, after)

    def _values(self, events: Sequence[Event]) -> list[Decimal]:
        return [value for value in map(self.value_of, events) if value is not None]

    def _different(self, events: Sequence[Event]) -> int:
        assert isinstance(self.node, PropertyCondition)
        pairs = [event.different[self.node.path] for event in events]
        texts = {text for text, _ in pairs if text is not None}
        numbers = {number for _, number in pairs if number is not None}
        return len(texts) + len(numbers)


def _total(values: Sequence[Decimal]) -> Decimal:
    return reduce(_EXACT.add, values, Decimal(0))
