"""`populace tags`: the tags of a workspace, and which contacts have them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import finish_undisturbed, out, print_json, print_table
from api.cli.options import AsJson, WorkspaceFolder
from api.documents.instants import shown_instant
from ingest.workspace import Workspace
from ingest.writes.kept import KEPT
from ingest.writes.write import Outcome

tags = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Keep tags, and give them to contacts.")

Tag = Annotated[str, typer.Argument(help="Name of the tag.", metavar="TAG")]
TagNames = Annotated[list[str], typer.Argument(help="Names of tags.", metavar="TAG...")]
Email = Annotated[str, typer.Argument(help="E-mail of the contact.", metavar="EMAIL")]


@tags.command(name="list")
def list_tags(workspace: WorkspaceFolder, as_json: AsJson = False) -> None:
    """List all tags, defined or in use, with the number of contacts that have them."""
    with Workspace.open(workspace, read_only=True) as opened:
        states = opened.tags.all()
    if as_json:
        print_json(
            [
                {
                    "name": state.name,
                    "color": state.color,
                    "created_at": None if state.created_at is None else shown_instant(state.created_at),
                    "contact_count": state.contact_count,
                }
                for state in states
            ]
        )
        return
    if not states:
        out.print("no tags yet; define one with: populace tags define")
        return
    table = Table()
    table.add_column("tag")
    table.add_column("color")
    table.add_column("contacts", justify="right")
    for state in states:
        table.add_row(escape(state.name), state.color or "", f"{state.contact_count:,}")
    print_table(table)


@tags.command()
def define(
    workspace: WorkspaceFolder,
    tag: Tag,
    color: Annotated[str | None, typer.Option(metavar="#RRGGBB", help="Its colour; '' takes it away.")] = None,
) -> None:
    """Let a tag be there before any contact has it, or give it a colour.

    Example: populace tags define shop vip --color '#1f6feb'
    """
    with Workspace.open(workspace) as opened:
        outcome = opened.tags.define(tag, KEPT if color is None else color or None)
        finish_undisturbed()
    out.print(f"{outcome} {escape(tag)}")


@tags.command()
def rename(
    workspace: WorkspaceFolder,
    tag: Tag,
    new_name: Annotated[str, typer.Argument(help="Its new name; no tag has it yet.", metavar="NEW")],
) -> None:
    """Give a tag another name, on all contacts at once. Segments that name it must be applied anew.

    Example: populace tags rename shop vip VIP
    """
    with Workspace.open(workspace) as opened:
        opened.tags.rename(tag, new_name)
        finish_undisturbed()
    out.print(f"{escape(tag)} is {escape(new_name)} now")


@tags.command()
def merge(
    workspace: WorkspaceFolder,
    tag: Tag,
    into: Annotated[str, typer.Argument(help="The tag that stays.", metavar="INTO")],
) -> None:
    """Let whoever has a tag have another one instead. Segments that name it must be applied anew.

    Example: populace tags merge shop v.i.p. vip
    """
    with Workspace.open(workspace) as opened:
        opened.tags.merge(tag, into)
        finish_undisturbed()
    out.print(f"{escape(tag)} is part of {escape(into)} now")


@tags.command()
def delete(workspace: WorkspaceFolder, tag: Tag) -> None:
    """Take a tag from all contacts, and forget its colour."""
    with Workspace.open(workspace) as opened:
        opened.tags.delete(tag)
        finish_undisturbed()
    out.print(f"deleted {escape(tag)}")


@tags.command()
def add(workspace: WorkspaceFolder, email: Email, names: TagNames) -> None:
    """Give a contact tags; they need not be defined.

    Example: populace tags add shop ada@example.com vip berlin
    """
    with Workspace.open(workspace) as opened:
        outcome = opened.tags.add(email, names)
        finish_undisturbed()
    out.print(f"{escape(email)} {'had' if outcome is Outcome.UNCHANGED else 'has'} {escape(', '.join(names))}")


@tags.command()
def remove(workspace: WorkspaceFolder, email: Email, names: TagNames) -> None:
    """Take tags from a contact.

    Example: populace tags remove shop ada@example.com vip
    """
    with Workspace.open(workspace) as opened:
        outcome = opened.tags.remove(email, names)
        finish_undisturbed()
    said = "had no" if outcome is Outcome.UNCHANGED else "has no longer"
    out.print(f"{escape(email)} {said} {escape(', '.join(names))}")
