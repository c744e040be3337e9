"""`populace init`: a new workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.console import out
from api.cli.options import zone_name
from ingest.workspace import Workspace


def init(
    workspace: Annotated[Path, typer.Argument(help="Folder to make; it must not be there yet, or be empty.")],
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Zone of segments and contacts that have none of their own.")
    ] = "UTC",
) -> None:
    """Make a workspace: a folder that keeps contacts, what happens to them, segments, and who is in which.

    Example: populace init shop --timezone Europe/Berlin
    """
    Workspace.create(workspace, timezone=zone_name(timezone))
    here = escape(str(workspace))
    out.print(f"[bold]{here}[/] is a workspace now. Next: populace import {here} DATASET", soft_wrap=True)
