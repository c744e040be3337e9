"""Recompute: all segments of a store at one instant, and only the difference is written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from engine.definition import Segment
from engine.execute.batch import OnStep, everyone
from engine.execute.causes import Causes
from engine.execute.contact_set import ContactSet
from engine.execute.evaluation import Evaluation
from engine.execute.incremental.changes import evaluate_changes
from engine.execute.memberships import (
    Membership,
    keep_memberships,
    read_memberships,
)
from engine.execute.transitions import write_transitions
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

    `failure` is the reason where it could not be computed; its members are then those of before. `in_full` says why all
    contacts were looked at; None where those who may have changed were enough.
    """

    segment: Segment
    size: int
    entered: int
    left: int
    seconds: float
    failure: str | None
    in_full: str | None


@dataclass(frozen=True, slots=True)
class Recompute:
    """All segments at `as_of` (UTC), in order of id. Units: seconds.

    `exact_since` (UTC; None: the beginning) is from when on it is known exactly what contacts were. `candidate_count`
    contacts were looked at for the segments whose other members were known from before.
    """

    as_of: datetime
    exact_since: datetime | None
    contact_count: int
    candidate_count: int
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


def recompute(
    store: Store,
    *,
    as_of: Callable[[], datetime],
    clock: Callable[[], datetime],
    in_full: bool = False,
    on_step: OnStep | None = None,
) -> Recompute:
    """Compute all segments of a store at one instant, and keep who is in and who entered and left, in one transaction.

    `as_of` is asked once nobody else writes, `clock` when the differences are written down. Of an instant that has
    passed, contacts are as they were then; members are those of them that are still there. What is known from before is
    used: those of whom nothing was written, and whom time did not move, are not read; with `in_full` everybody is.
    Raises: StoreError when memory or disk do not suffice, KeyboardInterrupt: then everything is as before.
    """
    return run_interruptibly(store, lambda: _recompute(store, as_of, clock, in_full, on_step))


def _recompute(
    store: Store,
    ask_instant: Callable[[], datetime],
    clock: Callable[[], datetime],
    in_full: bool,
    on_step: OnStep | None,
) -> Recompute:
    # The transaction is open from the start, so that nobody writes between reading and keeping.
    with store.transaction() as cursor:
        as_of = ask_instant()
        started = time.perf_counter()
        segments = stored_segments(store)
        before = read_memberships(cursor)
        causes = Causes.of(cursor, segments, before)
        with moment_of(store, as_of, writers_wait=True) as moment:
            known = {} if in_full else before
            changes = evaluate_changes(store, moment, segments, known, causes, on_step=on_step)
            evaluation = changes.evaluation
            if moment.has_later_changes:
                evaluation = of_present_contacts(cursor, evaluation, moment.capacity)
        evaluated = time.perf_counter()
        of_past = moment.has_later_changes or not moment.is_exact
        after = {name: _computed(item, before.get(name), evaluation, of_past) for name, item in segments.items()}
        differences = [
            difference
            for name, membership in after.items()
            if membership.failure is None
            for difference in causes.differences(before.get(name), membership)
        ]
        write_transitions(cursor, differences, recorded_at=clock())
        keep_memberships(cursor, before, after.values())
        if not evaluation.failed:
            # A segment that failed has the members of before: who changed since then stays on record.
            cursor.execute("DELETE FROM touched")
            if moment.has_later_changes:
                touch_changed_later(cursor, stored_instant(as_of))
        if after:
            begin_generation(cursor)
    store.membership_change_count += 1
    seconds = evaluation.segment_seconds
    entered, left = Counter[str](), Counter[str]()
    for change in differences:
        entered[change.segment_id] += change.entered.size
        left[change.segment_id] += change.left.size
    results = tuple(
        SegmentResult(
            segment=item.segment,
            size=after[name].members.size,
            entered=entered[name],
            left=left[name],
            seconds=seconds.get(name, 0.0),
            failure=after[name].failure,
            in_full=changes.in_full.get(name),
        )
        for name, item in segments.items()
    )
    finished = time.perf_counter()
    return Recompute(
        as_of,
        evaluation.exact_since,
        evaluation.contact_count,
        len(changes.candidates),
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


def _computed(stored: StoredSegment, before: Membership | None, evaluation: Evaluation, of_past: bool) -> Membership:
    """The membership of a segment after the evaluation; a segment that failed keeps the one of before."""
    segment_id = stored.segment.id
    if segment_id in evaluation.failed:
        old = before or Membership(segment_id, None, None, ContactSet.none(0), None)
        return replace(old, failure=evaluation.failed[segment_id])
    members = evaluation.members[segment_id]
    if before is not None:
        members = members.widened(before.members.capacity)
    return Membership(segment_id, stored.version, evaluation.as_of, members, None, of_past)
