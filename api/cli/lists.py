"""`populace lists`: the lists of a workspace, and who is on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import finish_undisturbed, out, print_json, print_table
from api.cli.options import AsJson, WorkspaceFolder
from engine.definition.vocabulary import SUBSCRIPTION_STATUSES
from ingest.workspace import Workspace
from ingest.writes.kept import KEPT, Kept
from ingest.writes.write import Outcome

T = TypeVar("T")

lists = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Keep lists, subscribe and unsubscribe.")

ListId = Annotated[str, typer.Argument(help="Id of the list: A-Z a-z 0-9 _ . -", metavar="LIST")]
Email = Annotated[str, typer.Argument(help="E-mail of the contact.", metavar="EMAIL")]

_SAID = {
    Outcome.CREATED: "is on",
    Outcome.UPDATED: "is on",
    Outcome.UNCHANGED: "was already on",
}


@lists.command(name="list")
def list_lists(workspace: WorkspaceFolder, as_json: AsJson = False) -> None:
    """List the lists of a workspace, with the number of subscriptions of each status."""
    with Workspace.open(workspace, read_only=True) as opened:
        states = opened.lists.all()
    if as_json:
        print_json([asdict(state) for state in states])
        return
    if not states:
        out.print("no lists yet; make one with: populace lists save")
        return
    table = Table()
    for heading in ("list", "name", "joining"):
        table.add_column(heading)
    for status in SUBSCRIPTION_STATUSES:
        table.add_column(status, justify="right")
    for state in states:
        opt_in = "double opt-in" if state.is_double_optin else "single opt-in"
        joining = f"public, {opt_in}" if state.is_public else "private"
        counts = (f"{count:,}" for count in state.counts.values())
        table.add_row(escape(state.id), escape(state.name), joining, *counts)
    print_table(table)


@lists.command()
def save(
    workspace: WorkspaceFolder,
    list_id: ListId,
    name: Annotated[str | None, typer.Option(help="What people read; a new list is called by its id.")] = None,
    public: Annotated[
        bool | None, typer.Option("--public/--private", help="Whether people can join by a form; private if new.")
    ] = None,
    double_optin: Annotated[
        bool | None,
        typer.Option(
            "--double-optin/--single-optin", help="Whether joining by a form must be confirmed; single if new."
        ),
    ] = None,
    welcome: Annotated[
        str | None, typer.Option(metavar="TEMPLATE", help="Template of the welcome mail; '' for none.")
    ] = None,
    goodbye: Annotated[
        str | None, typer.Option(metavar="TEMPLATE", help="Template of the mail after an unsubscribe; '' for none.")
    ] = None,
    confirmation: Annotated[
        str | None, typer.Option(metavar="TEMPLATE", help="Template of the mail that asks to confirm; '' for none.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for, for people; '' for none.")] = None,
) -> None:
    """Make a list, or change what is given of one. One that was deleted is back, with its subscriptions.

    Example: populace lists save shop news --name "Our news" --public --double-optin --confirmation confirm-1
    """
    with Workspace.open(workspace) as opened:
        outcome = opened.lists.save(
            list_id,
            name=_given(name),
            is_public=_given(public),
            is_double_optin=_given(double_optin),
            welcome_template_id=_or_none(welcome),
            unsubscribe_template_id=_or_none(goodbye),
            confirmation_template_id=_or_none(confirmation),
            description=_or_none(description),
        )
        finish_undisturbed()
    out.print(f"{outcome} {escape(list_id)}")


@lists.command()
def delete(workspace: WorkspaceFolder, list_id: ListId) -> None:
    """Delete a list: nobody counts as on it any more. Its subscriptions stay on record; `lists save` brings it back."""
    with Workspace.open(workspace) as opened:
        opened.lists.delete(list_id)
        finish_undisturbed()
    out.print(f"deleted {escape(list_id)}")


@lists.command()
def subscribe(
    workspace: WorkspaceFolder,
    list_id: ListId,
    email: Email,
    force: Annotated[bool, typer.Option("--force", help="Even if it has bounced or complained.")] = False,
) -> None:
    """Have a contact on a list, active at once and without a mail.

    It is a contact already. Who has unsubscribed is back; who bounced or complained is refused, but for `--force`.

    Example: populace lists subscribe shop news ada@example.com
    """
    with Workspace.open(workspace) as opened:
        outcome = opened.lists.subscribe(email, list_id, force=force)
        finish_undisturbed()
    out.print(f"{escape(email)} {_SAID[outcome]} {escape(list_id)}")


@lists.command()
def unsubscribe(workspace: WorkspaceFolder, list_id: ListId, email: Email) -> None:
    """Have a contact off a list. No import subscribes it again.

    Example: populace lists unsubscribe shop news ada@example.com
    """
    with Workspace.open(workspace) as opened:
        outcome = opened.lists.unsubscribe(email, list_id)
        finish_undisturbed()
    said = "was already off" if outcome is Outcome.UNCHANGED else "is off"
    out.print(f"{escape(email)} {said} {escape(list_id)}")


def _given(value: T | None) -> T | Kept:
    return KEPT if value is None else value


def _or_none(value: str | None) -> str | Kept | None:
    return KEPT if value is None else value or None
