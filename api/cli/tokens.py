"""`populace token`: who may ask a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import finish_undisturbed, out, print_json, print_table
from api.cli.options import AsJson
from api.documents.instants import shown_instant
from api.http.tokens import Scope, Token, Tokens
from api.http.workspaces import workspace_ids
from engine.errors import StoreError, did_you_mean

token = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Say who may ask a server, and what.")

Root = Annotated[Path, typer.Argument(help="Folder that the server serves.", metavar="ROOT")]


@token.command()
def create(
    root: Root,
    workspace: Annotated[str, typer.Option(metavar="ID", help="Workspace that the token is for: its folder in ROOT.")],
    scope: Annotated[
        list[Scope], typer.Option(help="What it is good for; give it several times for several. admin: everything.")
    ],
) -> None:
    """Make a token, and print it, alone, on standard output: it cannot be shown again. A running server knows it.

    read: read contacts, events, segments. write: that, and change them. sql: ask in SQL, nothing else. admin: all that,
    and erase contacts, delete lists and segments.

    Example: populace token create shops --workspace main --scope write --scope sql
    """
    known = workspace_ids(root)
    if workspace not in known:
        hint = did_you_mean(workspace, known) if known else f"make one with: populace init {root / workspace}"
        raise StoreError(f"{root}: no workspace is named {workspace!r}; {hint}")
    with Tokens(root) as tokens:
        text = tokens.create(workspace, scope)
        finish_undisturbed()
    sys.stdout.write(f"{text}\n")


@token.command(name="list")
def list_tokens(root: Root, as_json: AsJson = False) -> None:
    """List all tokens, revoked ones too, with what they are good for and when they were used last."""
    with Tokens(root) as tokens:
        known = tokens.all()
    if as_json:
        print_json([_as_json(item) for item in known])
        return
    if not known:
        out.print("no tokens yet; make one with: populace token create")
        return
    table = Table()
    for title in ("id", "workspace", "scopes", "created", "last used", "revoked"):
        table.add_column(title)
    for item in known:
        times = (item.created_at, item.last_used_at, item.revoked_at)
        shown = ["" if at is None else shown_instant(at) for at in times]
        table.add_row(item.id, escape(item.workspace_id), " ".join(sorted(item.scopes)), *shown)
    print_table(table)


@token.command()
def revoke(root: Root, token_id: Annotated[str, typer.Argument(help="Id of the token.", metavar="TOKEN_ID")]) -> None:
    """Let a token be worth nothing, from the next request on. It cannot be undone; make another one."""
    with Tokens(root) as tokens:
        was_valid = tokens.revoke(token_id)
        finish_undisturbed()
    out.print(f"{'revoked' if was_valid else 'unchanged'} {token_id}")


def _as_json(item: Token) -> dict[str, object]:
    return {
        "id": item.id,
        "workspace_id": item.workspace_id,
        "scopes": sorted(item.scopes),
        "created_at": shown_instant(item.created_at),
        "last_used_at": None if item.last_used_at is None else shown_instant(item.last_used_at),
        "revoked_at": None if item.revoked_at is None else shown_instant(item.revoked_at),
    }
