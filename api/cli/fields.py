"""`populace fields`: the custom fields of a workspace."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import finish_undisturbed, out, print_json, print_table
from api.cli.options import AsJson, WorkspaceFolder
from api.documents.instants import shown_instant
from engine.storage.custom_fields import CustomFieldType
from ingest.fields import FieldState
from ingest.workspace import Workspace

fields = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Give contacts fields of your own.")

Key = Annotated[str, typer.Argument(help="Key of the field: a-z 0-9 _.", metavar="KEY")]


@fields.command()
def define(
    workspace: WorkspaceFolder,
    key: Key,
    kind: Annotated[CustomFieldType, typer.Argument(help="What the field holds.", metavar="TYPE")],
    label: Annotated[str | None, typer.Option(help="What people read; the key if not given.")] = None,
) -> None:
    """Give contacts a field: text, number, date, datetime, boolean, email, url or json.

    It can be used at once: as a column of imported contacts, in definitions, in SQL. A retired field comes back with
    its values.

    Example: populace fields define shop renews_on date --label "Renewal"
    """
    with Workspace.open(workspace) as opened:
        outcome = opened.fields.define(key, kind, label)
        finish_undisturbed()
    out.print(f"{outcome} {escape(key)}")


@fields.command(name="list")
def list_fields(workspace: WorkspaceFolder, as_json: AsJson = False) -> None:
    """List the custom fields of a workspace, retired ones too."""
    with Workspace.open(workspace, read_only=True) as opened:
        states = opened.fields.all()
    if as_json:
        print_json([_as_json(state) for state in states])
        return
    if not states:
        out.print("no custom fields yet; define one with: populace fields define")
        return
    table = Table()
    for heading in ("field", "type", "label", "since", "retired"):
        table.add_column(heading)
    for state in states:
        retired = "" if state.retired_at is None else shown_instant(state.retired_at)
        table.add_row(escape(state.key), state.type, escape(state.label), shown_instant(state.created_at), retired)
    print_table(table)


@fields.command()
def rename(
    workspace: WorkspaceFolder, key: Key, label: Annotated[str, typer.Argument(help="What people read from now on.")]
) -> None:
    """Give a field another label; its key, by which files and definitions name it, stays."""
    with Workspace.open(workspace) as opened:
        outcome = opened.fields.rename(key, label)
        finish_undisturbed()
    out.print(f"{outcome} {escape(key)}")


@fields.command()
def retire(workspace: WorkspaceFolder, key: Key) -> None:
    """Use a field no longer. Its values are kept, and come back when it is defined again."""
    with Workspace.open(workspace) as opened:
        opened.fields.retire(key)
        finish_undisturbed()
    out.print(f"retired {escape(key)}")


def _as_json(state: FieldState) -> dict[str, object]:
    return {
        "key": state.key,
        "label": state.label,
        "type": state.type,
        "created_at": shown_instant(state.created_at),
        "retired_at": None if state.retired_at is None else shown_instant(state.retired_at),
    }
