"""How a full recompute grows with events, contacts and segments: time and peak memory, each in a process of its own.

Run: make bench-growth. The data are generated once and kept in benchmarks/data, or where POPULACE_BENCH_DATA says:
10 GB for 100 M events. Prints a line for each size, as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from benchmarks.batch import applied, computed_anew, copied_store
from benchmarks.generated import generated_store
from benchmarks.measuring import machine, peak_memory, timed
from benchmarks.workload import workload
from engine.storage.loading import TimelineOrder
from ingest.generator.dataset import DEFAULT_UNTIL_AT

SIZES = (
    "50000x1000000x200",
    "250000x5000000x200",
    "1000000x20000000x10",
    "1000000x20000000x50",
    "1000000x20000000x200",
    "1000000x20000000x1000",
    "5000000x100000000x200",
    "10000000x100000000x200",
)
REPEATS = 3


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.one:
        contacts, events, segments = map(int, arguments.one.split("x"))
        print(json.dumps(_measured(contacts, events, segments)))
        return
    for size in arguments.sizes.split(","):
        command = [sys.executable, "-m", "benchmarks.growth", "--one", size]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        print(done.stdout.splitlines()[-1] if done.returncode == 0 else f"{size}: failed", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(SIZES), help="CONTACTSxEVENTSxSEGMENTS, several by comma")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(contacts: int, events: int, segments: int) -> dict[str, object]:
    """The median of some first recomputes, with everybody entering, and the peak of all of them; the data are there."""
    made = timed(lambda: generated_store(contacts, events, TimelineOrder.KIND_CONTACT).close())[0]
    with copied_store(contacts, events, TimelineOrder.KIND_CONTACT) as store:
        applied(store, [item.segment for item in workload(segments, DEFAULT_UNTIL_AT, store.catalog().lists)])
        with peak_memory() as peak:
            turns = [computed_anew(store) for _ in range(REPEATS)]
    _, done = turns[-1]
    return {
        "benchmark": "growth",
        "contacts": contacts,
        "events": events,
        "segments": segments,
        "seconds": round(statistics.median(seconds for seconds, _ in turns), 3),
        "evaluate_seconds": round(done.evaluate_seconds, 3),
        "store_seconds": round(done.store_seconds, 3),
        "peak_mib": peak[0] // 2**20,
        "memberships": sum(item.size for item in done.segments),
        "seconds_to_make_the_data": round(made, 1),
        **machine(),
    }


if __name__ == "__main__":
    main()
