"""`populace demo`: generated people in a workspace, segments that businesses use, and what to try next."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from shutil import rmtree
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.console import err, out, print_json
from api.cli.generate import generated
from api.cli.options import AsJson, Quiet
from api.cli.preview import preview_as_json, print_preview
from api.cli.progress import RunProgress
from api.cli.recompute import print_recompute, recompute_as_json
from api.cli.reports import report_lines
from api.cli.sql import print_rows
from engine.errors import OutputError
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.workspace import Workspace

AS_OF = "2026-06-01T00:00:00Z"
CONTACTS, EVENTS, SEED = 20_000, 1_000_000, 1
QUESTION = """SELECT country, count(*) AS members, round(sum(lifetime_value)) AS lifetime_value
FROM segment.vip GROUP BY ALL ORDER BY members DESC LIMIT 5"""


def demo(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to put data and workspace; used again if there.")
    ] = Path("populace-demo"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Generate 20,000 contacts with a million events, import them into a workspace, and compute five segments.

    Then preview a draft of a segment, and ask a question in SQL.
    """
    data, shop = folder / "data", folder / "workspace"
    quiet = quiet or as_json
    if not data.exists():
        err.print(f"Generating {CONTACTS:,} contacts and {EVENTS:,} events into [bold]{escape(str(data))}[/] ...")
        partial = folder / "data.partial"  # it becomes data when it is whole, whatever stops it on the way
        rmtree(partial, ignore_errors=True)
        generated(partial, contacts=CONTACTS, events=EVENTS, seed=SEED, quiet=quiet)
        partial.rename(data)
    segments, draft = (_written(folder, name) for name in ("segments.json", "draft.json"))
    if not shop.exists():
        Workspace.create(shop)
    with Workspace.open(shop) as workspace:
        with RunProgress.on_terminal(quiet=quiet) as shown:
            dataset = open_dataset(data, bad_rows=StopAtFirstBadRow(), on_progress=shown.on_bytes)
            shown.total_bytes = dataset.total_bytes
            report = workspace.import_dataset(dataset, on_table=shown.on_table)
            workspace.apply(segments)
            result = workspace.recompute(AS_OF, on_step=shown.on_step)
            found = workspace.preview(draft, as_of=AS_OF, sample_size=5, on_step=shown.on_step)
        with workspace.query(QUESTION) as answer:
            schema, batches = answer.schema, list(answer.batches())
    if as_json:
        rows = [row for batch in batches for row in batch.to_pylist()]
        print_json({**recompute_as_json(result), "preview": preview_as_json(found), "sql": rows})
        return
    for line in report_lines(report.read):
        out.print(line)
    print_recompute(result)
    out.print()
    print_preview(found)
    out.print(f"\n[bold]{escape(QUESTION)}[/]", soft_wrap=True)
    print_rows(schema, batches)
    here = escape(str(folder))
    out.print(
        f"\nWhat to try next:\n"
        f"  read the definitions        less {here}/segments.json\n"
        f"  see one contact             populace contact {here}/workspace {escape(found.segments[0].sample[0])}\n"
        f"  write the members           populace members {here}/workspace vip --out vip.csv\n"
        f"  ask something else          populace sql {here}/workspace "
        f"'SELECT kind, count(*) FROM timeline GROUP BY 1 ORDER BY 2 DESC'\n"
        f"  see time pass               populace recompute {here}/workspace --as-of 2026-06-15T00:00:00Z\n"
        f"  without a workspace         populace run {here}/data --segments {here}/segments.json "
        f"--as-of {AS_OF} --sql-dir sql",
        soft_wrap=True,
    )


def _written(folder: Path, name: str) -> Path:
    """A file of definitions that comes with the demo, put where people can read and change it."""
    path = folder / name
    try:
        path.write_bytes(resources.files(__package__).joinpath(name).read_bytes())
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror}") from error
    return path
