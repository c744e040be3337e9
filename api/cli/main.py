"""The command `populace`."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from api.cli.check import check
from api.cli.compact import compact
from api.cli.console import exit_code_of, finish_undisturbed, out
from api.cli.contact import contact
from api.cli.contact_writes import change, upsert
from api.cli.demo import demo
from api.cli.events import record
from api.cli.explain import explain
from api.cli.fields import fields
from api.cli.forecast import forecast
from api.cli.generate import generate
from api.cli.import_csv import import_csv
from api.cli.import_dataset import import_dataset
from api.cli.imports import imports
from api.cli.init import init
from api.cli.listen import listen
from api.cli.lists import lists
from api.cli.members import members
from api.cli.preview import preview
from api.cli.privacy import delete, export, suppressed
from api.cli.recompute import recompute
from api.cli.run import run
from api.cli.segments import segments
from api.cli.serve import serve
from api.cli.snapshot import restore, snapshot
from api.cli.sql import sql
from api.cli.sql_of import sql_of
from api.cli.tags import tags
from api.cli.tokens import token
from api.cli.transitions import transitions

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


_TRY, _FILES, _WORKSPACE = "Try it", "Files in, members out", "Workspaces: data and segments that stay"
_SERVER = "Workspaces over HTTP"
_KEEPING = "Workspaces: safe and sound"

app.command(rich_help_panel=_TRY)(demo)
app.command(rich_help_panel=_TRY)(generate)
app.command(rich_help_panel=_FILES)(run)
app.command("sql-of", rich_help_panel=_FILES)(sql_of)
app.command(rich_help_panel=_WORKSPACE)(init)
app.command("import", rich_help_panel=_WORKSPACE)(import_dataset)
app.command("import-csv", rich_help_panel=_WORKSPACE)(import_csv)
app.add_typer(imports, name="imports", rich_help_panel=_WORKSPACE)
app.command(rich_help_panel=_WORKSPACE)(upsert)
app.command(rich_help_panel=_WORKSPACE)(change)
app.command(rich_help_panel=_WORKSPACE)(record)
app.add_typer(segments, name="segments", rich_help_panel=_WORKSPACE)
app.add_typer(fields, name="fields", rich_help_panel=_WORKSPACE)
app.add_typer(lists, name="lists", rich_help_panel=_WORKSPACE)
app.add_typer(tags, name="tags", rich_help_panel=_WORKSPACE)
app.command(rich_help_panel=_WORKSPACE)(recompute)
app.command(rich_help_panel=_WORKSPACE)(members)
app.command(rich_help_panel=_WORKSPACE)(transitions)
app.command(rich_help_panel=_WORKSPACE)(contact)
app.command(rich_help_panel=_WORKSPACE)(explain)
app.command(rich_help_panel=_WORKSPACE)(forecast)
app.command(rich_help_panel=_WORKSPACE)(export)
app.command(rich_help_panel=_WORKSPACE)(delete)
app.command(rich_help_panel=_WORKSPACE)(suppressed)
app.command(rich_help_panel=_WORKSPACE)(preview)
app.command(rich_help_panel=_WORKSPACE)(sql)
app.command(rich_help_panel=_SERVER)(serve)
app.add_typer(token, name="token", rich_help_panel=_SERVER)
app.command(rich_help_panel=_SERVER)(listen)
app.command(rich_help_panel=_KEEPING)(snapshot)
app.command(rich_help_panel=_KEEPING)(restore)
app.command(rich_help_panel=_KEEPING)(check)
app.command(rich_help_panel=_KEEPING)(compact)


def main() -> None:
    """Run the command that the arguments name; ends the process with its exit code.

    0: done. 1: our fault. 2: something that the caller can fix. 130: stopped by the caller.
    """
    try:
        sys.exit(exit_code_of(app))
    finally:
        finish_undisturbed()
