"""Every kind of condition on a contact, as something that can be watched over time.

A new condition gets its case here; what makes it depend on time goes into its `turns`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from engine.definition.tree import (
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    EventTimeCondition,
    Filter,
    GoalCondition,
    IdentityCondition,
    ListCondition,
    Node,
    Not,
    PropertyCondition,
    SegmentCondition,
    SequenceCondition,
    SqlCondition,
    TagCondition,
)
from engine.errors import InvalidPlanError
from engine.execute.explain.contact_values import ContactValues
from engine.execute.explain.watched import Constant, Watched, watched_time
from engine.execute.explain.watched_events import watched_count, watched_counts, watched_event_time, watched_total
from engine.execute.explain.watched_sequence import watched_sequence


def watched_condition(node: Node, values: ContactValues, zone_name: str) -> Watched:
    """A condition of a segment whose days are those of `zone_name`."""
    match node:
        case Filter():
            return _watched_filter(node, values, zone_name)
        case TagCondition() | SqlCondition():
            return Constant(values.holds[node])
        case IdentityCondition():
            return Constant(values.holds.get(node, node.kind in values.identity_kinds))
        case ListCondition():
            return WatchedList(_is_on_list(node, values), values.lists[node.list_id])
        case CountCondition():
            return watched_count(node, values, zone_name)
        case CountInEachCondition():
            return watched_counts(node, values, zone_name)
        case EventTimeCondition():
            return watched_event_time(node, values, zone_name)
        case PropertyCondition() | GoalCondition():
            return watched_total(node, values, zone_name)
        case SequenceCondition():
            return watched_sequence(node, values, zone_name)
        case SegmentCondition() | AllOf() | AnyOf() | Not():
            raise InvalidPlanError("node", f"{type(node).__name__} is made of other conditions")
        case _:
            assert_never(node)


def _watched_filter(node: Filter, values: ContactValues, zone_name: str) -> Watched:
    if node in values.holds:
        return Constant(values.holds[node])
    return watched_time(node, values.times[node.subject], zone_name)


def _is_on_list(node: ListCondition, values: ContactValues) -> bool:
    status = values.statuses.get(node.list_id)
    return status is not None and node.status in (None, status)


@dataclass(frozen=True, slots=True)
class WatchedList:
    """A subscription that stays, to a list that may be deleted."""

    is_on_list: bool
    deleted_at: datetime | None
    repeats_from: int | None = None

    def holds(self, at: datetime) -> bool:
        """Whether the contact is on a list that is still there."""
        return self.is_on_list and (self.deleted_at is None or self.deleted_at > at)

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When the list is deleted."""
        if self.is_on_list and self.deleted_at is not None and self.deleted_at > after:
            yield self.deleted_at
