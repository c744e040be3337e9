"""`populace preview`: what a definition would find in a workspace, without keeping anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import EXIT_OUR_FAULT, err, out, print_json, print_table
from api.cli.options import AsJson, AsOf, Quiet, WorkspaceFolder, as_of_instant
from api.cli.progress import RunProgress
from api.cli.reports import share_of
from api.documents.instants import exactness, shown_exactness, shown_instant
from ingest.segment_methods import Preview
from ingest.segments_file import read_segments
from ingest.workspace import Workspace


def preview(
    workspace: WorkspaceFolder,
    definitions: Annotated[Path, typer.Argument(help="JSON file with one segment or an array, or a folder of them.")],
    as_of: AsOf = None,
    sample: Annotated[int, typer.Option(help="How many members to show of each segment.", min=0, max=10_000)] = 10,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show how many members the segments of a file would have, and some of them. Nothing is stored.

    As of an instant that has passed, contacts are as they were then.

    Example: populace preview shop draft.json
    """
    instant = as_of_instant(as_of)
    with (
        Workspace.open(workspace, read_only=True) as opened,
        RunProgress.on_terminal(quiet=quiet or as_json) as shown,
    ):
        read = read_segments(definitions, default_timezone=opened.timezone, fields=opened.fields.of_definitions)
        found = opened.preview(read, as_of=instant, sample_size=sample, on_step=shown.on_step)
    if as_json:
        print_json(preview_as_json(found))
    else:
        print_preview(found)
    failed = {item.segment.id: item.failure for item in found.segments if item.failure is not None}
    for segment_id, reason in failed.items():
        err.print(f"[bold red]segment {escape(segment_id)} failed:[/] {escape(reason)}", soft_wrap=True)
    if failed:
        raise typer.Exit(EXIT_OUR_FAULT)


def print_preview(found: Preview) -> None:
    """The table of segments with their samples."""
    at, how = shown_instant(found.as_of), exactness(found.as_of, found.exact_since)
    over = f"over {found.contact_count:,} contacts"
    out.print(f"[italic]Preview at {at} ({how}), {over}; nothing is stored[/]", soft_wrap=True)
    table = Table()
    table.add_column("segment")
    table.add_column("size", justify="right")
    table.add_column("share", justify="right")
    table.add_column("some of them")
    for item in found.segments:
        share = "[red]failed[/]" if item.failure is not None else share_of(item.size, found.contact_count)
        table.add_row(escape(item.segment.id), f"{item.size:,}", share, escape("\n".join(item.sample)))
    print_table(table)


def preview_as_json(found: Preview) -> dict[str, object]:
    """The same for programs."""
    return {
        "as_of": shown_instant(found.as_of),
        **shown_exactness(found.as_of, found.exact_since),
        "contact_count": found.contact_count,
        "segments": [
            {"id": item.segment.id, "size": item.size, "sample": item.sample}
            for item in found.segments
            if item.failure is None
        ],
        "failed": {item.segment.id: item.failure for item in found.segments if item.failure is not None},
    }
