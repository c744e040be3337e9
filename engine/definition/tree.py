"""A definition after validation: the nodes of its tree, with typed values and nothing left to refuse."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from engine.definition.timeframes import EachOfTheLast, Timeframe
from engine.definition.value_tests import Comparison, Subject, Test

CONTACT_TIMEZONE = "contact"
"""In place of a zone: each contact's own."""


EVENT_PROPERTIES = "properties"
"""The field of an event that filters on events look at; no field of a contact has this name."""


class Aggregate(StrEnum):
    """What is measured over values of a contact's events."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "avg"
    MINIMUM = "min"
    MAXIMUM = "max"
    DISTINCT_COUNT = "distinct_count"


# --- conditions and branches ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """One test of one value. The negative operators of the wire format are `Not` around a filter."""

    subject: Subject
    test: Test


@dataclass(frozen=True, slots=True)
class ListCondition:
    """The contact is on the list, with the status if one is given. `at` is the node's path, for errors."""

    list_id: str
    status: str | None
    at: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class TagCondition:
    """The contact has one of the tags (NFC)."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityCondition:
    """The contact is known by an identity of a kind: an e-mail, a phone that can be dialled, a push token."""

    kind: str


@dataclass(frozen=True, slots=True)
class SegmentCondition:
    """The contact is in another segment, evaluated at the same instant. `at` is the node's path, for errors."""

    segment_id: str
    at: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class SqlCondition:
    """A query of an analyst finds the contact's e-mail. `at` is the node's path, for errors."""

    query: str
    at: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class SelectedEvents:
    """The timeline events of one kind, of one template and passing a filter if given."""

    kind: str
    template_id: str | None
    event_filter: Node | None


class CountOf(StrEnum):
    """What is counted: the events, or the local days on which there are any."""

    EVENTS = "events"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class CountCondition:
    """How many events of a kind a contact has in a timeframe, or on how many days; never later than the evaluation."""

    events: SelectedEvents
    timeframe: Timeframe
    comparison: Comparison
    count: int
    of: CountOf = CountOf.EVENTS


@dataclass(frozen=True, slots=True)
class CountInEachCondition:
    """The same count in each of several stretches of time."""

    events: SelectedEvents
    each: EachOfTheLast
    comparison: Comparison
    count: int
    of: CountOf = CountOf.EVENTS

    @property
    def counts(self) -> tuple[CountCondition, ...]:
        """The conditions that must all hold, for the latest stretch first."""
        return tuple(
            CountCondition(self.events, timeframe, self.comparison, self.count, self.of)
            for timeframe in self.each.timeframes
        )


class Which(StrEnum):
    """The event of a contact that a condition looks at, by its time."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class EventTimeCondition:
    """When a contact's first or last event of a kind was, of all up to the evaluation; without one it is false."""

    events: SelectedEvents
    which: Which
    timeframe: Timeframe


@dataclass(frozen=True, slots=True)
class PropertyCondition:
    """An aggregate over a property of a contact's events of a kind in a timeframe, never later than the evaluation.

    `path` leads to the property: numbers, for `distinct_count` texts as well. The measured value lies in [low, high];
    None leaves that side open.
    """

    events: SelectedEvents
    timeframe: Timeframe
    aggregate: Aggregate
    path: tuple[str, ...]
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class SequenceStep:
    """Events of which one must come after the step before, at most `within` later (None: however much later).

    None of the events `without` may lie between the two. Of the first step neither is asked.
    """

    events: SelectedEvents
    within: timedelta | None
    without: tuple[SelectedEvents, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceCondition:
    """The contact did all steps, one after the other, each event strictly later than the one before, in a timeframe.

    `absent`: no such event followed the last step within its time, and that time is over. `same_property` is the path
    to a property that all events must have in common.
    """

    steps: tuple[SequenceStep, ...]
    absent: SequenceStep | None
    timeframe: Timeframe
    same_property: tuple[str, ...] | None

    @property
    def all_events(self) -> tuple[SelectedEvents, ...]:
        """Every selection of events that it looks at."""
        steps = self.steps if self.absent is None else (*self.steps, self.absent)
        return tuple(events for step in steps for events in (step.events, *step.without))


@dataclass(frozen=True, slots=True)
class GoalCondition:
    """An aggregate over a contact's custom events with a goal, in a timeframe, never later than the evaluation.

    `goal_type` None means any. The measured value lies in [low, high]; None leaves that side open.
    """

    goal_type: str | None
    goal_name: str | None
    timeframe: Timeframe
    aggregate: Aggregate
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of the nodes holds."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the nodes holds."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The exact complement."""

    node: Node


Node = (
    AllOf
    | AnyOf
    | Not
    | Filter
    | ListCondition
    | TagCondition
    | IdentityCondition
    | SegmentCondition
    | SqlCondition
    | CountCondition
    | CountInEachCondition
    | EventTimeCondition
    | PropertyCondition
    | SequenceCondition
    | GoalCondition
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A named definition. `timezone` is an IANA name, or `contact` for each contact's own.

    `document` is the same as JSON, with its name and time zone filled in; segments that mean the same are equal.
    """

    id: str
    name: str
    color: str | None
    timezone: str
    tree: Node
    document: str = field(compare=False, repr=False)

    @property
    def wire(self) -> dict[str, Any]:
        """The tree as the wire format has it."""
        tree: dict[str, Any] = json.loads(self.document)["tree"]
        return tree


def have_days_of_contacts(segments: Iterable[Segment]) -> bool:
    """Whether any segment looks at days in each contact's own zone."""
    return any(segment.timezone == CONTACT_TIMEZONE for segment in segments)
