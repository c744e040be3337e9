"""Group commit: writes of many threads, committed together by one, each answered after the commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from engine.errors import BusyError, ClosedError, InternalError, PopulaceError

Write = TypeVar("Write")
Outcome = TypeVar("Outcome")

MAX_WAITING = 100_000
MAX_GROUP = 20_000
IDLE_SECONDS = 0.2

GATHER_SECONDS = 0.003
"""How long a group waits at most for the next of the callers of the one before: they are back with their next write in
a moment, and a group that leaves without most of them takes as long as one with all (measured: 680 writes/s became
1,150)."""

MOST_GATHERS = 8
"""After so many such moments a group leaves, even if callers still come."""


class GroupCommit(Generic[Write, Outcome]):
    """A queue in front of `commit`, which makes a group of writes durable.

    `commit` returns the outcomes of the writes, in order; if it raises, none of them was written. What arrives while a
    group is committed makes up the next one: one thread waits for one commit, and many share one. A group in which a
    write turns out to be a bug of ours is committed in halves, until the bad write is alone: its neighbours land.
    `on_quiet` is called when nothing has arrived for a moment.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Write]], Sequence[Outcome]],
        *,
        on_quiet: Callable[[], None] = lambda: None,
        max_waiting: int = MAX_WAITING,
        max_group: int = MAX_GROUP,
    ) -> None:
        self._commit, self._on_quiet = commit, on_quiet
        self._max_waiting, self._max_group = max_waiting, max_group
        self._changed = threading.Condition()
        self._queue: deque[_Request[Write, Outcome]] = deque()
        self._waiting_count = 0
        self._enough = 0
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self.group_count = 0
        """How many groups were committed since the start, or failed as one."""
        self.write_count = 0
        """How many writes they were."""

    def submit(self, writes: Sequence[Write], *, alone: bool = False) -> Sequence[Outcome | PopulaceError]:
        """Have writes committed, and wait for it. Rows: one outcome per write, in order; an error for one that failed.

        Writes of one call are committed in order, all in one group; if `alone`, in a group without those of others.
        From any thread.
        Raises: BusyError when too many writes wait already, ClosedError after `close`; nothing is written then.
        """
        if not writes:
            return []
        request = _Request[Write, Outcome](writes, alone)
        with self._changed:
            if self._is_closing:
                raise ClosedError
            if self._queue and self._waiting_count + len(writes) > self._max_waiting:
                raise BusyError(self._waiting_count)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="populace-writer", daemon=True)
                self._thread.start()
            self._queue.append(request)
            self._waiting_count += len(writes)
            if len(self._queue) >= self._enough:  # else the thread would only be woken to wait on
                self._changed.notify()
        return request.wait()

    @property
    def waiting_count(self) -> int:
        """How many writes wait for their turn now."""
        return self._waiting_count

    def close(self) -> None:
        """Commit what waits, then end. Calling it twice is fine."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        has_written = False
        expected = 0
        while True:
            with self._changed:
                self._gather(expected)
                if not self._queue and not self._is_closing:
                    self._changed.wait(IDLE_SECONDS if has_written else None)
                requests = self._next_group()
                if not requests and self._is_closing:
                    return
            expected = len(requests)
            if requests:
                self._answer(requests)
                has_written = True
            elif has_written:
                self._on_quiet()
                has_written = False

    def _gather(self, expected: int) -> None:
        """Give as many callers as the last group had a moment to come back, and more while they keep coming."""
        self._enough, arrived = expected, -1
        for _ in range(MOST_GATHERS):
            if self._is_closing or expected < 2 or len(self._queue) >= expected or len(self._queue) == arrived:
                break
            arrived = len(self._queue)
            self._changed.wait(GATHER_SECONDS)
        self._enough = 0

    def _next_group(self) -> list[_Request[Write, Outcome]]:
        """The requests that make up the next group: at least one if any waits, and no more than fit."""
        group: list[_Request[Write, Outcome]] = []
        size = 0
        while self._queue and (not group or self._fits(group, size)):
            request = self._queue.popleft()
            size += len(request.writes)
            group.append(request)
        self._waiting_count -= size
        return group

    def _fits(self, group: Sequence[_Request[Write, Outcome]], size: int) -> bool:
        """Whether the next request may join a group."""
        following = self._queue[0]
        return size + len(following.writes) <= self._max_group and not (following.is_alone or group[-1].is_alone)

    def _answer(self, requests: Sequence[_Request[Write, Outcome]]) -> None:
        writes = [write for request in requests for write in request.writes]
        self.group_count += 1
        self.write_count += len(writes)
        outcomes = self._outcomes(writes)
        first = 0
        for request in requests:
            request.answer(outcomes[first : first + len(request.writes)])
            first += len(request.writes)

    def _outcomes(self, writes: Sequence[Write]) -> Sequence[Outcome | PopulaceError]:
        """Commit writes; the ones of which a bug of ours makes the commit fail fail alone."""
        try:
            return self._commit(writes)
        except PopulaceError as error:  # the machine or the caller: it would strike each half as well
            return [error] * len(writes)
        except Exception as error:
            if len(writes) == 1:
                return [_bug(error)]
            half = len(writes) // 2
            return [*self._outcomes(writes[:half]), *self._outcomes(writes[half:])]
        except BaseException:  # stopped from outside, in this thread
            return [ClosedError()] * len(writes)


class _Request(Generic[Write, Outcome]):
    """Writes of one call, and the way back to it."""

    __slots__ = ("_answered", "_outcomes", "is_alone", "writes")

    def __init__(self, writes: Sequence[Write], is_alone: bool) -> None:
        self.writes, self.is_alone = writes, is_alone
        self._outcomes: Sequence[Outcome | PopulaceError] = ()
        # A bare lock: of all that threading has it wakes its thread with the least work.
        self._answered = threading.Lock()
        self._answered.acquire()

    def wait(self) -> Sequence[Outcome | PopulaceError]:
        self._answered.acquire()
        return self._outcomes

    def answer(self, outcomes: Sequence[Outcome | PopulaceError]) -> None:
        self._outcomes = outcomes
        self._answered.release()


def _bug(error: Exception) -> InternalError:
    """An error that no write should cause, as the one that its caller gets."""
    bug = InternalError(f"a write failed by a bug of populace: {type(error).__name__}: {error}")
    bug.__cause__ = error
    return bug
