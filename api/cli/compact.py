"""`populace compact`: the file of a workspace without the room of what was removed."""

from __future__ import annotations

import time

from rich.filesize import decimal
from rich.markup import escape

from api.cli.console import finish_undisturbed, out, print_json
from api.cli.options import AsJson, MemoryLimit, WorkspaceFolder, memory_bytes
from ingest.workspace import Workspace


def compact(workspace: WorkspaceFolder, memory_limit: MemoryLimit = None, as_json: AsJson = False) -> None:
    """Write the file of a workspace anew: the bytes of removed rows are gone, contacts lie in order.

    It needs room for a second file while it works. Stopped or killed, the workspace is as before.

    Example: populace compact shop
    """
    started = time.perf_counter()
    with Workspace.open(workspace, memory_bytes=memory_bytes(memory_limit)) as opened:
        sizes = opened.compact()
        finish_undisturbed()
    seconds = time.perf_counter() - started
    if as_json:
        fields = {"before_bytes": sizes.before_bytes, "after_bytes": sizes.after_bytes, "seconds": round(seconds, 6)}
        print_json(fields)
        return
    change = f"{decimal(sizes.before_bytes)} before, {decimal(sizes.after_bytes)} after"
    out.print(f"[bold]{escape(str(workspace))}[/]: {change}, in {seconds:.2f} s", soft_wrap=True)
