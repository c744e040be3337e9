"""`populace contact`: all that is known of one contact."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import out, print_json, print_table
from api.cli.options import AsJson, WorkspaceFolder
from api.documents.instants import shown_instant
from engine.execute.contact import ContactCard
from ingest.workspace import Workspace


def contact(
    workspace: WorkspaceFolder,
    email: Annotated[str, typer.Argument(help="E-mail of the contact.", metavar="EMAIL")],
    events: Annotated[int, typer.Option(help="How many of the last events.", min=0, max=10_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show a contact: profile, lists, segments, and the last events.

    Example: populace contact shop ada@example.com
    """
    with Workspace.open(workspace, read_only=True) as opened:
        card = opened.contact(email, event_count=events)
    if as_json:
        print_json(_as_json(card))
        return
    out.print(f"[bold]{escape(card.email)}[/]")
    for name, value in card.profile.items():
        if name != "email":
            out.print(f"  {name}: {escape(_in_words(value))}", soft_wrap=True)
    if card.tags:
        out.print(f"  tags: {escape(', '.join(card.tags))}", soft_wrap=True)
    lists = ", ".join(f"{item.list_name} ({item.status})" for item in card.subscriptions)
    out.print(f"lists: {escape(lists or 'none')}", soft_wrap=True)
    out.print(f"segments: {escape(', '.join(card.segment_ids) or 'none')}", soft_wrap=True)
    out.print(f"events: {card.event_count:,}" + (f", the last {len(card.events):,}:" if card.events else ""))
    table = Table(box=None, show_header=False, padding=(0, 2))
    for is_whole in (True, True, False, False):
        table.add_column(no_wrap=is_whole)
    for event in card.events:
        what = " ".join(part for part in (event.entity_type, event.entity_id) if part)
        row = (shown_instant(event.occurred_at), event.kind, what, event.properties or "")
        table.add_row(*(escape(cell) for cell in row))
    if card.events:
        print_table(table)


def _in_words(value: object) -> str:
    if isinstance(value, datetime):
        return shown_instant(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(value: object) -> object:
    """The value of a field as JSON has it."""
    if isinstance(value, datetime):
        return shown_instant(value)
    return value.isoformat() if isinstance(value, date) else value


def _as_json(card: ContactCard) -> dict[str, object]:
    return {
        "email": card.email,
        "profile": {name: _plain(value) for name, value in card.profile.items()},
        "tags": card.tags,
        "lists": [
            {
                "id": item.list_id,
                "name": item.list_name,
                "status": item.status,
                "created_at": None if item.created_at is None else shown_instant(item.created_at),
            }
            for item in card.subscriptions
        ],
        "segments": card.segment_ids,
        "event_count": card.event_count,
        "events": [
            {
                "kind": event.kind,
                "occurred_at": shown_instant(event.occurred_at),
                "entity_type": event.entity_type,
                "entity_id": event.entity_id,
                "properties": event.properties,
            }
            for event in card.events
        ],
    }
