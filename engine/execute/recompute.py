"""Recompute: all segments of a store at one instant, and only the difference is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from engine.definition import Segment
from engine.execute.batch import OnStep, evaluate_moment, everyone
from engine.execute.contact_set import ContactSet
from engine.execute.evaluation import Evaluation
from engine.execute.memberships import (
    Difference,
    Membership,
    move_memberships,
    read_memberships,
    replace_memberships,
    write_transitions,
)
from engine.execute.sql_conditions import Queries
from engine.storage import Store
from engine.storage.history import is_exact, moment_of
from engine.storage.history.later import touch_changed_later
from engine.storage.instants import stored_instant
from engine.storage.interruption import run_interruptibly
from engine.storage.segments import StoredSegment, stored_segments
from engine.storage.store import begin_generation


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """One segment after a recompute: its size, and how many entered and left since it was computed before.

    `failure` is the reason where it could not be computed; its members are then those of before.
    """

    segment: Segment
    size: int
    entered: int
    left: int
    seconds: float
    failure: str | None


@dataclass(frozen=True, slots=True)
class Recompute:
    """All segments at `as_of` (UTC), in order of id. Units: seconds.

    `exact_since` (UTC; None: the beginning) is from when on it is known exactly what contacts were.
    """

    as_of: datetime
    exact_since: datetime | None
    contact_count: int
    segments: tuple[SegmentResult, ...]
    evaluate_seconds: float
    store_seconds: float

    @property
    def is_exact(self) -> bool:
        """Whether contacts are what was known of them at that instant."""
        return is_exact(self.as_of, self.exact_since)

    @property
    def failed(self) -> Mapping[str, str]:
        """The segments that could not be computed, with the reason."""
        return {item.segment.id: item.failure for item in self.segments if item.failure is not None}


def recompute(store: Store, *, as_of: Callable[[], datetime], on_step: OnStep | None = None) -> Recompute:
    """Compute all segments of a store at one instant, and keep who is in and who entered and left, in one transaction.

    `as_of` is asked once nobody else writes. Of an instant that has passed, contacts are as they were then; members are
    those of them that are still there. Raises: StoreError when memory or disk do not suffice, KeyboardInterrupt: then
    everything is as before.
    """
    return run_interruptibly(store, lambda: _recompute(store, as_of, on_step))


def _recompute(store: Store, ask_instant: Callable[[], datetime], on_step: OnStep | None) -> Recompute:
    # The transaction is open from the start, so that nobody writes between reading and keeping.
    with store.transaction() as cursor:
        as_of = ask_instant()
        started = time.perf_counter()
        segments = stored_segments(store)
        with moment_of(store, as_of, writers_wait=True) as moment:
            found = [item.segment for item in segments.values()]
            queries = Queries(store)
            evaluation = evaluate_moment(moment, found, queries=queries, on_step=on_step)
            if moment.has_later_changes:
                evaluation = of_present_contacts(cursor, evaluation, moment.capacity)
        evaluated = time.perf_counter()
        before = read_memberships(cursor)
        changes = [_change(item, before.get(name), evaluation) for name, item in segments.items()]
        differences = [change for _, change in changes if change is not None and change.size]
        if differences:
            write_transitions(cursor, differences)
        after = {membership.segment_id: membership for membership, _ in changes}
        same = [name for name in after if name in before and _is_same(before[name], after[name])]
        changed = [after[name] for name in after if name not in same]
        if changed:
            replace_memberships(cursor, changed)
        move_memberships(cursor, [name for name in same if before[name].as_of != after[name].as_of], as_of=as_of)
        if not evaluation.failed:
            # A segment that failed has the members of before: who changed since then stays on record.
            cursor.execute("DELETE FROM touched")
            if moment.has_later_changes:
                touch_changed_later(cursor, stored_instant(as_of))
        if after:
            begin_generation(cursor)
    store.membership_change_count += 1
    seconds = evaluation.segment_seconds
    changed_by = {item.segment_id: item for item in differences}
    results = tuple(
        _result(item, after[name], changed_by.get(name), seconds.get(name, 0.0)) for name, item in segments.items()
    )
    finished = time.perf_counter()
    return Recompute(
        as_of,
        evaluation.exact_since,
        evaluation.contact_count,
        results,
        evaluated - started,
        finished - evaluated,
    )


def of_present_contacts(cursor: duckdb.DuckDBPyConnection, evaluation: Evaluation, capacity: int) -> Evaluation:
    """An evaluation of an instant that has passed, without members who were merged into others since."""
    present = everyone(cursor, capacity)
    return replace(
        evaluation, members={name: members.widened(capacity) & present for name, members in evaluation.members.items()}
    )


def _change(
    stored: StoredSegment, before: Membership | None, evaluation: Evaluation
) -> tuple[Membership, Difference | None]:
    """The membership of a segment after the evaluation, and what is different; a segment that failed stays."""
    segment_id = stored.segment.id
    if segment_id in evaluation.failed:
        old = before or Membership(segment_id, None, None, ContactSet.none(0), None)
        failure = evaluation.failed[segment_id]
        return Membership(segment_id, old.version, old.as_of, old.members, failure), None
    members = evaluation.members[segment_id]
    old_members = before.members if before is not None else ContactSet.none(0)
    capacity = max(members.capacity, old_members.capacity)
    members, old_members = members.widened(capacity), old_members.widened(capacity)
    left, entered = old_members - members, members - old_members
    membership = Membership(segment_id, stored.version, evaluation.as_of, members, None)
    return membership, Difference(segment_id, stored.version, evaluation.as_of, left, entered)


def _is_same(before: Membership, after: Membership) -> bool:
    """Whether nothing but the instant is different."""
    return (
        before.version == after.version
        and before.failure == after.failure
        and before.members.bits.tobytes() == after.members.bits.tobytes()
    )


def _result(
    stored: StoredSegment, membership: Membership, difference: Difference | None, seconds: float
) -> SegmentResult:
    return SegmentResult(
        segment=stored.segment,
        size=membership.members.size,
        entered=difference.entered.size if difference else 0,
        left=difference.left.size if difference else 0,
        seconds=seconds,
        failure=membership.failure,
    )
