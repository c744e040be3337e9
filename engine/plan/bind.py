"""Definition trees become expressions: windows get their edges, lists are looked up, aggregates become facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from engine.definition.timeframes import Timeframe
from engine.definition.tree import (
    CONTACT_TIMEZONE,
    Aggregate,
    AllOf,
    AnyOf,
    CountCondition,
    DateIsInAnyOf,
    Filter,
    GoalCondition,
    ListCondition,
    Node,
    Not,
    Segment,
    TagCondition,
    TimeIsInAnyOf,
)
from engine.plan.nodes import (
    AverageIsWithin,
    Complement,
    CountIs,
    Every,
    Expression,
    Fact,
    GoalEvents,
    HasAnyTag,
    IsInWindows,
    IsOnList,
    KindOfEvents,
    Measure,
    MeasureIsWithin,
    Never,
    Some,
    ValueTest,
)
from engine.plan.windows import AnyWindow, LocalWindow, Window, just_after, place, place_dates

_MEASURES = {
    Aggregate.COUNT: Measure.COUNT,
    Aggregate.SUM: Measure.SUM,
    Aggregate.MINIMUM: Measure.MINIMUM,
    Aggregate.MAXIMUM: Measure.MAXIMUM,
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
            case TagCondition():
                return HasAnyTag(node.tags)
            case CountCondition():
                return self._count_test(node)
            case GoalCondition():
                return self._goal_test(node)
            case _:
                assert_never(node)

    def _value_test(self, node: Filter) -> Expression:
        if isinstance(node.test, TimeIsInAnyOf):
            windows = tuple(self._window(timeframe) for timeframe in node.test.timeframes)
            return ValueTest(node.subject, IsInWindows(windows))
        if isinstance(node.test, DateIsInAnyOf):
            days = tuple(self._days(timeframe) for timeframe in node.test.timeframes)
            return ValueTest(node.subject, IsInWindows(days))
        return ValueTest(node.subject, node.test)

    def _list_test(self, node: ListCondition) -> Expression:
        deleted_at = self.catalog.lists[node.list_id]
        if deleted_at is not None and deleted_at <= self.as_of:
            return Never()
        return IsOnList(node.list_id, node.status)

    def _count_test(self, node: CountCondition) -> Expression:
        event_filter = None if node.event_filter is None else self.expression(node.event_filter)
        events = KindOfEvents(node.kind, node.template_id, event_filter)
        return CountIs(Fact(events, self._event_window(node.timeframe), Measure.COUNT), node.comparison, node.count)

    def _goal_test(self, node: GoalCondition) -> Expression:
        events, window = GoalEvents(node.goal_type, node.goal_name), self._event_window(node.timeframe)
        if node.aggregate is Aggregate.AVERAGE:
            total = Fact(events, window, Measure.SUM)
            return AverageIsWithin(total, Fact(events, window, Measure.VALUE_COUNT), node.low, node.high)
        return MeasureIsWithin(Fact(events, window, _MEASURES[node.aggregate]), node.low, node.high)

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

    def _in_zones(self, placed: Callable[[str], Window], is_local: bool) -> AnyWindow:
        """What is placed in the segment's zone, or in each zone of the contacts if that makes a difference."""
        if self.timezone == CONTACT_TIMEZONE and is_local:
            zones = sorted(self.catalog.zones.items())
            return LocalWindow(tuple((zone_id, placed(zone)) for zone_id, zone in zones))
        return placed(self.catalog.zones[0] if self.timezone == CONTACT_TIMEZONE else self.timezone)
