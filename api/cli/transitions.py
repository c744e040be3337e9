"""`populace transitions`: who entered and left segments, when and why."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import typer
from rich.markup import escape

from api.cli.console import out
from api.cli.options import WorkspaceFolder
from engine.execute.export import MEMBER_FORMATS, format_of, writer_of
from engine.execute.transitions import TRANSITION_SCHEMA
from engine.storage.whole_file import replaced_file
from ingest.workspace import Workspace


def transitions(
    workspace: WorkspaceFolder,
    after: Annotated[
        int,
        typer.Option(metavar="SEQUENCE", min=0, help="Begin after this number: the last one that you have."),
    ] = 0,
    segments: Annotated[
        list[str] | None,
        typer.Option("--segment", metavar="SEGMENT", help="Of this segment alone; may be given several times."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="No more than so many.")] = None,
    file_format: Annotated[
        Literal["csv", "jsonl", "parquet"] | None,
        typer.Option("--format", help="By the ending of --out if not given, else csv."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of standard output.")
    ] = None,
) -> None:
    """Write who entered and who left, in order: sequence, segment, e-mail, what, why, and when.

    Sequence numbers have no gaps. Who keeps the last one and goes on after it sees every transition once. The cause is
    first_run, definition, data, time, merge or delete.

    Example: populace transitions shop --after 1200 --format jsonl
    """
    name = file_format or (format_of(out_file, MEMBER_FORMATS) if out_file else "csv")
    size = 0

    def counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal size
        for batch in batches:
            part = batch if limit is None else batch.slice(0, limit - size)
            size += part.num_rows
            yield part
            if size == limit:
                return

    with ExitStack() as stack:
        file = stack.enter_context(replaced_file(out_file)) if out_file else sys.stdout.buffer
        opened = stack.enter_context(Workspace.open(workspace, read_only=True))
        batches = opened.transition_batches(after=after, segment_ids=segments)
        writer_of(name)(TRANSITION_SCHEMA, counted(batches), file)
        file.flush()
    if out_file:
        out.print(f"{size:,} transitions written to [bold]{escape(str(out_file))}[/]")
