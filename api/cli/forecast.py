"""`populace forecast`: the size of a segment over the next days, if nothing else happens."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import out, print_json, print_table
from api.cli.options import AsJson, AsOf, Quiet, WorkspaceFolder, as_of_instant
from api.cli.progress import progress_bar
from api.cli.reports import share_of
from api.documents.instants import exactness, shown_exactness, shown_instant
from engine.errors import OutputError
from engine.execute.export import MEMBER_FORMATS, format_of, writer_of
from engine.execute.forecast import FORECAST_SCHEMA, MOST_DAYS, Forecast, forecast_batch
from engine.storage.whole_file import replaced_file
from ingest.workspace import Workspace


def forecast(
    workspace: WorkspaceFolder,
    segment: Annotated[str, typer.Argument(help="Id of the segment.", metavar="SEGMENT")],
    days: Annotated[int, typer.Option(help="How many days to look ahead.", min=1, max=MOST_DAYS)] = 30,
    as_of: AsOf = None,
    file_format: Annotated[
        Literal["table", "csv", "jsonl", "parquet"] | None,
        typer.Option("--format", help="By the ending of --out if not given, else table."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of standard output.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show how many members a segment will have if nothing else happens: now, and at the start of the next days.

    Each size is what a recompute at that instant would find. Days start in the segment's time zone, or in the
    workspace's where each contact has its own.

    Example: populace forecast shop vip --days 7
    """
    instant = as_of_instant(as_of)
    name = file_format or (format_of(out_file, MEMBER_FORMATS) if out_file else "table")
    if name == "table" and out_file:
        raise OutputError(out_file, "cannot hold a table for people; name another --format")
    with ExitStack() as stack:
        file = stack.enter_context(replaced_file(out_file)) if out_file else sys.stdout.buffer
        opened = stack.enter_context(Workspace.open(workspace, read_only=True))
        with progress_bar(quiet=quiet or as_json) as progress:
            task = progress.add_task("starting", total=days + 1, amount="")
            done = iter(range(days + 2))

            def on_day(at: datetime) -> None:
                progress.update(task, completed=next(done), description=f"computing {at.date()}")

            found = opened.forecast(segment, days=days, as_of=instant, on_day=on_day)
        if as_json:
            print_json(forecast_as_json(found))
        elif name == "table":
            print_forecast(found)
        else:
            writer_of(name)(FORECAST_SCHEMA, [forecast_batch(found)], file)
            file.flush()
    if out_file:
        out.print(f"written to [bold]{escape(str(out_file))}[/]")


def print_forecast(found: Forecast) -> None:
    """The table of days."""
    title = f"{escape(found.segment.id)}, if nothing else happens; days of {escape(found.zone_name)}"
    how_exact = exactness(found.days[0].as_of, found.exact_since)
    title += "" if how_exact == "exact" else f" ({how_exact})"
    table = Table(title=title, title_justify="left")
    table.add_column("day")
    for heading in ("size", "share", "enter", "leave"):
        table.add_column(heading, justify="right")
    for number, row in enumerate(found.days):
        day = f"{row.on} (now)" if number == 0 else row.on.isoformat()
        moved = ("", "") if number == 0 else (f"{row.entered:,}", f"{row.left:,}")
        table.add_row(day, f"{row.size:,}", share_of(row.size, found.contact_count), *moved)
    print_table(table)


def forecast_as_json(found: Forecast) -> dict[str, object]:
    """The same for programs. Instants are RFC 3339; `entered` and `left` are since the row before."""
    return {
        "segment_id": found.segment.id,
        "timezone": found.zone_name,
        **shown_exactness(found.days[0].as_of, found.exact_since),
        "contact_count": found.contact_count,
        "days": [
            {
                "on": row.on.isoformat(),
                "as_of": shown_instant(row.as_of),
                "size": row.size,
                "entered": row.entered,
                "left": row.left,
            }
            for row in found.days
        ],
    }
