"""`populace segments plan`, and what `apply` says of a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.console import EXIT_OUR_FAULT, err, finish_undisturbed, out, print_json
from api.cli.options import AsJson, AsOf, Quiet, WorkspaceFolder, as_of_instant
from api.cli.progress import RunProgress
from api.documents.instants import shown_instant
from api.documents.plan import plan_as_json
from engine.definition.words.texts import counted
from engine.execute.planned import AppliedPlan, PlannedSegment, SegmentsPlan
from engine.storage.whole_file import replaced_file
from ingest.segments_file import read_segments
from ingest.workspace import Workspace


def plan(
    workspace: WorkspaceFolder,
    definitions: Annotated[Path, typer.Argument(help="JSON file with an array of segments, or a folder of them.")],
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Keep the plan, for: populace segments apply")
    ] = None,
    sample: Annotated[int, typer.Option(help="How many to show who would enter, and leave.", min=0, max=1_000)] = 3,
    as_of: AsOf = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show who would enter and leave each segment that would change, and why. Nothing is stored.

    Members as last computed are compared with those that the new definitions find. Segments that name one which changes
    are looked at, too.

    Example: populace segments plan shop segments.json --out plan.json
    """
    instant = None if as_of is None else as_of_instant(as_of)
    with Workspace.open(workspace) as opened, RunProgress.on_terminal(quiet=quiet or as_json) as shown:
        read = read_segments(definitions, default_timezone=opened.timezone, fields=opened.fields.of_definitions)
        found = opened.plan(read, as_of=instant, sample_size=sample, on_step=shown.on_step)
        if out_file is not None:
            with replaced_file(out_file) as file:
                file.write(json.dumps(opened.plan_document(found)).encode())
    if as_json:
        print_json(plan_as_json(found))
    else:
        for line in _plan_lines(found):
            out.print(line, soft_wrap=True)
    if out_file is not None and not as_json:
        out.print(f"apply it with: populace segments apply {escape(str(workspace))} {escape(str(out_file))}")
    failed = [item for item in found.segments if item.failure is not None]
    for item in failed:
        err.print(f"[bold red]segment {escape(item.segment_id)} would fail:[/] {escape(str(item.failure))}")
    if failed:
        raise typer.Exit(EXIT_OUR_FAULT)


def apply_plan_file(workspace: Path, plan_file: Path, *, exactly: bool, as_json: bool) -> None:
    """Apply a plan, compute what it moves, and say what was not as planned."""
    with Workspace.open(workspace) as opened:
        done = opened.apply_plan(opened.read_plan(plan_file), exactly=exactly)
        finish_undisturbed()
    if as_json:
        print_json(_applied_as_json(done))
        return
    for item in done.recompute.segments:
        out.print(
            f"{escape(item.segment.id)}  [green]{item.entered:,} entered[/], [red]{item.left:,} left[/], "
            f"{item.size:,} members"
        )
    for surprise in done.surprises:
        out.print(f"[yellow]not as planned:[/] {escape(str(surprise))}")
    if not done.surprises:
        out.print("all as planned")


def _plan_lines(found: SegmentsPlan) -> Iterator[str]:
    """The plan for people, as lines of rich markup."""
    for item in found.segments:
        what = item.change or "names one that changes"
        sizes = f"{item.size:,} -> {item.size_after:,} members"
        moves = f"[green]+{item.entered.size:,}[/] [red]-{item.left.size:,}[/]"
        yield f"[bold]{escape(item.segment_id)}[/]  {what}: {sizes}  {moves}{_since(item)}"
        for move in item.sample:
            verb = "[green]enters[/]" if move.enters else "[red]leaves[/]"
            yield f"  {verb} {escape(move.email)}  [dim]{escape(move.reason)}[/]"
        hidden = item.entered.size + item.left.size - len(item.sample)
        if hidden > 0:
            yield f"  and {hidden:,} more"
    if found.unchanged:
        yield f"{counted(len(found.unchanged), 'segment')} unchanged"
    yield f"at {shown_instant(found.as_of)}; nothing was stored"


def _since(item: PlannedSegment) -> str:
    """Since when other things than the definition may have moved members, too."""
    if item.members_as_of is None:
        return "  [dim](never computed)[/]"
    return f"  [dim](since {shown_instant(item.members_as_of)})[/]"


def _applied_as_json(done: AppliedPlan) -> dict[str, object]:
    return {
        "as_of": shown_instant(done.recompute.as_of),
        "applied": [{"id": item.segment.id, "change": item.change, "version": item.version} for item in done.applied],
        "segments": [
            {"id": item.segment.id, "entered": item.entered, "left": item.left, "size": item.size}
            for item in done.recompute.segments
        ],
        "surprises": [
            {
                "id": item.segment_id,
                "also_entered": item.also_entered,
                "also_left": item.also_left,
                "not_entered": item.not_entered,
                "not_left": item.not_left,
            }
            for item in done.surprises
        ],
    }
