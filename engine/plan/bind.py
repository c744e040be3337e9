"""Definition trees become expressions: windows get their edges, lists are looked up, aggregates become facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import assert_never

from engine.definition.fields import FieldType
from engine.definition.timeframes import Timeframe, between
from engine.definition.tree import (
    CONTACT_TIMEZONE,
    Aggregate,
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    CountOf,
    EventTimeCondition,
    Filter,
    GoalCondition,
    IdentityCondition,
    ListCondition,
    Node,
    Not,
    PropertyCondition,
    Segment,
    SegmentCondition,
    SelectedEvents,
    SequenceCondition,
    SqlCondition,
    TagCondition,
    Which,
)
from engine.definition.value_tests import (
    AnniversaryIsWithin,
    BooleanIsAnyOf,
    DateIsInAnyOf,
    IsSet,
    Subject,
    TextIsAnyOf,
    TimeIsInAnyOf,
)
from engine.plan.anniversaries import remembered_days
from engine.plan.nodes import (
    Absence,
    AverageIsWithin,
    Complement,
    CountIs,
    DidSteps,
    EventTimeIsIn,
    Every,
    Expression,
    Fact,
    GoalEvents,
    HasAnyTag,
    HasIdentity,
    IsFoundBySql,
    IsInWindows,
    IsMember,
    IsOnList,
    KindOfEvents,
    Measure,
    MeasureIsWithin,
    Never,
    Some,
    Step,
    ValueTest,
)
from engine.plan.windows import (
    NOTHING,
    AnyWindow,
    LocalWindow,
    Window,
    just_after,
    place,
    place_dates,
)
from engine.plan.zones import local_day

_MEASURES = {
    Aggregate.COUNT: Measure.COUNT,
    Aggregate.SUM: Measure.SUM,
    Aggregate.MINIMUM: Measure.MINIMUM,
    Aggregate.MAXIMUM: Measure.MAXIMUM,
    Aggregate.DISTINCT_COUNT: Measure.DISTINCT_COUNT,
}


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the data holds that a plan depends on.

    `lists`: list id -> when it was deleted, None where it was not. `zones`: zone id -> IANA name; zone id 0 is the
    fallback of contacts whose own zone is missing or unknown, and must be there.
    """

    lists: Mapping[str, datetime | None]
    zones: Mapping[int, str]


def membership_expression(segment: Segment, catalog: Catalog, as_of: datetime) -> Expression:
    """The expression that is true for exactly the members of the segment at `as_of` (UTC)."""
    return _Binder(catalog, as_of, segment.timezone).expression(segment.tree)


