"""`populace segments`: the segments that a workspace keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import finish_undisturbed, out, print_json, print_table
from api.cli.options import AsJson, WorkspaceFolder
from api.cli.segments_plan import apply_plan_file, plan
from api.documents.instants import shown_instant
from engine.definition.lint import lint as lint_tree
from engine.definition.words import describe
from engine.definition.words.texts import counted
from engine.storage.segments import Change
from ingest.plan_file import is_plan_file
from ingest.segment_methods import SegmentState
from ingest.segments_file import read_segments
from ingest.workspace import Workspace

segments = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Keep, list, show and delete segments.")

SegmentId = Annotated[str, typer.Argument(help="Id of the segment.", metavar="SEGMENT")]
segments.command()(plan)
_STYLES = {Change.NEW: "green", Change.CHANGED: "yellow", Change.UNCHANGED: "dim"}


@segments.command()
def apply(
    workspace: WorkspaceFolder,
    definitions: Annotated[
        Path,
        typer.Argument(help="JSON file with an array of segments, a folder of them, or a plan: see segments plan."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    exactly: Annotated[
        bool, typer.Option("--exactly", help="Of a plan: store nothing if anybody moves otherwise than planned.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Keep the segments of a file or folder: all of them, or none if one is not valid.

    What is new or means something else becomes the next version. Segments of the workspace that the file does not have
    stay as they are. Members are computed by the next `populace recompute`; of a plan, at once, and who moved otherwise
    than was planned is said.

    Example: populace segments apply shop segments.json
    """
    is_plan = is_plan_file(definitions)
    if exactly and not is_plan:
        raise typer.BadParameter(f"{definitions} is no plan; make one with: populace segments plan --out FILE")
    if is_plan:
        if dry_run:
            raise typer.BadParameter("a plan says already what would change: see populace segments plan")
        apply_plan_file(workspace, definitions, exactly=exactly, as_json=as_json)
        return
    with Workspace.open(workspace) as opened:
        read = read_segments(definitions, default_timezone=opened.timezone, fields=opened.fields.of_definitions)
        applied = opened.apply(read, dry_run=dry_run)
        finish_undisturbed()
    if as_json:
        print_json([{"id": item.segment.id, "change": item.change, "version": item.version} for item in applied])
        return
    for item in applied:
        out.print(f"[{_STYLES[item.change]}]{item.change:<9}[/]  {escape(item.segment.id)}  version {item.version}")
    counts = ", ".join(f"{sum(item.change is change for item in applied):,} {change}" for change in Change)
    out.print(f"{counts}; nothing was stored" if dry_run else counts)


@segments.command(name="list")
def list_segments(workspace: WorkspaceFolder, as_json: AsJson = False) -> None:
    """List the segments of a workspace, with their sizes as last computed."""
    with Workspace.open(workspace, read_only=True) as opened:
        states = opened.segments()
    if as_json:
        print_json([_as_json(state) for state in states])
        return
    table = Table()
    for heading, justify in (("segment", "left"), ("name", "left"), ("version", "right"), ("status", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    table.add_column("size", justify="right")
    table.add_column("as of")
    for state in states:
        size = "" if state.size is None else f"{state.size:,}"
        as_of = "" if state.as_of is None else shown_instant(state.as_of)
        segment = state.segment
        table.add_row(escape(segment.id), escape(segment.name), str(state.version), state.status, size, as_of)
    if states:
        print_table(table)
    else:
        out.print("no segments yet; apply some with: populace segments apply")


@segments.command()
def show(workspace: WorkspaceFolder, segment: SegmentId, as_json: AsJson = False) -> None:
    """Show one segment: its definition, in words and as JSON, and what is known of its members."""
    with Workspace.open(workspace, read_only=True) as opened:
        state = opened.segment(segment)
    if as_json:
        print_json(
            {
                **_as_json(state),
                "in_words": describe(state.segment.tree),
                "definition": json.loads(state.segment.document),
            }
        )
        return
    out.print(f"[bold]{escape(state.segment.id)}[/]  version {state.version}, {state.status}")
    if state.size is not None and state.as_of is not None:
        out.print(f"{state.size:,} members as of {shown_instant(state.as_of)}")
    if state.failure is not None:
        out.print(f"failed: {escape(state.failure)}")
    out.print(escape(describe(state.segment.tree)), highlight=False)
    out.print_json(state.segment.document)


@segments.command()
def history(workspace: WorkspaceFolder, segment: SegmentId, as_json: AsJson = False) -> None:
    """Show how the size of a segment developed, and why: a line for each time and cause that changed its members.

    Who they were: `populace transitions --segment`.

    Example: populace segments history shop vip
    """
    with Workspace.open(workspace, read_only=True) as opened:
        changes = opened.size_history(segment)
    if as_json:
        print_json(
            [
                {
                    "recorded_at": shown_instant(item.recorded_at),
                    "as_of": shown_instant(item.as_of),
                    "version": item.version,
                    "cause": item.cause,
                    "entered": item.entered,
                    "left": item.left,
                    "size": item.size,
                }
                for item in changes
            ]
        )
        return
    table = Table()
    for heading in ("recorded at", "as of", "version", "cause", "entered", "left", "size"):
        table.add_column(heading, justify="right" if heading in ("version", "entered", "left", "size") else "left")
    for item in changes:
        counts = (f"{number:,}" for number in (item.entered, item.left, item.size))
        instants = (shown_instant(item.recorded_at), shown_instant(item.as_of))
        table.add_row(*instants, str(item.version), item.cause or "unknown", *counts)
    if changes:
        print_table(table)
    else:
        out.print("nobody entered yet; members are computed by: populace recompute")


@segments.command()
def lint(
    definitions: Annotated[Path, typer.Argument(help="JSON file with an array of segments, or a folder of them.")],
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="Workspace whose custom fields and time zone the segments use.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Warn of segments that are valid and yet hardly meant: always or never true, contradictory, with a part twice.

    What it says is certain, whatever the data are. Ends with 1 if there is anything to say.

    Example: populace segments lint segments.json
    """
    if workspace is None:
        read = read_segments(definitions)
    else:
        with Workspace.open(workspace, read_only=True) as opened:
            read = read_segments(definitions, default_timezone=opened.timezone, fields=opened.fields.of_definitions)
    warnings = [(segment.id, warning) for segment in read for warning in lint_tree(segment.tree)]
    if as_json:
        print_json([{"id": name, "part": item.part, "problem": item.problem} for name, item in warnings])
    else:
        for name, item in warnings:
            out.print(f"[bold]{escape(name)}[/]  {escape(str(item))}", highlight=False, soft_wrap=True)
        out.print(f"{counted(len(read), 'segment')}, {counted(len(warnings), 'warning')}")
    if warnings:
        raise typer.Exit(1)


@segments.command()
def delete(workspace: WorkspaceFolder, segment: SegmentId) -> None:
    """Delete a segment: its members leave it. Its definitions stay on record."""
    with Workspace.open(workspace) as opened:
        opened.delete_segment(segment)
        finish_undisturbed()
    out.print(f"deleted {escape(segment)}")


def _as_json(state: SegmentState) -> dict[str, object]:
    return {
        "id": state.segment.id,
        "name": state.segment.name,
        "color": state.segment.color,
        "timezone": state.segment.timezone,
        "version": state.version,
        "applied_at": shown_instant(state.applied_at),
        "status": state.status,
        "size": state.size,
        "as_of": None if state.as_of is None else shown_instant(state.as_of),
        "failure": state.failure,
    }
