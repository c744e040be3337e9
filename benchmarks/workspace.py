"""A workspace of 1 M contacts, 20 M events and 200 segments: import, recompute, members, one contact, SQL, explain.

Run: make bench-workspace. Prints each measurement, then one JSON line. The data are generated once and kept in
benchmarks/data, or where POPULACE_BENCH_DATA says.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.generated import DATA, SEED, generated
from benchmarks.measuring import machine, peak_memory, said, scale_parser, spread, timed
from benchmarks.workload import workload
from engine.definition import read_segment
from engine.execute import Evaluation, evaluate
from engine.execute.publish import published_file
from engine.storage.segments import stored_segments
from ingest.dataset import open_dataset
from ingest.generator.dataset import DEFAULT_UNTIL_AT
from ingest.workspace import Workspace

IMPORT_MEMORY_BYTES = 2 * 2**30
LOOKUPS = 2_000
EXPLANATIONS = 400
QUESTION = 'SELECT country, count(*) FROM segment."{segment}" GROUP BY 1'


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    dataset = generated(arguments.contacts, arguments.events)
    folder = DATA / f"{arguments.contacts}x{arguments.events}-{SEED}" / "workspace"
    results: dict[str, object] = {}
    if not arguments.keep or not folder.exists():
        results |= _import(folder, dataset)
    with Workspace.open(folder) as workspace:
        work = workload(arguments.segments, DEFAULT_UNTIL_AT, workspace._store.catalog().lists)
        workspace.apply([read_segment(item.segment) for item in work])
        results |= _recompute(workspace, arguments.repeats)
        results |= _read(workspace, folder, str(work[0].segment["id"]), arguments.repeats)
        results |= _explain(workspace)
    print(
        json.dumps(
            {
                "benchmark": "workspace",
                "contacts": arguments.contacts,
                "events": arguments.events,
                "segments": len(work),
                "repeats": arguments.repeats,
                **results,
                **machine(),
            }
        )
    )


def _arguments() -> argparse.Namespace:
    parser = scale_parser(__doc__)
    parser.add_argument("--keep", action="store_true", help="use the workspace of the last run; measures no import")
    return parser.parse_args()


def _import(folder: Path, dataset: Path) -> dict[str, object]:
    """Import into a new workspace, then the same once more."""
    shutil.rmtree(folder, ignore_errors=True)
    Workspace.create(folder)
    with peak_memory() as peak, Workspace.open(folder, memory_bytes=IMPORT_MEMORY_BYTES) as workspace:
        first_seconds, report = timed(lambda: workspace.import_dataset(open_dataset(dataset)))
        again_seconds, again = timed(lambda: workspace.import_dataset(open_dataset(dataset)))
    if again.has_changes:
        raise SystemExit("the second import changed something")
    row_count = sum(table.read for table in report.read.tables.values())
    return said(
        {
            "import_seconds": round(first_seconds, 1),
            "import_rows_per_second": round(row_count / first_seconds),
            "import_again_seconds": round(again_seconds, 1),
            "import_peak_mib": peak[0] // 2**20,
        }
    )


def _recompute(workspace: Workspace, repeats: int) -> dict[str, object]:
    """First computations, with everybody entering, beside the evaluation alone; then ones that find nothing new."""
    store = workspace._store
    segments = [stored.segment for stored in stored_segments(store).values()]

    def evaluated() -> Evaluation:
        return evaluate(store, segments, as_of=DEFAULT_UNTIL_AT)

    alone, first, again = [], [], []
    for _ in range(repeats):
        with store.transaction() as cursor:
            cursor.execute("DELETE FROM memberships")
            cursor.execute("DELETE FROM transitions")
        with store.held_still():
            pass  # what was deleted is written out before anything is timed
        seconds, evaluation = timed(evaluated)
        alone.append(seconds)
        seconds, _ = timed(lambda: workspace.recompute(DEFAULT_UNTIL_AT))
        first.append(seconds)
        seconds, result = timed(lambda: workspace.recompute(DEFAULT_UNTIL_AT))
        again.append(seconds)
        if any(item.entered or item.left for item in result.segments):
            raise SystemExit("the second recompute found a change")
    for name, members in evaluation.members.items():
        if not np.array_equal(members.bits, workspace._read_memberships()[name].members.bits):
            raise SystemExit(f"{name}: the stored members are not those that the evaluation finds")
    return said(
        {
            "evaluate_seconds": spread(alone),
            "recompute_seconds": spread(first),
            "recompute_over_evaluate": round(statistics.median(first) / statistics.median(alone), 2),
            "recompute_unchanged_seconds": spread(again),
            "memberships": sum(item.size for item in evaluation.members.values()),
        }
    )


def _read(workspace: Workspace, folder: Path, segment_id: str, repeats: int) -> dict[str, object]:
    """Members as Parquet, the segments of single contacts, and one question in SQL."""
    store = workspace._store
    size = workspace.segment(segment_id).size
    target = folder.parent / "members.parquet"
    members = [
        timed(lambda: pq.write_table(workspace.members(segment_id).to_arrow(), target))[0] for _ in range(repeats)
    ]
    if pq.read_metadata(target).num_rows != size:
        raise SystemExit("the file does not hold the members")
    emails = [email for (email,) in store.cursor().execute("SELECT email FROM contacts").fetchall()]
    asked = random.Random(SEED).choices(emails, k=LOOKUPS)
    lookups = [timed(partial(workspace.segments_of, email))[0] for email in asked]
    publish_seconds, _ = timed(lambda: published_file(store))
    engine, whole = [], []
    for _ in range(repeats):
        seconds, result = timed(partial(_asked, workspace, QUESTION.format(segment=segment_id)))
        engine.append(result[0])
        whole.append(seconds)
        if result[1] != size:
            raise SystemExit(f"SQL counts {result[1]} members, there are {size}")
    target.unlink()
    return said(
        {
            "members_parquet_seconds": spread(members),
            "members": size,
            "contact_segments_ms": {
                "median": round(statistics.median(lookups) * 1000, 2),
                "p99": round(float(np.percentile(lookups, 99)) * 1000, 2),
                "max": round(max(lookups) * 1000, 2),
            },
            "sql_publish_seconds": round(publish_seconds, 2),
            "sql_engine_ms": {name: round(value * 1000, 1) for name, value in spread(engine).items()},
            "sql_whole_seconds": spread(whole),
        }
    )


def _explain(workspace: Workspace) -> dict[str, object]:
    """Explanations of contacts for segments drawn at random, and of the contact with the most events.

    As of the recompute, an instant that has passed, they are compared with its members; then they are timed as of now.
    """
    choose, memberships = random.Random(SEED), workspace._read_memberships()
    rows = workspace._store.rows("SELECT email, contact_id FROM contacts ORDER BY contact_id")
    ((busiest,),) = workspace._store.rows("SELECT mode(contact_id) FROM timeline")
    results: dict[str, object] = {}
    for name, asked in (
        ("explain_ms", choose.choices(rows, k=EXPLANATIONS)),
        ("explain_busiest_ms", [row for row in rows if row[1] == busiest] * (EXPLANATIONS // 10)),
    ):
        seconds = []
        for email, contact_id in asked:
            segment_id = choose.choice(sorted(memberships))
            found = workspace.explain(segment_id, email, as_of=DEFAULT_UNTIL_AT)
            seconds.append(timed(partial(workspace.explain, segment_id, email))[0])
            if found.is_member != memberships[segment_id].members.has(contact_id):
                raise SystemExit(f"{email} is explained to be in {segment_id}, or not, against its members")
        results[name] = {
            "median": round(statistics.median(seconds) * 1000, 1),
            "p99": round(float(np.percentile(seconds, 99)) * 1000, 1),
        }
    return said(results)


def _asked(workspace: Workspace, question: str) -> tuple[float, int]:
    """The seconds within the engine, and the sum of the counts."""
    with workspace.query(question) as result:
        total = sum(pc.sum(batch.column(1)).as_py() for batch in result.batches())
    return result.engine_seconds or 0.0, int(total)


if __name__ == "__main__":
    main()
