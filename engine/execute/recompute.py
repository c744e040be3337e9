"""Recompute: all segments of a store at one instant, and only the difference is written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from engine.definition import Segment
from engine.execute.batch import OnStep, everyone
from engine.execute.causes import Causes
from engine.execute.contact_set import ContactIds, ContactSet, Packing
from engine.execute.evaluation import Evaluation, StepTime
from engine.execute.incremental.changes import Changes, OnCandidates, evaluate_changes
from engine.execute.memberships import (
    Membership,
    keep_memberships,
)
from engine.execute.remembered import Remembered, remember, remembered
from engine.execute.transitions import Difference, write_transitions
from engine.storage import Store
from engine.storage.history import Moment, is_exact, moment_of
from engine.storage.history.later import touch_changed_later
from engine.storage.instants import stored_instant
from engine.storage.interruption import run_interruptibly
from engine.storage.segments import StoredSegment
from engine.storage.store import begin_generation


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """One segment after a recompute: its size, and how many entered and left since it was computed before.

    `failure` is the reason where it could not be computed; its members are then those of before. `in_full` says why all
    contacts were looked at; None where those who may have changed were enough.
    """

    segment: Segment
    members: ContactSet
    entered: int
    left: int
    seconds: float
    failure: str | None
    in_full: str | None

    @property
    def size(self) -> int:
        """How many members it has."""
        return self.members.size


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
    step_times: tuple[StepTime, ...]
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

    def work() -> Recompute:
        # The transaction is open from the start, so that nobody writes between reading and keeping.
        with store.computing(), store.transaction(changes_rows=False) as cursor:
            return computed(store, cursor, as_of(), clock=clock, asked=Asking(in_full=in_full), on_step=on_step)

    return run_interruptibly(store, work)


@dataclass(frozen=True, slots=True)
class Asking:
    """Which part of the work is to be done.

    `in_full`: for everybody. `moved`: whom time may have moved, where that is known already. `segment_ids`: these
    alone, and what they name is among them; who was touched stays on record then, unless `is_rest_in_full` says that
    all other segments are evaluated in full anyway. `has_writes`: something was written that is not on record any more.
    `beside_writers`: others write meanwhile. `on_candidates`: see `evaluate_changes`.
    """

    in_full: bool = False
    moved: ContactIds | None = None
    segment_ids: frozenset[str] | None = None
    is_rest_in_full: bool = False
    has_writes: bool = False
    beside_writers: bool = False
    on_candidates: OnCandidates | None = None


def computed(
    store: Store,
    cursor: duckdb.DuckDBPyConnection,
    as_of: datetime,
    *,
    clock: Callable[[], datetime],
    asked: Asking,
    known: Remembered | None = None,
    on_step: OnStep | None = None,
) -> Recompute:
    """Compute segments at an instant, and keep them, within the caller's transaction, which changes no rows beside.

    `known` is what `remembered` says in that transaction, if it was asked already. Nobody else computes: see
    `Store.computing`.
    """
    known = known or remembered(store, cursor)
    with moment_of(store, as_of, writers_wait=True) as moment:
        found = evaluated(store, cursor, moment, known, asked=asked, on_step=on_step)
    return kept(store, cursor, found, clock=clock)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Segments that were evaluated, and all that it takes to keep what was found."""

    asked: Asking
    known: Remembered
    segments: Mapping[str, StoredSegment]
    causes: Causes
    changes: Changes
    has_later_changes: bool
    of_past: bool
    seconds: float


def evaluated(
    store: Store,
    cursor: duckdb.DuckDBPyConnection,
    moment: Moment,
    known: Remembered,
    *,
    asked: Asking,
    on_step: OnStep | None = None,
) -> Evaluated:
    """Evaluate segments at a moment, and store nothing; `cursor` sees what was written, and of whom.

    Raises: NeedsWritersToWaitError where `asked` says that others write, and more than a look at a few is needed.
    """
    started = time.perf_counter()
    segments, before = known.segments, known.memberships
    if asked.segment_ids is not None:
        segments = {name: item for name, item in segments.items() if name in asked.segment_ids}
    causes = Causes.of(cursor, segments, before, has_writes=asked.has_writes)
    changes = evaluate_changes(
        store,
        moment,
        segments,
        {} if asked.in_full else before,
        causes,
        others=known.segments,
        moved=asked.moved,
        writers_wait=not asked.beside_writers,
        on_candidates=asked.on_candidates,
        on_step=on_step,
    )
    if moment.has_later_changes:
        changes = replace(changes, evaluation=of_present_contacts(cursor, changes.evaluation, moment.capacity))
    of_past = moment.has_later_changes or not moment.is_exact
    seconds = time.perf_counter() - started
    return Evaluated(asked, known, segments, causes, changes, moment.has_later_changes, of_past, seconds)


def kept(
    store: Store,
    cursor: duckdb.DuckDBPyConnection,
    found: Evaluated,
    *,
    clock: Callable[[], datetime],
    touched_since: ContactIds | None = None,
) -> Recompute:
    """Keep what was evaluated, within the caller's transaction, while everything but data is as it was.

    `touched_since` are those of whom something was written since, where others did not wait.
    """
    started = time.perf_counter()
    segments, before, evaluation = found.segments, found.known.memberships, found.changes.evaluation
    after = {name: _computed(item, before.get(name), evaluation, found.of_past) for name, item in segments.items()}
    differences = [
        difference
        for name, membership in after.items()
        if membership.failure is None
        for difference in found.causes.differences(before.get(name), membership)
    ]
    packing = Packing()
    sequence = write_transitions(cursor, differences, recorded_at=clock(), packing=packing)
    memberships = keep_memberships(cursor, before, after.values(), differences, packing)
    is_all = found.asked.segment_ids is None or found.asked.is_rest_in_full
    if is_all and not evaluation.failed:
        # A segment that failed has the members of before: who changed since then stays on record.
        cursor.execute("DELETE FROM touched")
        if touched_since is None:
            store.after_commit(store.begin_touched_epoch)
        elif len(touched_since):
            cursor.execute("INSERT INTO touched SELECT unnest($1::INTEGER[])", [touched_since.tolist()])
        if found.has_later_changes:
            touch_changed_later(cursor, stored_instant(evaluation.as_of))
    if after:
        begin_generation(cursor)
    remember(store, {**before, **memberships}, sequence)
    return _result(segments, after, differences, found.changes, found.seconds, time.perf_counter() - started)


def _result(
    segments: Mapping[str, StoredSegment],
    after: Mapping[str, Membership],
    differences: Collection[Difference],
    changes: Changes,
    evaluate_seconds: float,
    store_seconds: float,
) -> Recompute:
    evaluation = changes.evaluation
    seconds = evaluation.segment_seconds
    entered, left = Counter[str](), Counter[str]()
    for change in differences:
        entered[change.segment_id] += change.entered.size
        left[change.segment_id] += change.left.size
    results = tuple(
        SegmentResult(
            segment=item.segment,
            members=after[name].members,
            entered=entered[name],
            left=left[name],
            seconds=seconds.get(name, 0.0),
            failure=after[name].failure,
            in_full=changes.in_full.get(name),
        )
        for name, item in segments.items()
    )
    return Recompute(
        evaluation.as_of,
        evaluation.exact_since,
        evaluation.contact_count,
        len(changes.candidates),
        results,
        evaluation.step_times,
        evaluate_seconds,
        store_seconds,
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
