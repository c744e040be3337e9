"""Each construct of the language over 1 M contacts and 20 M events, beside the same in SQL by hand.

Run: make bench-language. Both ways must find the same contacts. They take turns, and the fastest run of each counts,
for other work on the machine only ever adds. Prints a table, then one JSON line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypedDict

import numpy as np

from benchmarks.generated import generated_store
from benchmarks.language_constructs import Construct, constructs
from benchmarks.measuring import machine, scale_parser
from engine.definition import read_segment
from engine.execute import evaluate
from engine.execute.contact_set import ContactIds, ContactSet
from engine.storage import Store
from ingest.generator.dataset import DEFAULT_UNTIL_AT

MOST = 1.2


class Row(TypedDict):
    """One construct as it was measured."""

    construct: str
    members: int
    ours_ms: float
    by_hand_ms: float
    ratio: float


def main() -> None:
    """Measure and print."""
    parser = scale_parser(__doc__)
    parser.add_argument("--only", default="", help="only constructs whose name holds this text")
    arguments = parser.parse_args()
    found: list[Row] = []
    print(f"{'construct':28} {'members':>9} {'ours ms':>9} {'by hand ms':>10} {'ratio':>6}")
    with generated_store(arguments.contacts, arguments.events) as store:
        for construct in constructs(DEFAULT_UNTIL_AT):
            if arguments.only in construct.name:
                found.append(_measured(store, construct, arguments.repeats))
    over = [row["construct"] for row in found if row["ratio"] > MOST]
    print(
        json.dumps(
            {
                "benchmark": "language",
                "contacts": arguments.contacts,
                "events": arguments.events,
                "repeats": arguments.repeats,
                "constructs": found,
                "slower_than_by_hand": over,
                **machine(),
            }
        )
    )


def _measured(store: Store, construct: Construct, repeats: int) -> Row:
    segment = read_segment({"id": "s", "timezone": construct.timezone, "tree": construct.leaf})
    cursor = store.cursor()

    def ours() -> ContactSet:
        return evaluate(store, [segment], as_of=DEFAULT_UNTIL_AT).members["s"]

    def by_hand() -> ContactIds:
        contact_ids: ContactIds = cursor.sql(construct.sql).to_arrow_table().column(0).to_numpy()
        return contact_ids

    expected, members = np.sort(by_hand()), ours().ids()
    if not np.array_equal(members, expected):
        raise SystemExit(f"{construct.name}: {len(members)} members, by hand {len(expected)}\n{construct.sql}")
    seconds = [(_seconds(ours), _seconds(by_hand)) for _ in range(repeats)]
    our_best, hand_best = (min(column) for column in zip(*seconds, strict=True))
    ratio = our_best / hand_best
    print(
        f"{construct.name:28} {len(members):9,} {our_best * 1000:9.1f} {hand_best * 1000:10.1f} {ratio:6.2f}",
        flush=True,
    )
    return {
        "construct": construct.name,
        "members": len(members),
        "ours_ms": round(our_best * 1000, 1),
        "by_hand_ms": round(hand_best * 1000, 1),
        "ratio": round(ratio, 2),
    }


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
