"""Single writes on a workspace of 1 M contacts and 20 M events: many threads write, and one reads meanwhile.

Run: make bench-ingest. Every thread waits until its write is durable before it sends the next one. Prints each
measurement, then one JSON line. `--contacts 5000000` asks for another size.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import populace
from benchmarks.measuring import machine
from ingest.workspace import Workspace

SEED = 20
NEW_IN_256 = 26
"""Of the contacts that are written, so many are new; the others are known, and most of their values change."""

EVENT_COUNT = 20_000_000
SEGMENT_COUNT = 50
READ_PAUSE_SECONDS = 0.005

Document = Mapping[str, object]


@dataclass(frozen=True)
class Load:
    """Threads that send batches for a while, and what the targets are (items per second on 2 cores)."""

    name: str
    threads: int
    batch: int
    target_per_second: int


UPSERTS = (
    Load("single upserts, 32 threads", 32, 1, 1_200),
    Load("single upserts, 256 threads", 256, 1, 3_500),
    Load("upserts in batches of 50, 32 threads", 32, 50, 8_000),
    Load("upserts in batches of 10,000, 4 threads", 4, 10_000, 30_000),
)
EVENTS = Load("events in batches of 1,000, 16 threads", 16, 1_000, 80_000)


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    # As a process does that answers people while it takes batches: Python gives a turn after 0.5 ms, not 5.
    sys.setswitchinterval(0.0005)
    folder = Path(tempfile.mkdtemp(prefix="bench-ingest-", dir=arguments.folder))
    results: dict[str, object] = {}
    try:
        _fill(folder / "w", arguments.contacts, arguments.events)
        with populace.open(folder / "w") as workspace:
            _segments(workspace)
            for load in UPSERTS:
                results[load.name] = _measured(workspace, load, arguments.contacts, arguments.seconds)
            started = time.perf_counter()
            workspace.events.record(_event(random.Random(SEED), arguments.contacts))
            results["first event, which reads the ids of all, seconds"] = round(time.perf_counter() - started, 2)
            results[EVENTS.name] = _measured(workspace, EVENTS, arguments.contacts, arguments.seconds)
            print(f"bytes on disk: {sum(path.stat().st_size for path in (folder / 'w').iterdir()):,}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    scale = {"contacts": arguments.contacts, "events": arguments.events}
    print(json.dumps({"benchmark": "ingest", **scale, **results, **machine()}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=EVENT_COUNT)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each load lasts")
    parser.add_argument("--folder", help="where the workspace is made; the machine's temporary folder by default")
    return parser.parse_args()


def _fill(folder: Path, contact_count: int, event_count: int) -> None:
    """A workspace with contacts of known e-mails, phones and external ids, and events."""
    populace.init(folder).close()
    with populace.open(folder) as workspace:
        store = workspace._store
        with store.transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO contacts BY NAME
                SELECT i::INTEGER AS contact_id, (SELECT zone_id FROM zones WHERE name = 'Europe/Berlin') AS zone_id,
                    'user' || i || '@example.com' AS email, 'ext' || i AS external_id,
                    'first' || hash(i) % 1000 AS first_name, 'last' || hash(i + 1) % 5000 AS last_name,
                    '+4915' || (i + 110000000) AS phone, true AS phone_is_valid, 'Europe/Berlin' AS timezone,
                    'de' AS language, 'DE' AS country, 'Street ' || hash(i) % 100 AS address_line_1,
                    'plan' || hash(i) % 7 AS custom_string_1, (hash(i) % 1000)::DOUBLE AS lifetime_value,
                    (hash(i) % 10)::DOUBLE AS orders_count,
                    TIMESTAMP '2026-01-01' + to_hours((i % 1000)::INTEGER) AS last_order_at,
                    TIMESTAMP '2025-01-01' + to_minutes((i % 10000)::INTEGER) AS created_at,
                    TIMESTAMP '2026-01-01' AS updated_at, '{"plan":1}' AS custom_json_1
                FROM range($1) AS t(i)
                """,
                [contact_count],
            )
            for kind in ("email", "phone", "external_id"):
                cursor.execute(f"INSERT INTO identities SELECT '{kind}:' || {kind}, contact_id FROM contacts")
            cursor.execute(
                """
                INSERT INTO timeline BY NAME
                SELECT (hash(i) % $1)::INTEGER AS contact_id,
                    ['insert_message_history', 'open_email', 'click_email'][1 + i % 3] AS kind,
                    TIMESTAMP '2026-01-01' + to_milliseconds(i * 500) AS occurred_at, i AS sequence,
                    'old-' || i AS id, TIMESTAMP '2026-06-01' AS ingested_at
                FROM range($2) AS t(i)
                """,
                [contact_count, event_count],
            )
        store.checkpoint()


