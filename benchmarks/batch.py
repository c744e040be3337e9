"""Full recompute of 200 mixed segments over 1 M contacts and 20 M events, beside other engines, one segment at a time.

Run: make bench. All must find the same members before any is timed. Then each takes its turn, as often as asked: ours
stores members and transitions, with everybody entering; the others give contact ids. Prints the time of each phase,
then one JSON line. The data are generated once and kept in benchmarks/data, or where POPULACE_BENCH_DATA says.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np

from benchmarks.generated import DATA, SEED, generated_store
from benchmarks.measuring import machine, peak_memory, said, scale_parser, timed
from benchmarks.peers.clickhouse import filled_clickhouse
from benchmarks.peers.duckdb_by_hand import DuckDbByHand
from benchmarks.peers.peer import Peer
from benchmarks.peers.polars_lazy import PolarsLazy
from benchmarks.peers.postgres import filled_postgres
from benchmarks.workload import Json, Workload, on_the_same_conditions, workload
from engine.definition import read_segment
from engine.execute.contact_set import ContactSet
from engine.execute.recompute import Recompute, recompute
from engine.storage import Store
from engine.storage.loading import TimelineOrder
from engine.storage.segments import apply_segments, stored_segments
from ingest.generator.dataset import DEFAULT_UNTIL_AT

PEERS = ("duckdb", "clickhouse", "polars", "postgres")

SCANNED = {
    "timeline": "contact_id, kind, occurred_at, template_id",
    "custom_events": "contact_id, goal_type, occurred_at, goal_value, deleted_at, superseded_at",
    "subscriptions": "contact_id, list_id, status",
    "contacts": "contact_id, country, language, first_name, lifetime_value, orders_count, phone, job_title",
}
"""The columns that the segments touch."""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with ExitStack() as stack:
        store = stack.enter_context(copied_store(arguments.contacts, arguments.events, TimelineOrder(arguments.order)))
        work = workload(arguments.segments, DEFAULT_UNTIL_AT, store.catalog().lists)
        applied(store, [item.segment for item in work])
        peers = [stack.enter_context(_peer(name, store, arguments)) for name in arguments.peers.split(",") if name]
        members = {item.segment.id: item.members for item in computed_anew(store)[1].segments}
        for peer in peers:
            _check_same_members(peer, work[: _count_of(peer, work, arguments)], members)
        results = _turns(store, peers, work, arguments)
        results |= said(_further_segments(store, work, arguments.repeats))
    sizes = {"contacts": arguments.contacts, "events": arguments.events, "segments": len(work)}
    chosen = {"order": arguments.order, "repeats": arguments.repeats}
    print(json.dumps({"benchmark": "batch", **sizes, **chosen, **results, **machine()}))


def _arguments() -> argparse.Namespace:
    parser = scale_parser(__doc__)
    orders = [order.value for order in TimelineOrder]
    parser.add_argument("--order", choices=orders, default=TimelineOrder.KIND_CONTACT.value)
    parser.add_argument("--peers", default="duckdb,clickhouse,polars", help=f"some of {','.join(PEERS)}, or nothing")
    parser.add_argument("--postgres-segments", type=int, default=20, help="it takes seconds for each")
    return parser.parse_args()


@contextmanager
def copied_store(contacts: int, events: int, order: TimelineOrder) -> Iterator[Store]:
    """The generated store, in a copy that is written to."""
    made = generated_store(contacts, events, order)
    made.close()
    copy = made.path.with_suffix(".batch")
    shutil.copyfile(made.path, copy)
    try:
        with Store.open(copy) as store:
            yield store
    finally:
        for file in copy.parent.glob(f"{copy.name}*"):
            file.unlink()


@contextmanager
def _peer(name: str, store: Store, arguments: argparse.Namespace) -> Iterator[Peer]:
    scratch = DATA / f"{arguments.contacts}x{arguments.events}-{SEED}" / f"scratch-{name}"
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"filling {name}", file=sys.stderr, flush=True)
    match name:
        case "duckdb":
            yield DuckDbByHand(store)
        case "polars":
            yield PolarsLazy(store)
        case "clickhouse":
            with filled_clickhouse(store, scratch) as clickhouse:
                yield clickhouse
        case "postgres":
            with filled_postgres(store) as postgres:
                yield postgres
        case _:
            raise SystemExit(f"--peers: {name!r} is none of {', '.join(PEERS)}")


def applied(store: Store, segments: Sequence[Json]) -> None:
    """Keep segments in a store."""
    apply_segments(store, [read_segment(item) for item in segments], applied_at=DEFAULT_UNTIL_AT)


def _check_same_members(peer: Peer, work: Sequence[Workload], members: Mapping[str, ContactSet]) -> None:
    for item in work:
        theirs, ours = np.sort(peer.contact_ids(item)), members[str(item.segment["id"])].ids()
        if not np.array_equal(ours, theirs):
            raise SystemExit(f"{item.segment['id']}: {len(ours)} members, {peer.name} has {len(theirs)}\n{item}")


def _turns(
    store: Store, peers: Sequence[Peer], work: Sequence[Workload], arguments: argparse.Namespace
) -> dict[str, object]:
    """Everybody's turn, as often as asked."""
    ours, scans, phases = [], [], []
    theirs: dict[str, list[float]] = {peer.name: [] for peer in peers}
    peaks: dict[str, int] = {}
    for _ in range(arguments.repeats):
        with peak_memory() as peak:
            seconds, done = computed_anew(store)
        ours.append(seconds)
        phases.append((done.evaluate_seconds, done.store_seconds))
        peaks["ours"] = max(peaks.get("ours", 0), peak[0])
        scans.append(_scanned(store))
        for peer in peers:
            if peer.name == "postgres" and theirs[peer.name]:
                continue
            mine = work[: _count_of(peer, work, arguments)]
            with peak_memory() as peak:
                seconds, _ = timed(lambda: [peer.contact_ids(item) for item in mine])  # noqa: B023 - called at once
            theirs[peer.name].append(seconds / len(mine))
            peaks[peer.name] = max(peaks.get(peer.name, 0), peak[0])
    for step in done.step_times:
        print(f"{step.seconds * 1000:8.1f} ms  {step.name}  (for {len(step.segment_ids)} segments)")
    middle, scan = statistics.median(ours), statistics.median(scans)
    results: dict[str, object] = {
        "ours_seconds": round(middle, 3),
        "ours_evaluate_seconds": round(statistics.median(phase[0] for phase in phases), 3),
        "ours_store_seconds": round(statistics.median(phase[1] for phase in phases), 3),
        "memberships": sum(item.size for item in done.segments),
        "scan_seconds": round(scan, 3),
        "ours_over_scan": round(middle / scan, 1),
    }
    for name, turns in theirs.items():
        each = statistics.median(turns)
        results[f"{name}_seconds_per_segment"] = round(each, 4)
        results[f"{name}_over_ours"] = round(each * len(work) / middle, 1)
    results["peak_mib"] = {name: peak // 2**20 for name, peak in peaks.items()}
    return said(results)


def _count_of(peer: Peer, work: Sequence[Workload], arguments: argparse.Namespace) -> int:
    return arguments.postgres_segments if peer.name == "postgres" else len(work)


def computed_anew(store: Store) -> tuple[float, Recompute]:
    """The first recompute of all segments: everybody enters."""
    with store.transaction() as cursor:
        cursor.execute("DELETE FROM memberships")
        cursor.execute("DELETE FROM transitions")
    store.membership_change_count += 1
    with store.held_still():
        pass  # what was deleted is written out before anything is timed
    return timed(lambda: recompute(store, as_of=lambda: DEFAULT_UNTIL_AT, clock=lambda: DEFAULT_UNTIL_AT))


def _scanned(store: Store) -> float:
    """The seconds for merely reading the touched columns once."""
    cursor = store.cursor()

    def scan() -> None:
        for table, columns in SCANNED.items():
            cursor.execute(f"SELECT max(hash({columns})) FROM {table}").fetchall()

    return timed(scan)[0]


def _further_segments(store: Store, work: Sequence[Workload], repeats: int) -> dict[str, object]:
    """What a segment more costs whose conditions others ask for already."""
    before = statistics.median(computed_anew(store)[0] for _ in range(repeats))
    more = on_the_same_conditions(work, len(work))
    applied(store, more)
    after = statistics.median(computed_anew(store)[0] for _ in range(repeats))
    assert len(stored_segments(store)) == len(work) + len(more)
    return {"further_segment_ms": round((after - before) / len(more) * 1000, 2)}


if __name__ == "__main__":
    main()
