"""A plan: the scans that find which contacts meet which conditions, and the memberships that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.plan.nodes import DidSteps, Events, Expression, Fact, IsFoundBySql
from engine.plan.windows import LocalWindow, Window


@dataclass(frozen=True, slots=True)
class Condition:
    """A set of contacts, by name: those for which `leaf` holds, or does not hold if `is_negated`.

    A condition that holds for contacts without any event is kept negated: so no set has a contact that its scan
    does not see. Equal leaves of different segments are one condition.
    """

    name: str
    leaf: Expression
    is_negated: bool


@dataclass(frozen=True, slots=True)
class EventScan:
    """One pass over the events of one kind or goal type that finds several facts, and the conditions on them.

    Rows: one per contact with at least one event in `hull`. Columns: contact_id, one boolean per condition.
    """

    name: str
    events: Events
    hull: Window
    facts: tuple[tuple[str, Fact], ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class TallyScan:
    """One pass over the events of one selection, which are counted, and summed up, outside of SQL.

    Rows: one per event in `hull`. Columns: contact_id, occurred_at, and, if it `has_values`, the value of the goal. All
    windows of the conditions are the same for every contact.
    """

    name: str
    events: Events
    has_values: bool
    hull: Window
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionScan:
    """One pass over the subscriptions to one list.

    Rows: one per contact on the list. Columns: contact_id, one boolean per condition.
    """

    name: str
    list_id: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class IdentityScan:
    """One pass over the identities of one kind.

    Rows: one per contact that has any. Columns: contact_id, one boolean per condition.
    """

    name: str
    kind: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ProfileScan:
    """One pass over the fields of the contacts.

    Rows: one per contact. Columns: contact_id, one boolean per condition.
    """

    name: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class SequenceScan:
    """One pass over the events of a sequence, in order of time. `hull` holds all that it needs.

    Rows: one per contact that is in the set. Columns: contact_id, one boolean for the only condition.
    """

    name: str
    hull: Window
    conditions: tuple[Condition, ...]

    @property
    def sequence(self) -> DidSteps:
        """The only condition."""
        (condition,) = self.conditions
        assert isinstance(condition.leaf, DidSteps)
        return condition.leaf


@dataclass(frozen=True, slots=True)
class SqlScan:
    """One query of an analyst, run behind the SQL door on a copy of the data that holds what the other scans read.

    Rows: one per contact that it finds. Columns: contact_id, one boolean for the only condition. What it finds of one
    contact can depend on all others: it is never run for some contacts only.
    """

    name: str
    conditions: tuple[Condition, ...]

    @property
    def query(self) -> str:
        """The only condition's."""
        (condition,) = self.conditions
        assert isinstance(condition.leaf, IsFoundBySql)
        return condition.leaf.query


Scan = EventScan | TallyScan | SequenceScan | SubscriptionScan | IdentityScan | ProfileScan | SqlScan


@dataclass(frozen=True, slots=True)
class ZoneEdges:
    """The edges of every local window in every time zone of the contacts.

    Rows: one per zone id. Columns: zone_id, and for each window NAME_start and NAME_end (UTC; NULL is open).
    """

    name: str
    columns: tuple[tuple[str, LocalWindow], ...]


@dataclass(frozen=True, slots=True)
class ZoneOffsets:
    """What to add to instants of `hull` to find their local days, in every time zone of the contacts.

    Rows: one per zone id and stretch between changes of its clocks. Columns: zone_id, start_at, end_at (UTC; NULL is
    open), offset_seconds.
    """

    name: str
    hull: Window
    zones: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Membership:
    """Which contacts a segment holds: an expression over the sets of conditions."""

    segment_id: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one evaluation at `as_of` does, in order: zones, scans, then the memberships from their sets.

    Memberships that others name come before those. A plan that was made for another instant is asked at this one where
    `instants` says what each of its instants has become; those that are not in it have stayed.
    """

    as_of: datetime
    zone_edges: ZoneEdges | None
    zone_offsets: ZoneOffsets | None
    scans: tuple[Scan, ...]
    memberships: tuple[Membership, ...]
    instants: Mapping[datetime, datetime] = field(default_factory=dict)
