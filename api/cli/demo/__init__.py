"""`populace demo`: generated people, segments that businesses use, and what to try next."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from shutil import rmtree
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.console import err, out, print_json
from api.cli.generate import generated
from api.cli.progress import RunProgress
from api.cli.run import print_result, result_as_json
from engine.definition.points import parsed_instant
from engine.errors import OutputError
from ingest.batch import run_batch
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.segments_file import read_segments

AS_OF = "2026-06-01T00:00:00Z"
CONTACTS, EVENTS, SEED = 20_000, 1_000_000, 1
SAMPLED_SEGMENT, SAMPLE_SIZE = "vip", 5


def demo(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to put the data; used again if it is there.")
    ] = Path("populace-demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Generate 20,000 contacts with a million events, and compute five segments over them."""
    data, definitions = folder / "data", folder / "segments.json"
    quiet = quiet or as_json
    if not data.exists():
        err.print(f"Generating {CONTACTS:,} contacts and {EVENTS:,} events into [bold]{escape(str(data))}[/] ...")
        partial = folder / "data.partial"  # it becomes data when it is whole, whatever stops it on the way
        rmtree(partial, ignore_errors=True)
        generated(partial, contacts=CONTACTS, events=EVENTS, seed=SEED, quiet=quiet)
        partial.rename(data)
    try:
        definitions.write_bytes(resources.files(__package__).joinpath("segments.json").read_bytes())
    except OSError as error:
        raise OutputError(definitions, f"cannot be written: {error.strerror}") from error
    as_of = parsed_instant(AS_OF)
    assert as_of is not None
    with RunProgress.on_terminal(quiet=quiet) as shown:
        dataset = open_dataset(data, bad_rows=StopAtFirstBadRow(), on_progress=shown.on_bytes)
        shown.total_bytes = dataset.total_bytes
        segments = read_segments(definitions)
        result = run_batch(dataset, segments, as_of=as_of, on_table=shown.on_table, on_step=shown.on_step)
    if as_json:
        print_json(result_as_json(result))
        return
    print_result(result)
    sample = result.members(SAMPLED_SEGMENT).head(SAMPLE_SIZE).get_column("email").to_list()
    out.print(f"\nSome of {SAMPLED_SEGMENT}: {', '.join(sample)}")
    here = escape(str(folder))
    out.print(
        f"\nWhat to try next:\n"
        f"  read the definitions        less {here}/segments.json\n"
        f"  write the members           populace run {here}/data --segments {here}/segments.json "
        f"--as-of {AS_OF} --out members.csv\n"
        f"  read the SQL that ran       populace run {here}/data --segments {here}/segments.json "
        f"--as-of {AS_OF} --sql-dir sql\n"
        f"  see more people             populace generate more --contacts 200000 --events 5000000 --seed 7",
        soft_wrap=True,
    )
