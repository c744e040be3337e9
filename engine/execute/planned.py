"""What applying segments would do, who would enter and leave each of them and why, and doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from engine.definition import Segment
from engine.definition.references import with_referenced, with_referrers
from engine.errors import NotAsPlannedError
from engine.execute.batch import OnStep, at_moment, evaluate_moment
from engine.execute.contact_set import ContactIds, ContactSet
from engine.execute.explain.explain_contact import query_sets, with_queries
from engine.execute.explain.explanation import explained
from engine.execute.explain.reading import read_contact_values
from engine.execute.explain.reason import reason_of
from engine.execute.memberships import Membership, read_memberships
from engine.execute.recompute import Asking, Recompute, computed
from engine.execute.remembered import remembered
from engine.execute.sql_conditions import Queries
from engine.execute.transitions import emails_now
from engine.storage import Store
from engine.storage.history import Moment
from engine.storage.interruption import run_interruptibly
from engine.storage.segments import (
    AppliedSegment,
    Change,
    apply_segments,
    apply_within,
    check_segments,
    stored_beside,
)


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A contact that would enter or leave, and why, in words of the new definition."""

    email: str
    enters: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """Who would enter and leave a segment (its id), compared with its members as last computed.

    `change` is None for a segment that stays as it is and names one that does not. `members_as_of` (UTC) is None for
    one that was never computed. `failure` says why the new definition cannot be computed; then nobody moves.
    """

    segment_id: str
    change: Change | None
    size: int
    members_as_of: datetime | None
    entered: ContactSet
    left: ContactSet
    sample: tuple[PlannedMove, ...]
    failure: str | None

    @property
    def size_after(self) -> int:
        """How many members it would have."""
        return self.size + self.entered.size - self.left.size


@dataclass(frozen=True, slots=True)
class SegmentsPlan:
    """What applying `definitions` and computing them at `as_of` (UTC) would do, in order of segment id.

    `unchanged` are the ids of those that mean what they mean already.
    """

    as_of: datetime
    definitions: tuple[Segment, ...]
    segments: tuple[PlannedSegment, ...]
    unchanged: tuple[str, ...]


def plan_segments(
    store: Store,
    segments: Sequence[Segment],
    *,
    as_of: datetime,
    sample_size: int = 5,
    on_step: OnStep | None = None,
) -> SegmentsPlan:
    """Who would enter and leave the segments, and those that name them, if they were applied and computed now.

    Raises: SegmentsFileError for segments that cannot be applied, StoreError.
    """
    applied = apply_segments(store, segments, applied_at=as_of, dry_run=True)
    changes = {item.segment.id: item.change for item in applied}
    latest = {name: item.segment for name, item in stored_beside(store, segments).items()}
    latest |= {segment.id: segment for segment in segments}
    changed = [name for name, change in changes.items() if change is not Change.UNCHANGED]
    moved = [latest[name] for name in sorted(with_referrers(changed, latest.values()))]

    def work(moment: Moment) -> SegmentsPlan:
        found = evaluate_moment(moment, moved, queries=Queries(store), others=latest, on_step=on_step)
        before = read_memberships(moment.cursor)
        planned = []
        for segment in moved:
            failure = found.failed.get(segment.id)
            item = _compared(segment.id, before.get(segment.id), found.members.get(segment.id))
            sample = tuple(_sample(store, moment, segment, latest, item, sample_size))
            planned.append(replace(item, change=changes.get(segment.id), sample=sample, failure=failure))
        unchanged = tuple(sorted(changes.keys() - {*changed}))
        return SegmentsPlan(moment.as_of, tuple(segments), tuple(planned), unchanged)

    return at_moment(store, as_of, work)


@dataclass(frozen=True, slots=True)
class Surprise:
    """How a segment moved otherwise than was planned: because of what was written meanwhile, or of time."""

    segment_id: str
    also_entered: int
    also_left: int
    not_entered: int
    not_left: int

    def __str__(self) -> str:
        counts = {
            "more entered": self.also_entered,
            "more left": self.also_left,
            "planned to enter did not": self.not_entered,
            "planned to leave did not": self.not_left,
        }
        return f"segment {self.segment_id}: " + ", ".join(
            f"{count:,} {what}" for what, count in counts.items() if count
        )


