"""The command `populace`."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from api.cli.console import exit_code_of, out
from api.cli.demo import demo
from api.cli.generate import generate
from api.cli.run import run

app = typer.Typer(
    name="populace",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"populace {version('populace')}")
        raise typer.Exit


@app.callback()
def populace(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Customer segmentation on a columnar store: definitions in, members out, exact to the instant.

    Start with `populace demo`.
    """


app.command()(run)
app.command()(generate)
app.command()(demo)


def main() -> None:
    """Run the command that the arguments name; ends the process with its exit code.

    0: done. 1: our fault. 2: something that the caller can fix. 130: stopped by the caller.
    """
    for stop in (signal.SIGTERM, signal.SIGHUP):  # what a scheduler sends ends a run as cleanly as Ctrl-C
        signal.signal(stop, signal.default_int_handler)
    sys.exit(exit_code_of(app))
