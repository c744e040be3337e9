"""`populace record`: events, or custom events, from a file or standard input."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.contact_writes import ItemsFile, ResultsFile, write_file
from api.cli.options import AsJson, WorkspaceFolder


def record(
    workspace: WorkspaceFolder,
    file: ItemsFile,
    custom: Annotated[bool, typer.Option("--custom", help="They are custom events: event_name, external_id.")] = False,
    results: ResultsFile = None,
    as_json: AsJson = False,
) -> None:
    """Record what happened to contacts: one event as a JSON object a line, each once by its id.

    A line that is not valid fails alone, and is named with its number on standard error. Then the exit code is 2. The
    same file once more changes nothing, as far as its events have ids.

    Example: echo '{"email": "ada@example.com", "kind": "open_email", "occurred_at": "2026-05-01T10:00:00Z"}'
    | populace record shop -
    """
    write_file(
        workspace,
        file,
        results,
        lambda opened: (
            (opened.events.record_custom_many, "custom_events") if custom else (opened.events.record_many, "events")
        ),
        as_json=as_json,
    )
