"""Full recompute of 200 mixed segments over 1 M contacts and 20 M events, beside the same by hand, one by one.

Run: make bench. Prints the time of each phase, then one JSON line. The data are generated once and kept in
benchmarks/data, or where POPULACE_BENCH_DATA says.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import duckdb
import numpy as np

from benchmarks.generated import generated_store
from benchmarks.measuring import machine, peak_memory, scale_parser
from benchmarks.workload import Workload, workload
from engine.definition import Segment, read_segment
from engine.execute import Evaluation, evaluate
from engine.execute.contact_set import ContactIds
from engine.storage import Store
from engine.storage.loading import TimelineOrder
from ingest.generator.dataset import DEFAULT_UNTIL_AT


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with generated_store(arguments.contacts, arguments.events, TimelineOrder(arguments.order)) as store:
        list_ids = sorted(list_id for list_id, deleted_at in store.catalog().lists.items() if deleted_at is None)
        work = workload(arguments.segments, DEFAULT_UNTIL_AT, list_ids)
        segments = [read_segment(item.segment) for item in work]
        evaluation = evaluate(store, segments, as_of=DEFAULT_UNTIL_AT)
        _check_same_members(store, work, evaluation)
        ours: list[float] = []
        by_hand: list[float] = []
        peak_ours = peak_by_hand = 0
        for _ in range(arguments.repeats):
            with peak_memory() as peak:
                seconds, evaluation = _time_ours(store, segments)
            ours.append(seconds)
            peak_ours = max(peak_ours, peak[0])
            with peak_memory() as peak:
                by_hand.append(_time_by_hand(store, work))
            peak_by_hand = max(peak_by_hand, peak[0])
    _print_phases(evaluation)
    print(
        json.dumps(
            {
                "benchmark": "batch",
                "contacts": arguments.contacts,
                "events": arguments.events,
                "segments": len(work),
                "order": arguments.order,
                "repeats": arguments.repeats,
                "ours_seconds": {"median": round(statistics.median(ours), 3), "max": round(max(ours), 3)},
                "by_hand_seconds": {"median": round(statistics.median(by_hand), 3), "max": round(max(by_hand), 3)},
                "by_hand_over_ours": round(statistics.median(by_hand) / statistics.median(ours), 2),
                "ours_peak_mib": peak_ours // 2**20,
                "by_hand_peak_mib": peak_by_hand // 2**20,
                "memberships": sum(members.size for members in evaluation.members.values()),
                **machine(),
            }
        )
    )


def _arguments() -> argparse.Namespace:
    parser = scale_parser(__doc__)
    orders = [order.value for order in TimelineOrder]
    parser.add_argument("--order", choices=orders, default=TimelineOrder.KIND_CONTACT.value)
    return parser.parse_args()


def _check_same_members(store: Store, work: list[Workload], evaluation: Evaluation) -> None:
    """Both ways must find the same contacts before either is timed."""
    cursor = store.cursor()
    for item in work:
        by_hand = np.sort(_contact_ids(cursor, item.sql))
        ours = evaluation.members[str(item.segment["id"])].ids()
        if not np.array_equal(ours, by_hand):
            raise SystemExit(f"{item.segment['id']}: {len(ours)} members, by hand {len(by_hand)}\n{item.sql}")


def _time_ours(store: Store, segments: list[Segment]) -> tuple[float, Evaluation]:
    started = time.perf_counter()
    evaluation = evaluate(store, segments, as_of=DEFAULT_UNTIL_AT)
    return time.perf_counter() - started, evaluation


def _time_by_hand(store: Store, work: list[Workload]) -> float:
    cursor = store.cursor()
    started = time.perf_counter()
    for item in work:
        _contact_ids(cursor, item.sql)
    return time.perf_counter() - started


def _contact_ids(cursor: duckdb.DuckDBPyConnection, sql: str) -> ContactIds:
    contact_ids: ContactIds = cursor.sql(sql).to_arrow_table().column(0).to_numpy()
    return contact_ids


def _print_phases(evaluation: Evaluation) -> None:
    for step in evaluation.step_times:
        print(f"{step.seconds * 1000:8.1f} ms  {step.name}  (for {len(step.segment_ids)} segments)")


if __name__ == "__main__":
    main()
