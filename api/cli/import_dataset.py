"""`populace import`: a dataset folder into a workspace."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.console import finish_undisturbed, out, print_json
from api.cli.options import (
    AsJson,
    BadRowsOption,
    ExtraColumnsOption,
    MemoryLimit,
    Quiet,
    WorkspaceFolder,
    memory_bytes,
)
from api.cli.progress import RunProgress
from api.cli.reports import report_lines, row_counts
from api.cli.run import check_outputs
from engine.storage.merging import MergedRows
from ingest.dataset import BadRowsFile, StopAtFirstBadRow, open_dataset
from ingest.workspace import Workspace


def import_dataset(
    workspace: WorkspaceFolder,
    dataset: Annotated[
        Path, typer.Argument(help="Folder with contacts, timeline, custom_events, lists, subscriptions.")
    ],
    bad_rows: BadRowsOption = None,
    extra_columns: ExtraColumnsOption = "refuse",
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Bring a folder of Parquet, CSV or JSONL files into a workspace: all of it, or nothing.

    The same files once more change nothing. A contact is known by its e-mail, a list by its id, a subscription by both:
    what a row gives is updated, an empty cell removes the value, and columns that the file does not have stay as they
    are. Timeline events are known by their id, custom events by name, external id and instant.

    Example: populace import shop export-2026-06-01
    """
    with ExitStack() as stack:
        check_outputs(dataset, [bad_rows] if bad_rows else [])
        opened = stack.enter_context(Workspace.open(workspace, memory_bytes=memory_bytes(memory_limit)))
        aside = stack.enter_context(BadRowsFile(bad_rows)) if bad_rows else StopAtFirstBadRow()
        shown = stack.enter_context(RunProgress.on_terminal(quiet=quiet or as_json))
        folder = open_dataset(
            dataset,
            extra_columns=extra_columns,
            bad_rows=aside,
            on_progress=shown.on_bytes,
            custom_fields=opened.fields.in_use,
        )
        shown.total_bytes = folder.total_bytes
        report = opened.import_dataset(folder, on_table=shown.on_table)
        finish_undisturbed()
    if as_json:
        tables = {name: row_counts(table) for name, table in report.read.tables.items()}
        merged = {name: {"new": rows.new, "changed": rows.changed} for name, rows in report.merged.items()}
        print_json({"read": tables, "unknown_zone": report.read.unknown_zone, "merged": merged})
        return
    for line in report_lines(report.read):
        out.print(line)
    changes = [f"{what} {name}" for name, rows in report.merged.items() if (what := _in_words(rows))]
    out.print(f"[bold]{escape(str(workspace))}[/]: {'; '.join(changes) or 'nothing was new'}", soft_wrap=True)
    if bad_rows:
        out.print(f"bad rows written to [bold]{escape(str(bad_rows))}[/]")


def _in_words(rows: MergedRows) -> str:
    parts = [f"{count:,} {word}" for count, word in ((rows.new, "new"), (rows.changed, "changed")) if count]
    return " and ".join(parts)
