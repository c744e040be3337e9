"""`populace recompute`: who is in which segment of a workspace, and who entered and left."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import EXIT_OUR_FAULT, err, finish_undisturbed, out, print_json, print_table
from api.cli.options import (
    AsJson,
    AsOf,
    MemoryLimit,
    Quiet,
    WorkspaceFolder,
    as_of_instant,
    memory_bytes,
)
from api.cli.progress import RunProgress
from api.cli.reports import share_of
from api.documents.instants import exactness, shown_exactness, shown_instant
from engine.definition.words.texts import counted
from engine.execute.recompute import Recompute
from ingest.workspace import Workspace


def recompute(
    workspace: WorkspaceFolder,
    as_of: AsOf = None,
    full: Annotated[bool, typer.Option("--full", help="Look at every contact: the members are the same.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Say what each step took.")] = False,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compute all segments of a workspace at one instant, and keep who is in, who entered and who left.

    Only those contacts are looked at of whom something was written since, or whom time may have moved.
    Example: populace recompute shop
    """
    instant = as_of_instant(as_of)
    with (
        Workspace.open(workspace, memory_bytes=memory_bytes(memory_limit)) as opened,
        RunProgress.on_terminal(quiet=quiet or as_json) as shown,
    ):
        result = opened.recompute(instant, in_full=full, on_step=shown.on_step)
        finish_undisturbed()
    if as_json:
        print_json(recompute_as_json(result))
    else:
        print_recompute(result)
        if profile:
            print_profile(result)
    if result.failed:
        raise typer.Exit(EXIT_OUR_FAULT)


def print_recompute(result: Recompute) -> None:
    """The table of segments, and what it took."""
    table = Table(title=f"Segments at {shown_instant(result.as_of)}", title_justify="left")
    table.add_column("segment")
    for heading in ("size", "share", "entered", "left", "time"):
        table.add_column(heading, justify="right")
    for item in result.segments:
        name = escape(item.segment.id)
        if item.failure is not None:
            table.add_row(name, f"{item.size:,}", "[red]failed[/]", "", "", "")
            continue
        share, time = share_of(item.size, result.contact_count), f"{item.seconds * 1000:,.0f} ms"
        table.add_row(name, f"{item.size:,}", share, f"{item.entered:,}", f"{item.left:,}", time)
    if result.segments:
        print_table(table)
    else:
        out.print("no segments yet; apply some with: populace segments apply")
    out.print(
        f"{counted(len(result.segments), 'segment')} over {counted(result.contact_count, 'contact')} "
        f"({exactness(result.as_of, result.exact_since)}): "
        f"{_looked_at(result)}computed in {result.evaluate_seconds:.2f} s, stored in {result.store_seconds:.2f} s",
        soft_wrap=True,
    )
    for segment_id, reason in result.failed.items():
        err.print(f"[bold red]segment {escape(segment_id)} failed:[/] {escape(reason)}", soft_wrap=True)


def _looked_at(result: Recompute) -> str:
    """How many contacts were enough for how many segments, where that were not all."""
    count = sum(item.in_full is None for item in result.segments)
    if not count:
        return ""
    return f"{counted(result.candidate_count, 'contact')} looked at for {counted(count, 'segment')}, "


def print_profile(result: Recompute) -> None:
    """What each step took, and why segments were evaluated for everybody."""
    table = Table(title="Steps", title_justify="left")
    table.add_column("step")
    for heading in ("time", "segments"):
        table.add_column(heading, justify="right")
    for step in sorted(result.step_times, key=lambda step: -step.seconds):
        table.add_row(escape(step.name), f"{step.seconds * 1000:,.1f} ms", f"{len(step.segment_ids):,}")
    print_table(table)
    reasons = Counter(item.in_full for item in result.segments if item.in_full is not None)
    for reason, count in reasons.most_common():
        out.print(f"{counted(count, 'segment')} in full: {escape(reason)}", soft_wrap=True)


def recompute_as_json(result: Recompute) -> dict[str, object]:
    """The same for programs. Units: seconds; `share` is a ratio, null without contacts."""
    return {
        "as_of": shown_instant(result.as_of),
        **shown_exactness(result.as_of, result.exact_since),
        "contact_count": result.contact_count,
        "candidate_count": result.candidate_count,
        "segments": [
            {
                "id": item.segment.id,
                "name": item.segment.name,
                "size": item.size,
                "share": item.size / result.contact_count if result.contact_count else None,
                "entered": item.entered,
                "left": item.left,
                "seconds": round(item.seconds, 6),
                "in_full": item.in_full,
            }
            for item in result.segments
            if item.failure is None
        ],
        "failed": dict(result.failed),
        "steps": [{"name": step.name, "seconds": round(step.seconds, 6)} for step in result.step_times],
        "evaluate_seconds": round(result.evaluate_seconds, 6),
        "store_seconds": round(result.store_seconds, 6),
    }
