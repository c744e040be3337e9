"""The one writer of a workspace: writes of many threads, each answered once it is durable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from itertools import groupby
from typing import TypeVar

from engine.errors import CallerError, StoreError
from engine.storage import Store
from engine.storage.changes import ChangeSet, WriterMemory
from engine.storage.connection import store_errors
from engine.storage.custom_fields import CustomField, stored_fields
from engine.storage.group_commit import GroupCommit
from engine.storage.instants import stored_instant
from ingest.writes.write import CommittedAlone, Outcome, Write, Written

Item = TypeVar("Item")

Clock = Callable[[], datetime]
"""What says which instant it is now, in UTC."""

QUIET_CHECKPOINT_BYTES = 16 * 1024**2
"""The log is brought into the file from this size on, once nothing is to be written."""

MANY_ITEMS = 100
_WAIT_SECONDS = 0.05
_WRITTEN = {outcome: Written(outcome) for outcome in Outcome}


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class Writer:
    """Commits writes in groups, in a thread of its own that the first write starts. Close it."""

    def __init__(self, store: Store, *, clock: Clock = utc_now) -> None:
        self._store, self._clock = store, clock
        self.custom_fields: Mapping[str, CustomField] = _stored_fields(store)
        """The fields that users defined, by key, as of the last change of them."""
        self._memory: WriterMemory | None = None
        self._is_closing = False
        self._reading = threading.Lock()
        self._group = GroupCommit[Write, Written](self._commit, on_quiet=self._checkpoint_in_quiet)

    def write(self, writes: Sequence[Write]) -> list[Written]:
        """Commit writes; what came of each, in order, once all are durable. From any thread.

        They share one commit, but for those that are `CommittedAlone`. Raises: BusyError when too many writes wait
        already, ClosedError.
        """
        return [
            answer if isinstance(answer, Written) else Written(Outcome.FAILED, answer)
            for part, is_alone in _parts(writes)
            for answer in self._group.submit(part, alone=is_alone)
        ]

    def write_each(self, read: Callable[[Item, str], Write], items: Sequence[Item], name: str) -> list[Written]:
        """Read and commit items; what is not valid fails alone. `name` is that of the items in errors."""
        results: list[Written | None] = []
        writes: list[Write] = []
        # Many threads that read at once only take Python from each other, and from who answers somebody meanwhile.
        with self._reading if len(items) > MANY_ITEMS else nullcontext():
            for number, item in enumerate(items):
                try:
                    writes.append(read(item, f"{name}[{number}]"))
                    results.append(None)
                except CallerError as error:
                    results.append(Written(Outcome.FAILED, error))
        written = iter(self.write(writes))
        return [next(written) if result is None else result for result in results]

    def write_one(self, write: Write) -> Outcome:
        """Commit a write; what came of it, once it is durable. Raises: what it failed with."""
        (written,) = self.write([write])
        if written.error is not None:
            raise written.error
        return written.outcome

    def read(self, work: Callable[[ChangeSet], Item]) -> Item:
        """What the work finds in the store as it is now, with the eyes of a write; what it changes is dropped."""
        with store_errors(self._store.path), self._store.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                memory = WriterMemory.read(cursor, self._store.change_count)
                return work(ChangeSet(cursor, memory, stored_instant(self._clock())))
            finally:
                cursor.execute("ROLLBACK")

    def known_owners(self, identities: Sequence[str]) -> dict[str, int | None] | None:
        """The contacts that identities are after the last commit, from memory; None where that does not know all."""
        memory = self._memory
        if memory is None or memory.identities is None or memory.change_count != self._store.change_count:
            return None
        return memory.identities.owners(identities)

    @property
    def told_count(self) -> int:
        """Another number whenever there is something new to tell webhooks."""
        memory = self._memory
        return 0 if memory is None else memory.next_outbox_sequence

    @property
    def figures(self) -> tuple[int, int, int]:
        """How many groups were committed since the start, how many writes they were, and how many wait now."""
        return self._group.group_count, self._group.write_count, self._group.waiting_count

    def close(self) -> None:
        """Commit what waits, then end. Calling it twice is fine."""
        self._is_closing = True
        self._group.close()

    def _commit(self, writes: Sequence[Write]) -> list[Written]:
        # Ctrl-C stops what the main thread does with the store, and not the writes of others.
        with self._store.transaction(interruptible=False) as cursor:
            change_count = self._store.change_count
            now = stored_instant(self._clock())  # not before: an import may have held this up, and come first
            if self._memory is None or self._memory.change_count != change_count:
                self._memory = WriterMemory.read(cursor, change_count)
                self._memory.touched_epoch = self._store.touched_epoch
            if self._memory.touched_epoch != self._store.touched_epoch:
                self._memory.forget_touched(self._store.touched_epoch)
            needs = [write.needs() for write in writes]
            self._memory.count_lookups(cursor, sum(len(need.identities) for need in needs))
            changes = ChangeSet(cursor, self._memory, now)
            changes.load(needs)
            written = [_applied(write, changes) for write in writes]
            changes.write()
        if changes.needs_new_memory:
            self._memory = None
            self.custom_fields = _stored_fields(self._store)
        else:
            changes.remember()
            self._memory.change_count = change_count + 1
        return written

    def _checkpoint_in_quiet(self) -> None:
        if self._store.log_bytes() > QUIET_CHECKPOINT_BYTES:
            with suppress(StoreError):  # nothing is lost: it is tried again, and whoever writes next is told
                self._store.checkpoint()


def _stored_fields(store: Store) -> Mapping[str, CustomField]:
    with store.cursor() as cursor:
        return {item.key: item for item in stored_fields(cursor)}


def _parts(writes: Sequence[Write]) -> Iterator[tuple[Sequence[Write], bool]]:
    """What is committed together, in order, and whether it is alone."""
    for is_alone, part in groupby(writes, lambda write: isinstance(write, CommittedAlone)):
        if is_alone:
            yield from (([write], True) for write in part)
        else:
            yield list(part), False


def _applied(write: Write, changes: ChangeSet) -> Written:
    try:
        done = write.apply(changes)
    except CallerError as error:
        return Written(Outcome.FAILED, error)
    return done if isinstance(done, Written) else _WRITTEN[done]
