"""`populace members`: the e-mails of a segment's members."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import typer
from rich.markup import escape

from api.cli.console import err, out
from api.cli.options import WorkspaceFolder, as_of_instant
from api.documents.instants import exactness, shown_instant
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
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="Who is found at this RFC 3339 instant; who was last computed if not given."
        ),
    ] = None,
    recorded_at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Who was a member at this instant, as it was stored then."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of standard output.")
    ] = None,
) -> None:
    """Write the e-mails of a segment's members, sorted: as last computed, or of an instant; nothing is stored.

    With --as-of they are computed anew by the latest definition. With --recorded-at they are looked up: who was in the
    segment then as far as the workspace knew, by the definition of then.

    Example: populace members shop vip --out vip.csv
    """
    name = file_format or (format_of(out_file, MEMBER_FORMATS) if out_file else "csv")
    write = writer_of(name)
    if as_of is not None and recorded_at is not None:
        raise typer.BadParameter("--as-of computes members, --recorded-at looks them up; give one of them")
    instant = None if as_of is None else as_of_instant(as_of)
    recorded = None if recorded_at is None else as_of_instant(recorded_at)
    size = 0

    def counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal size
        for batch in batches:
            size += batch.num_rows
            yield batch

    with ExitStack() as stack:
        file = stack.enter_context(replaced_file(out_file)) if out_file else sys.stdout.buffer
        opened = stack.enter_context(Workspace.open(workspace, read_only=True))
        state = None if recorded is not None else opened.segment(segment)
        exact_since = opened.exact_since
        if recorded is None:
            batches = opened.member_batches(segment, as_of=instant)
        else:
            batches = opened.member_batches_recorded(segment, recorded)
        write(EMAIL_SCHEMA, counted(batches), file)
        file.flush()
    if instant is not None:
        err.print(f"members at {shown_instant(instant)} ({exactness(instant, exact_since)})", soft_wrap=True)
    elif state is not None and state.status != "computed":
        err.print(f"segment {escape(segment)} is {state.status}: these are its members as of {state.as_of}")
    if out_file:
        out.print(f"{size:,} members written to [bold]{escape(str(out_file))}[/]")
