"""`populace run`: segments over a folder of files."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import EXIT_OUR_FAULT, err, out, print_json, print_table
from api.cli.options import (
    AsJson,
    AsOf,
    BadRowsOption,
    ExtraColumnsOption,
    MemoryLimit,
    Quiet,
    as_of_instant,
    memory_bytes,
    zone_name,
)
from api.cli.progress import RunProgress
from api.cli.reports import report_lines, row_counts
from api.documents.instants import shown_instant
from engine.compile import Step, memberships_in_words
from engine.definition.words.texts import counted
from engine.errors import OutputError
from engine.execute.export import MEMBER_FORMATS, MEMBER_SCHEMA, format_of, writer_of
from engine.plan import Plan
from engine.storage import StoreSettings
from engine.storage.whole_file import replaced_file
from ingest.batch import BatchResult, run_batch
from ingest.dataset import BadRowsFile, StopAtFirstBadRow, open_dataset
from ingest.segments_file import read_segments

_STEP_FILE = re.compile(r"\d{3,}_[a-z0-9_]+\.sql|memberships\.txt")


def run(
    dataset: Annotated[
        Path, typer.Argument(help="Folder with contacts, timeline, custom_events, lists, subscriptions.")
    ],
    segments: Annotated[
        Path, typer.Option("--segments", help="JSON file with an array of segments, or a folder of them.")
    ],
    as_of: AsOf = None,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write segment_id, email rows: .parquet, .csv or .jsonl."),
    ] = None,
    sql_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the SQL that ran, one readable file per step.")
    ] = None,
    bad_rows: BadRowsOption = None,
    extra_columns: ExtraColumnsOption = "refuse",
    default_timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Zone of segments and contacts that have none of their own.")
    ] = "UTC",
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compute all segments over a folder of Parquet, CSV or JSONL files, at one instant.

    The folder holds any of contacts, timeline, custom_events, lists and subscriptions, each as one .parquet, .csv or
    .jsonl file, or as a folder of Parquet parts. Nothing but the files that you name is written.

    Example: populace run data --segments segments.json --as-of 2026-06-01T00:00:00Z --out members.parquet
    """
    instant = as_of_instant(as_of)
    zone = zone_name(default_timezone)
    settings = StoreSettings(memory_bytes=memory_bytes(memory_limit))
    read = read_segments(segments, default_timezone=zone)
    steps: list[Step] = []
    plans: list[Plan] = []
    with ExitStack() as stack:
        # Every place to write is tried before the work starts.
        check_outputs(dataset, [path for path in (out_file, bad_rows) if path])
        if sql_dir:
            _check_sql_dir(sql_dir)
        write = writer_of(format_of(out_file, MEMBER_FORMATS)) if out_file else None
        file = stack.enter_context(replaced_file(out_file)) if out_file else None
        aside = stack.enter_context(BadRowsFile(bad_rows)) if bad_rows else StopAtFirstBadRow()
        shown = stack.enter_context(RunProgress.on_terminal(quiet=quiet or as_json))
        folder = open_dataset(dataset, extra_columns=extra_columns, bad_rows=aside, on_progress=shown.on_bytes)
        shown.total_bytes = folder.total_bytes

        def on_step(step: Step) -> None:
            steps.append(step)
            shown.on_step(step)

        result = run_batch(
            folder,
            read,
            as_of=instant,
            default_zone=zone,
            settings=settings,
            on_table=shown.on_table,
            on_plan=plans.append,
            on_step=on_step,
        )
        if write and file:
            write(MEMBER_SCHEMA, result.member_batches(), file)
        if sql_dir:
            _write_steps(sql_dir, steps, plans[0])
    if as_json:
        print_json(result_as_json(result))
    else:
        print_result(result)
        for path, what in ((out_file, "members"), (sql_dir, "SQL"), (bad_rows, "bad rows")):
            if path:
                out.print(f"{what} written to [bold]{escape(str(path))}[/]")
    if result.evaluation.failed:
        raise typer.Exit(EXIT_OUR_FAULT)


