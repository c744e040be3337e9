"""`populace export`, `populace delete` and `populace suppressed`: what a person may ask for."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape

from api.cli.console import finish_undisturbed, out, print_json
from api.cli.options import AsJson, WorkspaceFolder
from engine.storage.whole_file import replaced_file
from ingest.workspace import Workspace
from ingest.writes.write import Outcome

ContactValue = Annotated[str, typer.Argument(help="E-mail of the contact.", metavar="EMAIL")]
IdentityKind = Annotated[str, typer.Option("--kind", metavar="KIND", help="EMAIL is an identity of this kind.")]


def export(
    workspace: WorkspaceFolder,
    email: ContactValue,
    kind: IdentityKind = "email",
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the document to a file.")
    ] = None,
) -> None:
    """Write everything that is known of a contact as one JSON document.

    Fields, tags, identities, subscriptions, segments, the whole timeline, custom events with all versions, mails that
    wait, messages by month.

    Example: populace export shop ada@example.com --out ada.json
    """
    with ExitStack() as stack:
        file = stack.enter_context(replaced_file(out_file)) if out_file else None
        opened = stack.enter_context(Workspace.open(workspace, read_only=True))
        document = opened.export_contact({"kind": kind, "value": email})
        if file is not None:
            file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if out_file is None:
        print_json(document)
    else:
        out.print(f"contact written to [bold]{escape(str(out_file))}[/]", soft_wrap=True)


def delete(
    workspace: WorkspaceFolder,
    email: ContactValue,
    kind: IdentityKind = "email",
    suppress: Annotated[
        bool, typer.Option("--suppress", help="Let none of the contact's e-mails come in again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase a contact with all that says who it was. It cannot be undone.

    Its timeline, identities, subscriptions and memberships go; how often what happened stays as a total of nobody.

    Example: populace delete shop ada@example.com --suppress
    """
    contact = {"kind": kind, "value": email}
    with Workspace.open(workspace) as opened:
        count = len(opened.identities(contact))
        if not yes and not _is_wanted(f"Erase {email}, with {count} identities and all that happened, for good?"):
            out.print("nothing was changed")
            return
        opened.erase(contact, suppress=suppress)
        finish_undisturbed()
    out.print(f"{escape(email)} is erased" + (" and cannot come in again" if suppress else ""), soft_wrap=True)
    out.print("Its bytes are gone from the file after: populace compact", soft_wrap=True)


def suppressed(
    workspace: WorkspaceFolder,
    allow: Annotated[str | None, typer.Option(metavar="EMAIL", help="Let this e-mail come in again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how many erased e-mails cannot come in again, or let one of them.

    Which ones they are nobody can say: they are kept as hashes.

    Example: populace suppressed shop --allow ada@example.com
    """
    with Workspace.open(workspace, read_only=allow is None) as opened:
        is_allowed = allow is not None and opened.unsuppress(allow) is Outcome.UPDATED
        count = opened.suppressed_count()
    if as_json:
        print_json({"suppressed_count": count} | ({} if allow is None else {"was_suppressed": is_allowed}))
        return
    if allow is not None:
        said = "may come in again" if is_allowed else "was not suppressed"
        out.print(f"{escape(allow)} {said}", soft_wrap=True)
    out.print(f"{count:,} e-mails cannot come in again")


def _is_wanted(question: str) -> bool:
    """Ask; where nobody can answer, --yes must be given. Raises: typer.BadParameter."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is here to be asked: give --yes to erase for good")
    return typer.confirm(question)
