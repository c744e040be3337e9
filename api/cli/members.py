"""`populace members`: the e-mails of a segment's members."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from api.cli.console import err, out
from api.cli.options import WorkspaceFolder
from engine.execute.export import MEMBER_FORMATS, format_of, writer_of
from engine.execute.members import EMAIL_SCHEMA
from engine.storage.whole_file import replaced_file
from ingest.workspace import Workspace


def members(
    workspace: WorkspaceFolder,
    segment: Annotated[str, typer.Argument(help="Id of the segment.", metavar="SEGMENT")],
    file_format: Annotated[
        Literal["csv", "jsonl", "parquet"] | None,
        typer.Option("--format", help="By the ending of --out if not given, else csv."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of standard output.")
    ] = None,
) -> None:
    """Write the e-mails of a segment's members as last computed, sorted.

    Example: populace members shop vip --out vip.csv
    """
    name = file_format or (format_of(out_file, MEMBER_FORMATS) if out_file else "csv")
    write = writer_of(name)
    with ExitStack() as stack:
        file = stack.enter_context(replaced_file(out_file)) if out_file else sys.stdout.buffer
        opened = stack.enter_context(Workspace.open(workspace, read_only=True))
        state = opened.segment(segment)
        write(EMAIL_SCHEMA, opened.member_batches(segment), file)
        file.flush()
    if state.status != "computed":
        err.print(f"segment {escape(segment)} is {state.status}: these are its members as of {state.as_of}")
    if out_file:
        out.print(f"{state.size:,} members written to [bold]{escape(str(out_file))}[/]")
