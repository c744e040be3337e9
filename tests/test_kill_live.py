"""Killed while memberships follow writes: they agree with their transitions, and the next to open catches up.

POPULACE_KILL_ROUNDS asks for more rounds than the few of an ordinary run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import populace
from tests.definitions import branch, events, field, leaf, segment
from tests.test_recompute import check_members, check_transitions

ROOT = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "2"))
SEGMENTS = [
    segment(field("country", "equals", "DE"), "germans"),
    segment(events("visit", "at_least", 2, "in_the_last_days", "30"), "visitors"),
    segment(branch("not", leaf("segment", {"operator": "in", "segment_id": "visitors"})), "strangers"),
]

WORK = """
import os, random, sys, threading
from datetime import UTC, datetime, timedelta
import populace

def writes(shop, seed):
    choose = random.Random(seed)
    while True:
        email = f"c{choose.randrange(300)}@x.example"
        shop.upsert({"email": email, "country": choose.choice(["DE", "US", None])})
        # Some of these are about to leave the last 30 days.
        at = datetime.now(UTC) - timedelta(days=choose.choice([0, 30]), seconds=-choose.random())
        shop.events.record({"email": email, "kind": "visit", "occurred_at": at})

with populace.open(sys.argv[1], live=True) as shop:
    print("begun", flush=True)
    for number in range(3):
        threading.Thread(target=writes, args=(shop, f"{sys.argv[2]}-{number}"), daemon=True).start()
    threading.Event().wait()
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kill") / "live"
    with populace.init(path) as shop:
        shop.apply([populace.read_segment(item) for item in SEGMENTS])
    return path


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_killed_live_workspace_agrees_with_itself_and_catches_up(workspace: Path, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(workspace), str(seed)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(random.Random(seed).uniform(0, 1.5))
    process.kill()
    process.communicate()
    with populace.open(workspace) as shop:
        check_transitions(shop)
        assert shop.check().is_clean
    with populace.open(workspace, live=True) as shop:
        assert shop.wait_until_current(60)
        deadline = time.monotonic() + 60
        while not shop._store.rows("FROM memberships") or shop._store.rows("FROM touched"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with populace.open(workspace) as shop:
        check_transitions(shop)
        check_members(shop)