def _segments(workspace: Workspace) -> None:
    """Segments, computed once, so that a contact has some to be read."""
    documents = [
        {
            "id": f"opened-{count}-in-{days}",
            "name": "Openers",
            "tree": {
                "kind": "leaf",
                "leaf": {
                    "source": "contact_timeline",
                    "contact_timeline": {
                        "kind": "open_email",
                        "count_operator": "at_least",
                        "count_value": count,
                        "timeframe_operator": "in_the_last_days",
                        "timeframe_values": [str(days)],
                    },
                },
            },
        }
        for count, days in itertools.islice(itertools.product(range(1, 11), (7, 30, 90, 180, 365)), SEGMENT_COUNT)
    ]
    workspace.apply([populace.read_segment(document) for document in documents])
    workspace.recompute(datetime(2026, 6, 1, tzinfo=UTC))


def _measured(workspace: Workspace, load: Load, contact_count: int, seconds: float) -> dict[str, object]:
    """Send a load for a while, with one thread that reads contacts meanwhile."""
    is_event = load is EVENTS
    write = workspace.events.record_many if is_event else workspace.upsert_many
    make = _event if is_event else _contact
    latencies: list[float] = []
    reads: list[float] = []
    counts = [0] * load.threads
    failures: list[str] = []
    ending = threading.Event()

    def send(number: int) -> None:
        rng = random.Random(f"{SEED}-{load.name}-{number}")
        for batch in _batches(make, rng, contact_count, load.batch):
            started = time.perf_counter()
            try:
                if load.batch == 1 and not is_event:
                    workspace.upsert(batch[0])
                else:
                    failures.extend(str(item.error) for item in write(batch) if item.error is not None)
            except populace.PopulaceError as error:
                failures.append(str(error))
            latencies.append(time.perf_counter() - started)
            counts[number] += len(batch)
            if ending.is_set():
                return

    def read() -> None:
        rng = random.Random(SEED)
        while not ending.wait(READ_PAUSE_SECONDS):
            email = f"user{rng.randrange(contact_count)}@example.com"
            started = time.perf_counter()
            workspace.segments_of(email)
            reads.append(time.perf_counter() - started)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(load.threads)]
    threads.append(threading.Thread(target=read))
    with _little_garbage():
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        ending.set()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - started
    if failures:
        raise SystemExit(f"{load.name}: {len(failures)} failed: {failures[0]}")
    found: dict[str, object] = {
        "per_second": round(sum(counts) / elapsed),
        "target_per_second": load.target_per_second,
        "p50_ms": _percentile(latencies, 50),
        "p99_ms": _percentile(latencies, 99),
        "read_p50_ms": _percentile(reads, 50),
        "read_p99_ms": _percentile(reads, 99),
    }
    print(f"{load.name}: {found}", flush=True)
    return found


def _batches(
    make: Callable[[random.Random, int], Document], rng: random.Random, contact_count: int, size: int
) -> Iterator[Sequence[Document]]:
    while True:
        yield [make(rng, contact_count) for _ in range(size)]


def _contact(rng: random.Random, contact_count: int) -> Document:
    """A contact as an application sends it: known by e-mail and external id, ten values.

    All of it comes from one random number: who makes the load takes Python from who is measured.
    """
    bits = rng.getrandbits(64)
    number = bits % contact_count if bits >> 40 & 0xFF >= NEW_IN_256 else contact_count + bits % 10**12
    return {
        "email": f"user{number}@example.com",
        "external_id": f"ext{number}",
        "first_name": f"first{bits >> 8 & 0x3FF}",
        "last_name": f"last{bits >> 12 & 0xFFF}",
        "country": "DE",
        "timezone": "Europe/Berlin",
        "language": "de",
        "lifetime_value": (bits >> 20 & 0xFFFF) / 100,
        "orders_count": bits >> 30 & 7,
        "last_order_at": "2026-06-01T10:00:00Z",
        "custom_json_1": {"plan": bits >> 50 & 3},
    }


_event_numbers = itertools.count()


def _event(rng: random.Random, contact_count: int) -> Document:
    return {
        "email": f"user{rng.getrandbits(32) % contact_count}@example.com",
        "kind": "open_email",
        "occurred_at": "2026-06-01T10:00:00Z",
        "id": f"new-{next(_event_numbers)}",
        "template_id": "t1",
        "properties": {"url": "https://example.com/a"},
    }


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Leave what is there already out of garbage collections."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _percentile(seconds: Sequence[float], percent: float) -> float:
    return round(float(np.percentile(seconds, percent)) * 1000, 1)


if __name__ == "__main__":
    main()
