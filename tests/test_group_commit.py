"""Group commit: who waits, who shares a commit, who fails alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.errors import BusyError, ClosedError, InternalError, StoreError
from engine.storage.group_commit import IDLE_SECONDS, GroupCommit


class Ledger:
    """What was committed, in groups; a write of the text "bug" makes its whole group raise."""

    def __init__(self, *, seconds: float = 0.0, is_held: bool = False) -> None:
        self.groups: list[list[str]] = []
        self.seconds = seconds
        self.begun, self.may_end = threading.Semaphore(0), threading.Event()
        if not is_held:
            self.may_end.set()

    def commit(self, writes: Sequence[str]) -> list[str]:
        if "bug" in writes:
            raise ZeroDivisionError
        if "full" in writes:
            raise StoreError("no space left")
        self.begun.release()
        assert self.may_end.wait(60)
        time.sleep(self.seconds)
        self.groups.append(list(writes))
        return [write.upper() for write in writes]


def test_every_caller_gets_its_own_answers_in_order() -> None:
    ledger = Ledger(seconds=0.001)
    group = GroupCommit(ledger.commit)

    def work(number: int) -> None:
        writes = [f"w{number}-{i}" for i in range(number % 5 + 1)]
        assert group.submit(writes) == [write.upper() for write in writes]

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(500)))
    group.close()
    assert sum(map(len, ledger.groups)) == sum(number % 5 + 1 for number in range(500))
    assert len(ledger.groups) < 250, "nobody shared a commit"


def test_a_bad_write_fails_alone_and_its_neighbours_land() -> None:
    ledger = Ledger()
    group = GroupCommit(ledger.commit)
    *before, bad, after = group.submit(["a", "b", "c", "bug", "d"])
    group.close()
    assert (before, after) == (["A", "B", "C"], "D")
    assert isinstance(bad, InternalError)
    assert "ZeroDivisionError" in str(bad)
    assert sorted(write for written in ledger.groups for write in written) == ["a", "b", "c", "d"]


def test_what_the_machine_lacks_fails_the_whole_group_and_not_the_next_one() -> None:
    group = GroupCommit(Ledger().commit)
    assert all(isinstance(answer, StoreError) for answer in group.submit(["a", "full"]))
    assert group.submit(["b"]) == ["B"]
    group.close()


def test_too_many_waiting_writes_are_refused_and_nothing_of_them_is_written() -> None:
    ledger = Ledger(is_held=True)
    group = GroupCommit(ledger.commit, max_waiting=3, max_group=1)
    threads = [threading.Thread(target=group.submit, args=([str(n)],)) for n in range(4)]
    threads[0].start()
    ledger.begun.acquire()
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: group.waiting_count == 3)
    with pytest.raises(BusyError, match="3 writes wait already"):
        group.submit(["late"])
    ledger.may_end.set()
    for thread in threads:
        thread.join()
    group.close()
    assert sorted(write for written in ledger.groups for write in written) == ["0", "1", "2", "3"]


def test_a_batch_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    group = GroupCommit(Ledger().commit, max_waiting=3, max_group=2)
    assert len(group.submit([str(n) for n in range(10)])) == 10
    group.close()


def test_closing_commits_what_waits_and_refuses_the_rest() -> None:
    ledger = Ledger(is_held=True)
    group = GroupCommit(ledger.commit)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda n=n: answers.extend(group.submit([str(n)]))) for n in range(8)]
    threads[0].start()
    ledger.begun.acquire()
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: group.waiting_count == 7)
    closing = threading.Thread(target=group.close)
    closing.start()
    ledger.may_end.set()
    for thread in [*threads, closing]:
        thread.join()
    assert sorted(map(str, answers)) == [str(n) for n in range(8)]
    with pytest.raises(ClosedError):
        group.submit(["late"])
    group.close()


def test_quiet_is_noticed_once_after_each_time_that_something_was_written() -> None:
    quiet = threading.Semaphore(0)
    group = GroupCommit(Ledger().commit, on_quiet=quiet.release)
    for _ in range(2):
        group.submit(["a"])
        assert quiet.acquire(timeout=60)
        assert not quiet.acquire(timeout=3 * IDLE_SECONDS)
    group.close()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)
