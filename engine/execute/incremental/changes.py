"""An evaluation that is made from the one before: of whom nothing can have changed, nothing is read."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from operator import is_not
from weakref import WeakKeyDictionary

import duckdb
import numpy as np

from engine.definition import Segment
from engine.definition.references import with_referrers
from engine.definition.tree import have_days_of_contacts
from engine.errors import StepFailedError
from engine.execute.batch import OnStep, evaluate_moment, evaluate_plan
from engine.execute.causes import Causes
from engine.execute.contact_set import ContactIds, ContactSet
from engine.execute.evaluation import Evaluation, StepTime
from engine.execute.incremental.crossers import Crossers, crossers
from engine.execute.incremental.held_events import HeldEvents
from engine.execute.incremental.prepared import Prepared
from engine.execute.incremental.some_contacts import Asked, SomeContacts
from engine.execute.memberships import Membership
from engine.execute.sql_conditions import Queries
from engine.plan.crossings import crossings
from engine.plan.retiming import can_be_retimed
from engine.storage import Store
from engine.storage.history import Moment
from engine.storage.segments import StoredSegment

log = logging.getLogger(__name__)

OnCandidates = Callable[[SomeContacts, datetime, ContactIds], None]

MOST_CANDIDATES = 0.1
"""The share of contacts from which on reading all of them is faster than reading these (measured)."""


class NeedsWritersToWaitError(Exception):
    """More is to be evaluated than a few contacts of one state of the store."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Segments evaluated at one instant, as far as their members of before are not known to be right.

    `evaluation` has all members of each. `in_full` says why a segment was not evaluated for `candidates` alone.
    """

    evaluation: Evaluation
    in_full: Mapping[str, str]
    candidates: ContactIds


def evaluate_changes(
    store: Store,
    moment: Moment,
    segments: Mapping[str, StoredSegment],
    before: Mapping[str, Membership],
    causes: Causes,
    *,
    others: Mapping[str, StoredSegment] | None = None,
    moved: ContactIds | None = None,
    writers_wait: bool = True,
    on_candidates: OnCandidates | None = None,
    on_step: OnStep | None = None,
) -> Changes:
    """Evaluate all segments: for who was touched or crossed by time where that is enough, else for everybody.

    Members are those of a full evaluation, always. Segments that name one that is evaluated in full are, too. `moved`
    are those whom time alone may have moved; they are looked for if it is not given. `others` are segments that these
    may name. `on_candidates` is told who is looked at, and at which instant, with tables that hold nobody else. Unless
    `writers_wait`, there is a `Snapshot`, and `moved` is given. Raises: NeedsWritersToWaitError if that is not enough.
    """
    latest = {name: item.segment for name, item in segments.items()}
    known = {**{name: item.segment for name, item in (others or {}).items()}, **latest}
    in_full = {name: reason for name in latest if (reason := _reason_in_full(name, moment, before, causes))}
    few = [segment for name, segment in latest.items() if name not in in_full]
    candidates = np.empty(0, np.int32)
    times: list[StepTime] = []
    if few:
        if moved is None and not writers_wait:
            raise NeedsWritersToWaitError
        if moved is None:
            started = time.perf_counter()
            moved, elsewhere = _moved_by_time(moment, few, before)
            times.append(StepTime("whom_time_moved", time.perf_counter() - started, tuple(item.id for item in few)))
            in_full |= dict.fromkeys(elsewhere, "a list in it was deleted, or time was too short for a sequence in it")
        touched = causes.touched.ids()
        candidates = np.union1d(touched[touched < moment.capacity], moved).astype(np.int32)
        if len(candidates) > MOST_CANDIDATES * moment.capacity:
            in_full |= {item.id: f"{len(candidates)} of {moment.capacity} contacts may have changed" for item in few}
    if in_full and not writers_wait:
        raise NeedsWritersToWaitError
    named = with_referrers(in_full, latest.values()) - in_full.keys()
    in_full |= dict.fromkeys(named, "it names a segment that is evaluated in full")
    for name, reason in in_full.items():
        log.info("segment %s is evaluated in full: %s", name, reason)
    few = [segment for segment in few if segment.id not in in_full]
    parts = []
    if in_full:
        whole = [latest[name] for name in in_full]
        parts.append(evaluate_moment(moment, whole, queries=Queries(store), others=known, on_step=on_step))
    if few:
        parts.append(_of_some(store, moment, few, before, candidates, on_candidates, on_step))
    evaluation = _united(parts, moment, parts[0].contact_count if in_full else moment.contact_count)
    evaluation = replace(evaluation, step_times=(*times, *evaluation.step_times))
    return Changes(evaluation, in_full, candidates)


def _reason_in_full(segment_id: str, moment: Moment, before: Mapping[str, Membership], causes: Causes) -> str | None:
    """Why the members of before do not help; None if they do."""
    known = before.get(segment_id)
    if known is None or known.as_of is None:
        return "it was never computed"
    if known.failure is not None:
        return "it failed"
    if segment_id in causes.redefined:
        return "its definition changed"
    if segment_id in causes.asking_sql:
        return "it asks SQL, which may compare contacts with each other"
    if moment.has_later_changes or not moment.is_exact:
        return "of the past nothing is known but by going back from now"
    if known.of_past:
        return "it was computed of an instant that had passed"
    if known.as_of > moment.as_of:
        return "it was computed of a later instant"
    return None


def _moved_by_time(
    moment: Moment, segments: Sequence[Segment], before: Mapping[str, Membership]
) -> tuple[ContactIds, frozenset[str]]:
    """Whom time alone may have moved since the segments were computed, and the segments of which it cannot be said."""
    computed_at: dict[datetime, list[Segment]] = defaultdict(list)
    for segment in segments:
        at = before[segment.id].as_of
        assert at is not None
        computed_at[at].append(segment)
    catalog = moment.catalog(has_zones=have_days_of_contacts(segments))
    moved, elsewhere = [], set[str]()
    for at, group in computed_at.items():
        if at < moment.as_of:
            found = crossings(group, catalog, after=at, until=moment.as_of)
            elsewhere |= found.elsewhere
            moved.append(crossers(moment.cursor, found))
    return Crossers.united(moved).contact_ids, frozenset(elsewhere)


def _of_some(
    store: Store,
    moment: Moment,
    segments: Sequence[Segment],
    before: Mapping[str, Membership],
    candidates: ContactIds,
    on_candidates: OnCandidates | None,
    on_step: OnStep | None,
) -> Evaluation:
    """The segments evaluated for the candidates; all others are in them, or not, as before."""
    members = {item.id: before[item.id].members.widened(moment.capacity) for item in segments}
    if not len(candidates):
        return Evaluation(moment.as_of, moment.exact_since, 0, members, {}, ())
    started = time.perf_counter()
    bench = _bench_of(store, segments)
    of_candidates = bench.contacts.hold(moment, candidates)
    held = StepTime("rows_of_contacts", time.perf_counter() - started, tuple(members))
    if on_candidates is not None:
        on_candidates(bench.contacts, moment.as_of, candidates)
    parts = list(_of_candidates(store, bench, of_candidates, segments, on_step))
    for found in parts:
        for name, now in found.members.items():
            is_other = members[name].flags_of(candidates) != now.flags()
            if is_other.any():
                members[name] = members[name].toggled(candidates[is_other])
        for name in found.failed:
            del members[name]
    found = _united(parts, moment, 0)
    return replace(found, members=members, step_times=(held, *found.step_times))


def _of_candidates(
    store: Store, bench: _Bench, moment: Moment, segments: Sequence[Segment], on_step: OnStep | None
) -> Iterator[Evaluation]:
    """The segments evaluated for the contacts that a moment sees: those that can be with a plan that is remembered."""
    others, queries = {segment.id: segment for segment in segments}, Queries(store)
    prepared, anew = bench.prepared.segments, bench.anew
    if prepared:
        catalog = moment.catalog(has_zones=have_days_of_contacts(prepared))
        plan, steps = bench.prepared.at(bench.contacts, catalog, moment.as_of)
        try:
            held = HeldEvents(bench.contacts.rows, moment.as_of)
            yield evaluate_plan(
                moment, prepared, plan, steps=steps, fill_tally=held.fill, queries=queries, on_step=on_step
            )
        except StepFailedError as error:
            log.error("%s; once more with a new plan\n%s", error, error.sql)
            anew |= {segment.id for segment in prepared}
    if anew:
        rest = [segment for segment in segments if segment.id in anew]
        yield evaluate_moment(moment, rest, queries=queries, others=others, on_step=on_step)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What evaluating segments for some contacts needs: tables for these, a plan, and who is not in it (`anew`)."""

    segments: tuple[Segment, ...]
    contacts: SomeContacts
    prepared: Prepared
    anew: frozenset[str]


