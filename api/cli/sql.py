"""`populace sql`: a question to a workspace, in SQL."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import out, print_table
from api.cli.options import WorkspaceFolder, memory_bytes
from engine.errors import OutputError
from engine.execute.export import format_of, writer_of
from engine.execute.plain_values import csv_reader
from engine.storage.whole_file import replaced_file
from ingest.workspace import Workspace

SHOWN_ROWS = 200
LEAST_COLUMN_WIDTH = 8
BINARY = ("parquet", "arrow")
DEFAULT_MEMORY = "1GB"


def sql(
    workspace: WorkspaceFolder,
    query: Annotated[str, typer.Argument(help="One SELECT statement; - reads it from standard input.", metavar="SQL")],
    file_format: Annotated[
        Literal["table", "csv", "json", "jsonl", "parquet", "arrow"] | None,
        typer.Option("--format", help="By the ending of --out if not given, else table."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to this file instead of standard output.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop the question after this time.", min=0.001, max=86_400)
    ] = 60.0,
    memory_limit: Annotated[str, typer.Option(metavar="AMOUNT", help="Most memory for the question.")] = DEFAULT_MEMORY,
) -> None:
    """Answer a question in SQL, read-only.

    There are the views contacts, timeline, custom_events, lists, subscriptions, segments and memberships, and one view
    per segment in schema segment. What they hold, column by column: docs/sql.md.

    Example: populace sql shop 'SELECT country, count(*) FROM segment.vip GROUP BY 1'
    """
    name = file_format or (format_of(out_file) if out_file else "table")
    if name == "table" and out_file:
        raise OutputError(out_file, "cannot hold a table for people; name another --format")
    if name in BINARY and out_file is None and sys.stdout.isatty():
        raise OutputError("standard output", f"is a terminal, and {name} is not for people; name a file with --out")
    text = sys.stdin.read() if query == "-" else query
    with ExitStack() as stack:
        file = stack.enter_context(replaced_file(out_file)) if out_file else sys.stdout.buffer
        with Workspace.open(workspace, read_only=True) as opened:
            result = stack.enter_context(
                opened.query(text, timeout_seconds=timeout, memory_bytes=memory_bytes(memory_limit))
            )
        # The answer comes from a file of its own: the workspace is free again while it is read.
        if name == "table":
            print_rows(result.schema, result.batches())
        else:
            writer_of(name)(result.schema, result.batches(), file)
            file.flush()
    if out_file:
        out.print(f"written to [bold]{escape(str(out_file))}[/]")


def print_rows(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """The first rows for people, and how many there are in all.

    As a table; where a terminal has no room for so many columns, one line per value.
    """
    readers = [csv_reader(field) for field in schema]
    rows: list[tuple[str, ...]] = []
    row_count = 0
    for batch in batches:
        some = batch.slice(0, max(SHOWN_ROWS - row_count, 0))
        columns = [map(_cell, read(column)) for read, column in zip(readers, some.columns, strict=True)]
        rows += zip(*columns, strict=True)
        row_count += batch.num_rows
    if out.is_terminal and len(schema) * LEAST_COLUMN_WIDTH > out.width:
        _print_line_by_line(schema.names, rows)
    else:
        _print_as_table(schema, rows)
    more = f"; the first {SHOWN_ROWS} are shown, --format csv gives all" if row_count > SHOWN_ROWS else ""
    out.print(f"{row_count:,} {'row' if row_count == 1 else 'rows'}{more}")


def _print_as_table(schema: pa.Schema, rows: list[tuple[str, ...]]) -> None:
    table = Table()
    for field in schema:
        table.add_column(escape(field.name), justify="right" if _is_number(field.type) else "left")
    for row in rows:
        table.add_row(*row)
    print_table(table)


def _print_line_by_line(names: list[str], rows: list[tuple[str, ...]]) -> None:
    for number, row in enumerate(rows, start=1):
        out.print(f"[bold]row {number}[/]")
        for name, cell in zip(names, row, strict=True):
            out.print(f"  {escape(name)}: {cell}", soft_wrap=True)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _cell(value: object) -> str:
    return "[dim]NULL[/]" if value is None else escape(str(value))