@dataclass(frozen=True, slots=True)
class _Binder:
    catalog: Catalog
    as_of: datetime
    timezone: str

    def expression(self, node: Node) -> Expression:
        match node:
            case AllOf():
                return Every(tuple(self.expression(child) for child in node.nodes))
            case AnyOf():
                return Some(tuple(self.expression(child) for child in node.nodes))
            case Not():
                return Complement(self.expression(node.node))
            case Filter():
                return self._value_test(node)
            case ListCondition():
                return self._list_test(node)
            case IdentityCondition():
                return identity_expression(node.kind)
            case SegmentCondition():
                return IsMember(node.segment_id)
            case SqlCondition():
                return IsFoundBySql(node.query)
            case TagCondition():
                return HasAnyTag(node.tags)
            case CountCondition():
                return self._count_test(node)
            case CountInEachCondition():
                return Every(tuple(self._count_test(count) for count in node.counts))
            case EventTimeCondition():
                return self._event_time_test(node)
            case PropertyCondition():
                fact = partial(Fact, self._events(node.events), self._event_window(node.timeframe), path=node.path)
                return _aggregate_test(fact, node)
            case SequenceCondition():
                return self._sequence_test(node)
            case GoalCondition():
                events = GoalEvents(node.goal_type, node.goal_name)
                return _aggregate_test(partial(Fact, events, self._event_window(node.timeframe)), node)
            case _:
                assert_never(node)

    def _value_test(self, node: Filter) -> Expression:
        if isinstance(node.test, TimeIsInAnyOf):
            windows = tuple(self._window(timeframe) for timeframe in node.test.timeframes)
            return ValueTest(node.subject, IsInWindows(windows))
        if isinstance(node.test, DateIsInAnyOf):
            days = tuple(self._days(timeframe) for timeframe in node.test.timeframes)
            return ValueTest(node.subject, IsInWindows(days))
        if isinstance(node.test, AnniversaryIsWithin):
            return ValueTest(node.subject, IsInWindows(self._anniversaries(node)))
        return ValueTest(node.subject, node.test)

    def _list_test(self, node: ListCondition) -> Expression:
        deleted_at = self.catalog.lists[node.list_id]
        if deleted_at is not None and deleted_at <= self.as_of:
            return Never()
        return IsOnList(node.list_id, node.status)

    def _count_test(self, node: CountCondition) -> Expression:
        events, window = self._events(node.events), self._event_window(node.timeframe)
        if node.of is CountOf.DAYS:
            fact = Fact(events, window, Measure.DAYS, zones=tuple(sorted(self._zones().items())))
        else:
            fact = Fact(events, window, Measure.COUNT)
        return CountIs(fact, node.comparison, node.count)

    def _event_time_test(self, node: EventTimeCondition) -> Expression:
        measure = Measure.EARLIEST if node.which is Which.FIRST else Measure.LATEST
        fact = Fact(self._events(node.events), Window(None, just_after(self.as_of)), measure)
        return EventTimeIsIn(fact, self._window(node.timeframe))

    def _sequence_test(self, node: SequenceCondition) -> Expression:
        steps = tuple(
            Step(self._events(step.events), step.within, tuple(map(self._events, step.without))) for step in node.steps
        )
        absence = None
        if node.absent is not None:
            assert node.absent.within is not None
            try:
                decided_at = just_after(self.as_of - node.absent.within)
            except OverflowError:
                return Never()  # no time is over yet
            assert decided_at is not None
            absence = Absence(self._events(node.absent.events), node.absent.within, decided_at)
        return DidSteps(steps, absence, self._event_window(node.timeframe), node.same_property)

    def _events(self, events: SelectedEvents) -> KindOfEvents:
        event_filter = None if events.event_filter is None else self.expression(events.event_filter)
        return KindOfEvents(events.kind, events.template_id, event_filter)

    def _event_window(self, timeframe: Timeframe) -> AnyWindow:
        """Like `_window`, cut after `as_of`: what lies later has not happened yet."""
        end_at = just_after(self.as_of)
        window = self._window(timeframe)
        if isinstance(window, Window):
            return window.until(end_at)
        return LocalWindow(tuple((zone_id, part.until(end_at)) for zone_id, part in window.by_zone))

    def _window(self, timeframe: Timeframe) -> AnyWindow:
        return self._in_zones(lambda zone: place(timeframe, as_of=self.as_of, zone_name=zone), timeframe.is_local)

    def _days(self, timeframe: Timeframe) -> AnyWindow:
        """Like `_window`, for dates."""
        return self._in_zones(
            lambda zone: place_dates(timeframe, as_of=self.as_of, zone_name=zone), timeframe.needs_today
        )

    def _anniversaries(self, node: Filter) -> tuple[AnyWindow, ...]:
        """The stretches of earlier years that a field must lie in; as many in each zone, with empty ones at the end."""
        assert isinstance(node.test, AnniversaryIsWithin)
        days = node.test.days
        stretches = {
            zone: remembered_days(local_day(self.as_of, zone), days) for zone in sorted({*self._zones().values()})
        }

        def placed(zone: str, number: int) -> Window:
            if number >= len(stretches[zone]):
                return NOTHING
            first, last = stretches[zone][number]
            where = "UTC" if node.subject.type is FieldType.DATE else zone  # a date is its midnight in UTC
            return place(between(first, last), as_of=self.as_of, zone_name=where)

        most = max(map(len, stretches.values()))
        return tuple(self._in_zones(partial(placed, number=number), is_local=True) for number in range(most))

    def _zones(self) -> Mapping[int, str]:
        """The zones in which days are looked at, by zone id."""
        return self.catalog.zones if self.timezone == CONTACT_TIMEZONE else {0: self.timezone}

    def _in_zones(self, placed: Callable[[str], Window], is_local: bool) -> AnyWindow:
        """What is placed in the segment's zone, or in each zone of the contacts if that makes a difference."""
        if self.timezone == CONTACT_TIMEZONE and is_local:
            zones = sorted(self.catalog.zones.items())
            return LocalWindow(tuple((zone_id, placed(zone)) for zone_id, zone in zones))
        return placed(self.catalog.zones[0] if self.timezone == CONTACT_TIMEZONE else self.timezone)


def _aggregate_test(fact: Callable[[Measure], Fact], node: GoalCondition | PropertyCondition) -> Expression:
    """Whether an aggregate lies where it is wanted; `fact` makes the fact of a measure."""
    if node.aggregate is Aggregate.AVERAGE:
        return AverageIsWithin(fact(Measure.SUM), fact(Measure.VALUE_COUNT), node.low, node.high)
    return MeasureIsWithin(fact(_MEASURES[node.aggregate]), node.low, node.high)


def identity_expression(kind: str) -> Expression:
    """True for contacts known by an identity of a kind; one that is a field is looked up there: files have no other."""
    match kind:
        case "email" | "external_id":
            field = Subject(kind, FieldType.STRING)  # of text that is empty nobody is known
            return Every((ValueTest(field, IsSet()), Complement(ValueTest(field, TextIsAnyOf(("",))))))
        case "phone":
            return ValueTest(Subject("phone_is_valid", FieldType.BOOLEAN), BooleanIsAnyOf((True,)))
        case _:
            return HasIdentity(kind)