@contextmanager
def snapshot_of(store: Store, segments: Mapping[str, StoredSegment]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor that sees the store as it is when the block begins; so do evaluations of these segments within it.

    Nobody else computes, nor writes when the block begins.
    """
    with _bench_of(store, [item.segment for item in segments.values()]).contacts.snapshot() as cursor:
        yield cursor


_benches: WeakKeyDictionary[Store, _Bench] = WeakKeyDictionary()


def _bench_of(store: Store, segments: Sequence[Segment]) -> _Bench:
    """The bench of segments; remembered, because they are mostly those of the last time."""
    known = _benches.get(store)
    if known is None or len(known.segments) != len(segments) or any(map(is_not, known.segments, segments)):
        anew = with_referrers([item.id for item in segments if not can_be_retimed(item)], segments)
        prepared = Prepared([segment for segment in segments if segment.id not in anew])
        known = _Bench(tuple(segments), SomeContacts(store, Asked.by(segments)), prepared, anew)
        if store in _benches:
            _benches[store].contacts.close()
        _benches[store] = known
    return known


def _united(parts: Iterable[Evaluation], moment: Moment, contact_count: int) -> Evaluation:
    """One evaluation of all segments."""
    members: dict[str, ContactSet] = {}
    failed: dict[str, str] = {}
    times: list[StepTime] = []
    for part in parts:
        members |= part.members
        failed |= part.failed
        times += part.step_times
    return Evaluation(moment.as_of, moment.exact_since, contact_count, members, failed, tuple(times))
