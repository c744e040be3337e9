"""`populace generate`: a believable dataset folder to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from api.cli.console import out, print_json
from api.cli.progress import progress_bar
from engine.errors import OutputError

if TYPE_CHECKING:
    from ingest.generator import GeneratedDataset


def generate(
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must not hold a dataset yet.")],
    contacts: Annotated[int, typer.Option(help="How many contacts.", min=0)] = 20_000,
    events: Annotated[int, typer.Option(help="How many timeline and custom events together.", min=0)] = 1_000_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.", min=0)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Write contacts and two years of their timeline as Parquet: names, countries, zones, funnels, purchases.

    All people are invented. The newest event is just before 2026-06-01T00:00:00Z.

    Example: populace generate data --contacts 100000 --events 2000000 --seed 7
    """
    made = generated(folder, contacts=contacts, events=events, seed=seed, quiet=quiet or as_json)
    counts = {
        "contacts": made.contact_count,
        "timeline": made.timeline_count,
        "custom_events": made.custom_event_count,
        "lists": made.list_count,
        "subscriptions": made.subscription_count,
    }
    if as_json:
        print_json({"folder": str(folder), "rows": counts})
        return
    rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    out.print(f"[bold]{escape(str(folder))}[/]: {rows}")


def generated(folder: Path, *, contacts: int, events: int, seed: int, quiet: bool) -> GeneratedDataset:
    """Generate with a progress bar. Raises: OutputError where it cannot be written, or the numbers make no sense."""
    from ingest.generator import generate_dataset  # noqa: PLC0415 (a tenth of a second that no other command needs)

    with progress_bar(quiet=quiet) as progress:
        task = progress.add_task("generating", total=None, amount="")

        def on_progress(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, amount=f"{done:,} of {total:,} rows")

        try:
            return generate_dataset(
                folder, contact_count=contacts, event_count=events, seed=seed, on_progress=on_progress
            )
        except ValueError as error:
            raise OutputError(folder, str(error)) from error
        except OSError as error:
            raise OutputError(folder, f"cannot be written: {error.strerror}") from error
