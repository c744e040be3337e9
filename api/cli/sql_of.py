"""`populace sql-of`: segments as SQL for other engines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from api.cli.options import AsOf, as_of_instant
from engine.errors import OutputError
from engine.storage.whole_file import replaced_file
from ingest.elsewhere import members_sql, tables_sql
from ingest.segments_file import read_segments
from ingest.workspace import Workspace


def sql_of(
    dialect: Annotated[
        Literal["duckdb", "postgres", "clickhouse", "spark"], typer.Option(help="The engine that is to run it.")
    ],
    segments: Annotated[
        Path | None, typer.Argument(help="JSON file with one segment or an array, or a folder of them.")
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The workspace whose lists, fields, time zones and segments are meant."),
    ] = None,
    as_of: AsOf = None,
    tables: Annotated[bool, typer.Option("--tables", help="Print what makes the tables instead, empty.")] = False,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to this file instead.")
    ] = None,
) -> None:
    """Print segments as one SQL statement for DuckDB, PostgreSQL, ClickHouse or Spark.

    It gives segment_id, contact_id rows: the members that populace finds itself. The tables that it reads, and how to
    fill them from a snapshot: docs/dialects.md.

    Example: populace sql-of segments.json --dialect spark --workspace shop --as-of 2026-06-01T00:00:00Z
    """
    if (segments is None) != tables:
        raise typer.BadParameter("name the segments, or ask for --tables, one of both")
    text = _text(segments, dialect, workspace, as_of_instant(as_of))
    if out_file is None:
        typer.echo(text, nl=False)
        return
    if workspace is not None and workspace.resolve() in out_file.resolve().parents:
        raise OutputError(out_file, "lies in the workspace; write elsewhere")
    with replaced_file(out_file) as file:
        file.write(text.encode())


def _text(segments: Path | None, dialect: str, workspace: Path | None, instant: datetime) -> str:
    if workspace is None:
        if segments is None:
            return tables_sql(dialect=dialect)
        return members_sql(read_segments(segments), dialect=dialect, as_of=instant)
    with Workspace.open(workspace, read_only=True) as opened:
        if segments is None:
            return tables_sql(dialect=dialect, fields=opened.fields.of_definitions)
        return opened.sql_of(segments, dialect=dialect, as_of=instant)
