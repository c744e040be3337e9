"""The live loop: after each commit those who were touched are looked at, and at each deadline those whom time moves."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta

import duckdb
import numpy as np

from engine.errors import PopulaceError, StepFailedError
from engine.execute.causes import segments_asking_sql
from engine.execute.contact_set import ContactIds
from engine.execute.incremental.changes import NeedsWritersToWaitError, snapshot_of
from engine.execute.incremental.some_contacts import SomeContacts
from engine.execute.live.deadlines import MOST_AHEAD, Deadline, Deadlines
from engine.execute.live.touched import has_touched, more_often, touched_ids
from engine.execute.recompute import Asking, Recompute, computed, evaluated, kept
from engine.execute.remembered import Remembered, remembered
from engine.plan import Catalog
from engine.storage import Store
from engine.storage.connection import store_errors
from engine.storage.history import has_changed_since, moment_of
from engine.storage.segments import StoredSegment
from engine.storage.store import lists_of, zones_of_contacts

log = logging.getLogger(__name__)

MOST_STEPS = 24
"""So many instants that were missed are caught up one by one; of more, several are caught up at once."""

LAG, MOST_OF_LAG = timedelta(seconds=1), 2
"""Deadlines of the last moment, of which the loop was busy, are few ticks: else it would never be on time again."""

AHEAD_AGAIN = timedelta(minutes=10)
"""Deadlines are looked for again when they are known no further ahead than this."""

LOOK_AT_CLOCK_SECONDS = 1.0
"""A clock that was set, or a machine that slept, is noticed so soon."""

RETRY_SECONDS = 1.0
SQL_SECONDS, SQL_SHARE = 60.0, 0.1
"""Segments with SQL are evaluated in full: not more often than this, and for no larger a share of the time."""

_NOBODY = np.empty(0, np.int32)

OnTick = Callable[[Recompute], None]


class Live:
    """Keeps the memberships of a store up to date, in a thread of its own once it is started. Close it.

    Every tick is a transaction of its own. Whoever is looked at is seen as one state of the store has it: others write
    meanwhile, and wait only while a tick begins, and while it is stored. Instants are UTC.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime], on_tick: OnTick = lambda _: None) -> None:
        self._store, self._clock, self._on_tick = store, clock, on_tick
        self._ticking = threading.Lock()
        self._news = threading.Condition()
        self._change_count = 0
        self._seen_change_count = -1
        self._behind_since: float | None = time.monotonic()
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self._segments: dict[str, StoredSegment] | None = None
        self._definition_count = 0
        self._was_told = False
        self._deadlines: Deadlines | None = None
        self._sql_ids: frozenset[str] = frozenset()
        self._sql_at: datetime | None = None
        self._has_writes = False
        store.when_rows_change(self._hear)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="populace-live", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the tick under way. Calling it twice is fine."""
        with self._news:
            self._is_closing = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()

    def wait_until_current(self, timeout_seconds: float | None = None) -> bool:
        """Wait until members are what all writes make of them that were answered before; whether they are."""
        with self._news:
            asked = self._change_count
            return (
                self._news.wait_for(lambda: self._seen_change_count >= asked or self._is_closing, timeout_seconds)
                and self._seen_change_count >= asked
            )

    @property
    def lag_seconds(self) -> float:
        """For how long something is written, or time has passed, that memberships do not follow; 0 where they do."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def next_at(self) -> datetime | None:
        """The next instant at which there is something to do if nothing is written; None before the first tick."""
        deadlines = self._deadlines
        return None if deadlines is None else deadlines.next_at

    @property
    def next_change_at(self) -> datetime | None:
        """The next instant at which time alone may move somebody; None where none is known ahead."""
        deadlines = self._deadlines
        return None if deadlines is None else deadlines.first_at

    def catch_up(self) -> None:
        """Do all that is due now. Raises: StoreError, KeyboardInterrupt; then it is due as before."""
        with self._ticking, self._store.computing(), store_errors(self._store.path):
            with self._news:
                heard, started = self._change_count, time.monotonic()
            try:
                self._catch_up()
            except BaseException:
                self._deadlines = None  # of those that were due nobody knows which were done
                raise
            with self._news:
                self._seen_change_count = heard
                self._behind_since = None if heard == self._change_count else started
                self._news.notify_all()

    # --- one after the other ------------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        if self._deadlines is None or self._clock() >= self._deadlines.known_until or self._is_redefined():
            self._begin()
        now = self._clock()
        due = self._due(now)
        missed = [item for item in due if now - item.at > LAG]
        latest = due[len(missed) :]
        waiting = deque(_few(missed, MOST_STEPS))
        with self._store.cursor() as cursor:
            is_touched = has_touched(cursor)
        waiting.extend(_few(latest, 1 if is_touched else MOST_OF_LAG))
        while len(waiting) > is_touched:
            self._tick(waiting)
        if is_touched:
            self._tick(waiting, is_now=True)
        if self._deadlines is None:
            self._begin()
        elif self._clock() > self._deadlines.known_until - AHEAD_AGAIN:
            self._look_ahead(self._deadlines)
        self._evaluate_sql()

    def _begin(self) -> None:
        """Catch up with all that happened since segments were computed, and find the deadlines ahead."""
        self._deadlines = None
        for step in self._missed():
            with self._store.transaction(changes_rows=False) as cursor:
                known = remembered(self._store, cursor)
                self._segments = dict(known.segments)
                self._definition_count = self._count_definitions(cursor)
                self._sql_ids = segments_asking_sql([item.segment for item in known.segments.values()])
                at = self._clock() if step is None else step
                if known.segments:
                    self._compute(cursor, at, known)
        assert self._segments is not None
        segments = [item.segment for name, item in self._segments.items() if name not in self._sql_ids]
        deadlines = Deadlines(segments, known_since=at)
        self._look_ahead(deadlines)
        self._deadlines = deadlines

    def _missed(self) -> Iterator[datetime | None]:
        """The instants at which to catch up; the last one is None, for now."""
        with self._store.transaction(changes_rows=False) as cursor:
            known = remembered(self._store, cursor)
            computed_at = [item.as_of for item in known.memberships.values() if item.as_of is not None]
            is_touched = has_touched(cursor)
            since, now = min(computed_at, default=None), self._clock()
            steps = []
            is_long = since is not None and now - since > MOST_AHEAD
            if since is not None and is_long and not is_touched and not has_changed_since(self._store, cursor, since):
                step = max((now - since) / MOST_STEPS, MOST_AHEAD)
                steps = [since + step * number for number in range(1, MOST_STEPS) if since + step * number < now]
        yield from steps
        yield None

    def _due(self, until: datetime) -> list[Deadline]:
        return [] if self._deadlines is None else self._deadlines.due(until)

    def _tick(self, waiting: deque[Deadline], *, is_now: bool = False) -> None:
        """Look at those whom time moves at the first of the deadlines, and at those who were touched, as of then.

        If that cannot be, or is not wanted, all is done as of now: all deadlines that have passed by then, too.
        """
        with suppress(NeedsWritersToWaitError, StepFailedError):
            if self._tick_beside_writers(waiting, is_now=is_now):
                return
        self._deadlines = None  # of those that were due nobody knows which were done
        waiting.clear()
        with self._store.transaction(changes_rows=False) as cursor:
            known = remembered(self._store, cursor)
            self._compute(cursor, self._not_before(known), known)

    def _tick_beside_writers(self, waiting: deque[Deadline], *, is_now: bool) -> bool:
        """The same while others write; whether it was stored: it is not if more than data has changed meanwhile.

        Raises: NeedsWritersToWaitError; then nothing is done.
        """
        store = self._store
        with ExitStack() as stack:
            with store.held_for_reading() as cursor:
                known = remembered(store, cursor)
                at, moved = self._chosen(cursor, known, waiting, is_now=is_now)
                moment = stack.enter_context(moment_of(store, at, writers_wait=True))
                asked = self._asked(cursor, moved, beside_writers=True)
                segments = {name: item for name, item in known.segments.items() if name in (asked.segment_ids or ())}
                seen = stack.enter_context(snapshot_of(store, segments))
                touched, retired_count = touched_ids(seen), _count_retired(seen)
                store.begin_touched_epoch()
            self._was_told = False
            found = evaluated(store, seen, moment, known, asked=asked)
        with store.transaction(changes_rows=False) as cursor:
            now = remembered(store, cursor)
            is_as_it_was = now.segments is known.segments and now.memberships is known.memberships
            if not is_as_it_was or _count_retired(cursor) != retired_count:
                return False
            since = more_often(touched_ids(cursor), touched)
            self._done(kept(store, cursor, found, clock=self._clock, touched_since=since))
        return True

    def _chosen(
        self, cursor: duckdb.DuckDBPyConnection, known: Remembered, waiting: deque[Deadline], *, is_now: bool
    ) -> tuple[datetime, ContactIds | None]:
        """As of when to tick, and whom time may have moved by then, if that is known; they wait no more."""
        at = self._not_before(known)
        latest = _latest(known, default=at)
        if not is_now and waiting[0].at >= latest and not has_changed_since(self._store, cursor, waiting[0].at):
            done = waiting.popleft()
            at = done.at
        elif self._deadlines is None or at > self._deadlines.known_until:
            self._deadlines = None
            waiting.clear()
            return at, None
        else:
            (done,) = _few([Deadline(at, _NOBODY, frozenset()), *waiting, *self._due(at)], 1)
            waiting.clear()
        return at, None if done.segment_ids else done.contact_ids

    def _not_before(self, known: Remembered) -> datetime:
        """Now, or the instant at which segments were computed: clocks that are kept right go back a little."""
        at = self._clock()
        latest = _latest(known, default=at)
        return max(at, latest) if latest - at < timedelta(seconds=LOOK_AT_CLOCK_SECONDS) else at

    def _compute(self, cursor: duckdb.DuckDBPyConnection, at: datetime, known: Remembered) -> None:
        """One tick, but for segments with SQL, while others do not write; whom time moved is looked for."""
        asked = self._asked(cursor, None)
        self._was_told = False
        self._done(computed(self._store, cursor, at, clock=self._clock, asked=asked, known=known))

    def _asked(
        self, cursor: duckdb.DuckDBPyConnection, moved: ContactIds | None, *, beside_writers: bool = False
    ) -> Asking:
        assert self._segments is not None
        self._has_writes |= has_touched(cursor)
        return Asking(
            moved=moved,
            segment_ids=frozenset(self._segments) - self._sql_ids,
            is_rest_in_full=True,
            beside_writers=beside_writers,
            on_candidates=self._add_deadlines,
        )

    def _done(self, done: Recompute) -> None:
        if not self._was_told and (done.candidate_count or any(item.in_full for item in done.segments)):
            self._deadlines = None  # those of who was touched are not among them
        self._store.after_commit(lambda: self._on_tick(done))

    def _add_deadlines(self, contacts: SomeContacts, as_of: datetime, contact_ids: ContactIds) -> None:
        self._was_told = self._deadlines is None or self._deadlines.add(contacts, as_of, contact_ids)

    def _look_ahead(self, deadlines: Deadlines) -> None:
        with self._store.reading() as cursor:
            default = self._store.default_zone
            zones = zones_of_contacts(cursor, default) if deadlines.has_zones else {0: default}
            until = max(self._clock(), deadlines.known_until) + MOST_AHEAD
            deadlines.look_ahead(cursor, Catalog(lists_of(cursor), zones), until)

    def _is_redefined(self) -> bool:
        """Whether segments are others than when deadlines were looked for."""
        with self._store.cursor() as cursor:
            return self._count_definitions(cursor) != self._definition_count

    @staticmethod
    def _count_definitions(cursor: duckdb.DuckDBPyConnection) -> int:
        ((count,),) = cursor.execute("SELECT count(*) FROM segments").fetchall()
        return int(count)

    def _evaluate_sql(self) -> None:
        """Evaluate the segments with SQL, if it is time to."""
        started = self._clock()
        if not self._sql_ids or (self._sql_at is not None and started < self._sql_at):
            return
        with self._store.transaction(changes_rows=False) as cursor:
            asked = Asking(segment_ids=self._sql_ids, has_writes=self._has_writes)
            done = computed(self._store, cursor, self._clock(), clock=self._clock, asked=asked)
            self._store.after_commit(lambda: self._on_tick(done))
        self._has_writes = False
        seconds = (self._clock() - started).total_seconds()
        self._sql_at = self._clock() + timedelta(seconds=max(SQL_SECONDS, seconds / SQL_SHARE))

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        with self._news:
            self._change_count += 1
            if self._behind_since is None:
                self._behind_since = time.monotonic()
            self._news.notify_all()

    def _run(self) -> None:
        while not self._is_closing:
            try:
                self.catch_up()
            except (PopulaceError, KeyboardInterrupt) as error:
                log.error("memberships are not up to date, it is tried again: %s", error)
                self._rest()
                continue
            except Exception:  # a bug of ours: who keeps customers apart does not stop for it
                log.exception("memberships are not up to date because of a bug of populace; it is tried again")
                self._rest()
                continue
            with self._news:
                self._news.wait_for(self._has_work, self._seconds_to_wait())

    def _rest(self) -> None:
        """After a failure: a moment later everything is looked at afresh."""
        with self._news:
            self._news.wait_for(lambda: self._is_closing, RETRY_SECONDS)

    def _has_work(self) -> bool:
        return self._is_closing or self._seen_change_count < self._change_count

    def _seconds_to_wait(self) -> float:
        """Until the next deadline; not long, for clocks may be set."""
        ahead = [at for at in (self.next_at, self._sql_at) if at is not None]
        if self._deadlines is None:
            return RETRY_SECONDS
        seconds = min((at - self._clock()).total_seconds() for at in ahead)
        return min(max(seconds, 0.0), LOOK_AT_CLOCK_SECONDS)


def _latest(known: Remembered, *, default: datetime) -> datetime:
    """The last instant at which a segment was computed."""
    return max((item.as_of for item in known.memberships.values() if item.as_of is not None), default=default)


def _count_retired(cursor: duckdb.DuckDBPyConnection) -> int:
    ((count,),) = cursor.execute("SELECT count(*) FROM retired").fetchall()
    return int(count)


def _few(deadlines: Sequence[Deadline], most: int) -> list[Deadline]:
    """The deadlines, in order; if there are more, several of them as one at the last of their instants."""
    size = -(-len(deadlines) // most)
    parts = [deadlines[first : first + size] for first in range(0, len(deadlines), size or 1)]
    return [
        Deadline(
            part[-1].at,
            np.unique(np.concatenate([item.contact_ids for item in part])),
            frozenset().union(*(item.segment_ids for item in part)),
        )
        for part in parts
    ]