@dataclass(frozen=True, slots=True)
class AppliedPlan:
    """What became of a plan: its segments as applied, those that were computed, and what was not as planned."""

    applied: tuple[AppliedSegment, ...]
    recompute: Recompute
    surprises: tuple[Surprise, ...]


def apply_plan(
    store: Store, plan: SegmentsPlan, *, clock: Callable[[], datetime], exactly: bool = False
) -> AppliedPlan:
    """Keep the definitions of a plan and compute the segments that it moves, in one transaction.

    With `exactly` nothing is stored if anybody moves otherwise than planned. Raises: NotAsPlannedError,
    SegmentsFileError, StoreError.
    """
    check_segments(store, plan.definitions)

    def work() -> AppliedPlan:
        with store.computing(), store.transaction() as cursor:
            applied = apply_within(cursor, plan.definitions, applied_at=clock())
            known = remembered(store, cursor)
            before, latest = known.memberships, {name: item.segment for name, item in known.segments.items()}
            moved = [latest[item.segment_id] for item in plan.segments if item.segment_id in latest]
            asked = Asking(segment_ids=frozenset(segment.id for segment in with_referenced(moved, latest)))
            done = computed(store, cursor, clock(), clock=clock, asked=asked)
            after = {item.segment.id: item.members for item in done.segments}
            found = [_surprise(item, before.get(item.segment_id), after) for item in plan.segments]
            surprises = tuple(item for item in found if item is not None)
            if exactly and surprises:
                raise NotAsPlannedError([str(item) for item in surprises])
            return AppliedPlan(tuple(applied), done, surprises)

    return run_interruptibly(store, work)


def _surprise(planned: PlannedSegment, before: Membership | None, after: Mapping[str, ContactSet]) -> Surprise | None:
    """How a segment moved otherwise than planned; None if it did not."""
    done = _compared(planned.segment_id, before, after.get(planned.segment_id))
    capacity = max(done.entered.capacity, planned.entered.capacity, planned.left.capacity)
    sides = [item.widened(capacity) for item in (done.entered, planned.entered, done.left, planned.left)]
    entered, to_enter, left, to_leave = sides
    counts = [(one - other).size for one, other in ((entered, to_enter), (left, to_leave))]
    counts += [(one - other).size for one, other in ((to_enter, entered), (to_leave, left))]
    return Surprise(planned.segment_id, *counts) if any(counts) else None


def _compared(segment_id: str, before: Membership | None, after: ContactSet | None) -> PlannedSegment:
    """Who enters and leaves; nobody where the new members are not known."""
    old = ContactSet.none(0) if before is None else before.members
    new = old if after is None else after
    capacity = max(old.capacity, new.capacity)
    old, new = old.widened(capacity), new.widened(capacity)
    as_of = None if before is None else before.as_of
    return PlannedSegment(segment_id, None, old.size, as_of, new - old, old - new, (), None)


def _sample(
    store: Store,
    moment: Moment,
    segment: Segment,
    latest: Mapping[str, Segment],
    planned: PlannedSegment,
    size: int,
) -> Iterator[PlannedMove]:
    """Some of those who would move, from the first to the last of them."""
    segments = with_referenced([segment], latest)
    trees, catalog = [segment.tree for segment in segments], moment.catalog(has_zones=False)
    is_asked = size > 0 and (planned.entered.size or planned.left.size)
    sets = query_sets(store, segments, moment) if is_asked else {}
    for contacts, enters in ((planned.entered, True), (planned.left, False)):
        some = _some(contacts.ids(), size)
        for contact_id, email in zip(some.tolist(), emails_now(moment.cursor, some), strict=True):
            values = read_contact_values(moment.cursor, contact_id, trees, catalog)
            if values is None or email is None:
                continue  # who is another contact now
            values = with_queries(values, contact_id, sets)
            explanation = explained(email, segments, values, moment.as_of, exact_since=moment.exact_since)
            yield PlannedMove(email, enters, reason_of(explanation.tree))


def _some(contact_ids: ContactIds, size: int) -> ContactIds:
    places = np.unique(np.linspace(0, len(contact_ids) - 1, min(size, len(contact_ids))).astype(np.int64))
    return contact_ids[places]
