"""The live loop in a thread of its own, beside those who write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import populace
from engine.errors import CallerError
from ingest.workspace import Workspace
from tests.definitions import field, on_list, segment, tagged
from tests.test_live import ADA, RECENT, define
from tests.test_recompute import check_members, check_transitions


@pytest.fixture
def threaded(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "live") as new:
        new.lists.save("news")
        define(new, segment(field("country", "equals", "DE"), "germans"), segment(on_list("news"), "readers"))
    with populace.open(tmp_path / "live", live=True) as shop:
        yield shop


def test_whoever_waits_sees_what_was_written(threaded: Workspace) -> None:
    for number in range(20):
        email = f"c{number}@x.example"
        threaded.upsert({"email": email, "country": "DE"})
        threaded.lists.subscribe(email, "news")
        assert threaded.wait_until_current(60)
        assert threaded.segments_of(email) == ("germans", "readers")
    assert threaded.check().is_clean


def test_it_moves_whom_time_moves_by_itself(threaded: Workspace) -> None:
    define(threaded, RECENT)
    assert threaded.wait_until_current(60)
    end = datetime.now(UTC) + timedelta(seconds=1)
    threaded.upsert({"email": ADA})
    threaded.events.record({"email": ADA, "kind": "visit", "occurred_at": end - timedelta(days=30)})
    assert threaded.wait_until_current(60)
    moves: Callable[[], list[Any]] = lambda: threaded.transitions(segment_ids=["recent"]).rows(named=True)  # noqa: E731
    while len(moves()) < 2:
        assert datetime.now(UTC) < end + timedelta(seconds=60)
    entered, left = moves()
    assert (entered["change"], left["change"], left["cause"]) == ("entered", "left", "time")
    assert end <= left["as_of"]  # the very instant, if the machine is not busy


def test_nothing_is_lost_of_what_is_written_while_it_looks(threaded: Workspace) -> None:
    define(threaded, RECENT, segment(field("country", "equals", "DE"), "germans"), segment(tagged("in", "vip"), "vips"))
    ended = threading.Event()

    def write(seed: int) -> None:
        choose = Random(seed)
        while not ended.is_set():
            with suppress(CallerError):  # somebody may be no more, or two may claim one identity
                write_one(choose, f"c{choose.randrange(12)}@x.example")

    def write_one(choose: Random, email: str) -> None:
        match choose.randrange(12):
            case 0:
                threaded.erase(email)
            case 1:
                threaded.upsert({"email": email, "external_id": str(choose.randrange(12))})
            case 2:
                threaded.tags.add(email, ["vip"])
            case 3:
                threaded.tags.remove(email, ["vip"])
            case number if number < 8:
                threaded.upsert({"email": email, "country": choose.choice(["DE", "US"])})
            case _:
                at = datetime.now(UTC) - timedelta(days=30) + timedelta(seconds=choose.random())
                threaded.events.record({"email": email, "kind": "visit", "occurred_at": at})

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            time.sleep(0.5)
            assert threaded.check().is_clean
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    time.sleep(1.2)  # until the last visits are 30 days old
    assert threaded.wait_until_current(10)
    check_transitions(threaded)
    with threaded._store.computing():
        check_members(threaded)


def test_what_cannot_be_live_says_so(tmp_path: Path) -> None:
    with populace.init(tmp_path / "w") as shop, pytest.raises(CallerError, match="is not live: open it with live=True"):
        shop.wait_until_current()
    with pytest.raises(CallerError, match="only read"):
        populace.open(tmp_path / "w", live=True, read_only=True)
