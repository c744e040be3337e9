"""Memberships that follow the data, on a workspace of 1 M contacts, 20 M events and 200 segments.

Run: make bench-live. The workspace is made once and kept in benchmarks/data; a copy of it goes on from the end of the
data. Prints each measurement, then one JSON line.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.generated import DATA, SEED, generated
from benchmarks.measuring import machine, said, scale_parser, timed
from benchmarks.workload import KINDS, TEMPLATES, workload
from engine.definition import read_segment
from engine.execute.live import Live
from engine.execute.live.deadlines import Deadline
from engine.storage.workspace_folder import opened_workspace
from ingest.dataset import open_dataset
from ingest.generator.dataset import DEFAULT_UNTIL_AT
from ingest.workspace import Workspace
from tests.definitions import field, segment

EVENTS_PER_SECOND, UPSERTS_PER_SECOND, LOOKUPS_PER_SECOND = 500, 50, 100
PROBE = segment(field("custom_string_5", "equals", "probe"), "probe")
"""Every upsert lets its contact enter this segment, so that it can be seen when it has."""

EVENT_SENDERS, UPSERT_SENDERS = 64, 8
"""So many threads wait for their writes at the same time, as requests to a server do."""

READ_PAUSE_SECONDS = 0.01


class Clock:
    """Goes on from the end of the data as time does, and jumps when it is told to."""

    def __init__(self) -> None:
        self._begun, self._ahead = time.monotonic(), timedelta(0)

    def __call__(self) -> datetime:
        """Which instant it is now, in UTC."""
        return DEFAULT_UNTIL_AT + self._ahead + timedelta(seconds=time.monotonic() - self._begun)

    def jump(self, ahead: timedelta) -> None:
        """Go on by so much at once."""
        self._ahead += ahead


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    sys.setswitchinterval(0.0005)
    made = prepared(arguments.contacts, arguments.events, arguments.segments)
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        path = Path(folder) / "live"
        shutil.copytree(made, path)
        clock = Clock()
        with _opened(path, clock) as workspace:
            workspace.apply([read_segment(PROBE)])
            live = Live(workspace._store, clock=clock)
            seconds, _ = timed(live.catch_up)
            results |= said({"begin_seconds": round(seconds, 2)})
            results |= _ticks(workspace, live, clock)
            results |= _load(workspace, live, arguments)
            results |= said({"is_sound": workspace.check().is_clean}) if arguments.check else {}
    print(
        json.dumps(
            {
                "benchmark": "live",
                "contacts": arguments.contacts,
                "events": arguments.events,
                "segments": arguments.segments + 1,
                **results,
                **machine(),
            }
        )
    )


def _arguments() -> argparse.Namespace:
    parser = scale_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to write")
    parser.add_argument("--check", action="store_true", help="check the whole workspace at the end")
    return parser.parse_args()


def _opened(path: Path, clock: Callable[[], datetime]) -> Workspace:
    with ExitStack() as stack:
        store = stack.enter_context(opened_workspace(path))
        return Workspace(path, store, stack.pop_all(), clock=clock)


def prepared(contacts: int, events: int, segments: int) -> Path:
    """The workspace with all segments computed; kept for the next time."""
    dataset = generated(contacts, events)
    folder = DATA / f"{contacts}x{events}-{SEED}" / "live"
    if not folder.exists():
        Workspace.create(folder)
        with _opened(folder, lambda: DEFAULT_UNTIL_AT) as workspace:
            workspace.import_dataset(open_dataset(dataset))
    with _opened(folder, lambda: DEFAULT_UNTIL_AT) as workspace:
        for item in workspace.segments():
            workspace.delete_segment(item.segment.id)
        work = workload(segments, DEFAULT_UNTIL_AT, workspace._store.catalog().lists)
        workspace.apply([read_segment(item.segment) for item in work])
        workspace.recompute(DEFAULT_UNTIL_AT)
    return folder


def _ticks(workspace: Workspace, live: Live, clock: Clock) -> dict[str, object]:
    """How long a tick takes after so many contacts were touched, and after a minute in which only time passed."""
    choose, results = random.Random(SEED), dict[str, object]()
    emails = _emails(workspace)
    for touched, repeats in ((1, 15), (1_000, 5), (50_000, 3)):
        seconds = []
        for _ in range(repeats):
            some = choose.sample(emails, touched)
            workspace.upsert_many([{"email": email, "lifetime_value": choose.random() * 900} for email in some])
            workspace.events.record_many([_event(choose, email, clock()) for email in some])
            live_seconds = timed(live.catch_up)[0]
            seconds.append(live_seconds)
        results |= said({f"tick_{touched}_ms": _milliseconds(seconds)})
    single, ordered, contacts = [], [], []
    for _ in range(5):
        clock.jump(timedelta(minutes=1))
        assert live._deadlines is not None
        due = live._deadlines.due(clock())
        every = Deadline(due[-1].at, np.unique(np.concatenate([item.contact_ids for item in due])), frozenset())
        contacts.append(len(every.contact_ids))
        single.append(timed(partial(live._tick, deque([every])))[0])
    for _ in range(3):
        clock.jump(timedelta(minutes=1))
        ordered.append(timed(live.catch_up)[0])
    return results | said(
        {
            "idle_minute_ms": _milliseconds(single),
            "idle_minute_contacts": int(statistics.median(contacts)),
            "idle_minute_in_order_ms": _milliseconds(ordered),
        }
    )


def _load(workspace: Workspace, live: Live, arguments: argparse.Namespace) -> dict[str, object]:
    """Writes at a steady pace: how long until what they change is read, and lookups meanwhile."""
    choose = random.Random(SEED + 1)
    emails = _emails(workspace)
    probed = choose.sample(emails, int(UPSERTS_PER_SECOND * arguments.seconds * 1.2))
    acknowledged: dict[str, float] = {}
    seen: dict[str, float] = {}
    lookups: list[float] = []
    is_over = threading.Event()
    clock = workspace._clock

    def write_events(number: int) -> None:
        mine = random.Random(number)
        _paced(
            EVENTS_PER_SECOND / EVENT_SENDERS,
            arguments.seconds,
            lambda _: workspace.events.record(_event(mine, mine.choice(emails), clock())),
        )

    def upsert(number: int) -> None:
        mine = probed[number::UPSERT_SENDERS]

        def one(place: int) -> None:
            email = mine[place]
            workspace.upsert({"email": email, "custom_string_5": "probe"})
            acknowledged[email] = time.monotonic()

        _paced(UPSERTS_PER_SECOND / UPSERT_SENDERS, arguments.seconds, one)

    def read() -> None:
        last = int(
            workspace._store.rows("SELECT max(first_sequence + left_count + entered_count - 1) FROM transitions")[0][0]
        )
        while not is_over.is_set() or len(seen) < len(acknowledged):
            rows = workspace.transitions(after=last, segment_ids=["probe"])
            now = time.monotonic()
            for sequence, email in rows.select("sequence", "email").rows():
                seen[email], last = now, sequence
            time.sleep(READ_PAUSE_SECONDS)

    def look_up() -> None:
        mine = random.Random(7)

        def one(_: int) -> None:
            email = mine.choice(emails)
            lookups.append(timed(lambda: workspace.segments_of(email))[0])

        _paced(LOOKUPS_PER_SECOND, arguments.seconds, one)

    ticks: list[float] = []
    live._on_tick = lambda done: ticks.append(done.evaluate_seconds + done.store_seconds)
    live.start()
    reader = threading.Thread(target=read)
    reader.start()
    senders = [threading.Thread(target=write_events, args=(number,)) for number in range(EVENT_SENDERS)]
    senders += [threading.Thread(target=upsert, args=(number,)) for number in range(UPSERT_SENDERS)]
    senders.append(threading.Thread(target=look_up))
    began = time.monotonic()
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    ended = time.monotonic()
    current = live.wait_until_current(120)
    backlog = time.monotonic() - ended
    is_over.set()
    reader.join()
    live.close()
    delays = sorted(seen[email] - at for email, at in acknowledged.items())
    return said(
        {
            "upserts": len(delays),
            "seconds_for_all_writes": round(ended - began, 1),
            "write_to_transition_p50_ms": _at(delays, 0.5),
            "write_to_transition_p99_ms": _at(delays, 0.99),
            "backlog_seconds": round(backlog, 3),
            "is_current": current,
            "lookup_p50_ms": _at(sorted(lookups), 0.5),
            "lookup_p99_ms": _at(sorted(lookups), 0.99),
            "ticks": len(ticks),
            "tick_p50_ms": _at(sorted(ticks), 0.5),
            "tick_p99_ms": _at(sorted(ticks), 0.99),
        }
    )


def _event(choose: random.Random, email: str, at: datetime) -> dict[str, object]:
    kind = choose.choice(KINDS)
    return {"email": email, "kind": kind, "occurred_at": at, "template_id": choose.choice(TEMPLATES)}


def _emails(workspace: Workspace) -> list[str]:
    rows = workspace._store.rows("SELECT email FROM contacts WHERE email IS NOT NULL ORDER BY contact_id")
    return [email for (email,) in rows]


def _paced(per_second: float, seconds: float, work: Callable[[int], object]) -> None:
    """Do something at a steady pace; what is late is done at once."""
    started = time.monotonic()
    for number in range(int(per_second * seconds)):
        pause = started + number / per_second - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        work(number)


def _milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds) * 1e3, 1), "most": round(max(seconds) * 1e3, 1)}


def _at(seconds: Sequence[float], share: float) -> float:
    return round(seconds[min(int(len(seconds) * share), len(seconds) - 1)] * 1e3, 1)


if __name__ == "__main__":
    main()