def print_result(result: BatchResult) -> None:
    """The report of the files, then the table of segments."""
    for line in report_lines(result.report):
        out.print(line)
    contact_count = result.evaluation.contact_count
    seconds = result.evaluation.segment_seconds
    table = Table(title=f"Segments at {shown_instant(result.evaluation.as_of)}", title_justify="left")
    table.add_column("segment")
    for heading in ("size", "share", "time"):
        table.add_column(heading, justify="right")
    for segment in result.segments:
        if segment.id in result.evaluation.failed:
            table.add_row(escape(segment.id), "[red]failed[/]", "", "")
            continue
        size = result.size(segment.id)
        share = f"{size / contact_count:.1%}" if contact_count else "-"
        table.add_row(escape(segment.id), f"{size:,}", share, f"{seconds[segment.id] * 1000:,.0f} ms")
    print_table(table)
    out.print(
        f"{counted(len(result.segments), 'segment')} over {counted(contact_count, 'contact')}: "
        f"loaded in {result.load_seconds:.2f} s, computed in {result.evaluate_seconds:.2f} s"
    )
    for segment_id, reason in result.evaluation.failed.items():
        err.print(f"[bold red]segment {escape(segment_id)} failed:[/] {escape(reason)}", soft_wrap=True)


def result_as_json(result: BatchResult) -> dict[str, object]:
    """The same for programs. Units: seconds; `share` is a ratio, null without contacts."""
    contact_count = result.evaluation.contact_count
    seconds = result.evaluation.segment_seconds
    return {
        "as_of": shown_instant(result.evaluation.as_of),
        "contact_count": contact_count,
        "tables": {name: row_counts(table) for name, table in result.report.tables.items()},
        "unknown_zone": result.report.unknown_zone,
        "segments": [
            {
                "id": segment.id,
                "name": segment.name,
                "size": result.size(segment.id),
                "share": result.size(segment.id) / contact_count if contact_count else None,
                "seconds": round(seconds[segment.id], 6),
            }
            for segment in result.segments
            if segment.id not in result.evaluation.failed
        ],
        "failed": dict(result.evaluation.failed),
        "load_seconds": round(result.load_seconds, 6),
        "evaluate_seconds": round(result.evaluate_seconds, 6),
    }


def check_outputs(dataset: Path, outputs: list[Path]) -> None:
    """Refuse to write over the dataset, or two things into one file."""
    taken: set[Path] = set()
    for path in (output.resolve() for output in outputs):
        if path in taken:
            raise OutputError(path, "is named twice; members and bad rows go into files of their own")
        if dataset.resolve() in path.parents:
            raise OutputError(path, "lies in the dataset folder, where the next run would read it; write elsewhere")
        taken.add(path)


def _check_sql_dir(folder: Path) -> None:
    """Make the folder; refuse one that holds anything but steps of an earlier run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = [path.name for path in folder.iterdir() if not _STEP_FILE.fullmatch(path.name)]
    except OSError as error:
        raise OutputError(folder, f"cannot be written: {error.strerror}") from error
    if strangers:
        raise OutputError(folder, f"holds other files, such as {strangers[0]!r}; name a folder of its own for the SQL")


def _write_steps(folder: Path, steps: list[Step], plan: Plan) -> None:
    """Put the steps in the place of those of an earlier run."""
    try:
        for path in folder.iterdir():
            if _STEP_FILE.fullmatch(path.name):
                path.unlink()
        for number, step in enumerate(steps, start=1):
            (folder / f"{number:03}_{step.name}.sql").write_text(step.script, encoding="utf-8")
        (folder / "memberships.txt").write_text(memberships_in_words(plan), encoding="utf-8")
    except OSError as error:
        raise OutputError(folder, f"cannot be written: {error.strerror}") from error
