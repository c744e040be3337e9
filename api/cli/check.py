"""`populace check`: whether everything holds that must hold in a workspace."""

from __future__ import annotations

import typer
from rich.markup import escape

from api.cli.console import EXIT_OUR_FAULT, out, print_json
from api.cli.options import AsJson, MemoryLimit, WorkspaceFolder, memory_bytes
from engine.execute.check import CheckedInvariant
from ingest.workspace import Workspace


def check(workspace: WorkspaceFolder, memory_limit: MemoryLimit = None, as_json: AsJson = False) -> None:
    """Look at everything that must hold in a workspace, and say what does not: exit code 1 then. Nothing is changed.

    Contacts are numbered without gaps and known by what they have, no row is an orphan, nothing is there twice, words
    are in the vocabulary, transitions add up to the members, and the members are those of a recompute.

    Example: populace check shop
    """
    with Workspace.open(workspace, read_only=True, memory_bytes=memory_bytes(memory_limit)) as opened:
        report = opened.check(on_invariant=None if as_json else _print)
    if as_json:
        print_json(
            {
                "is_clean": report.is_clean,
                "invariants": [
                    {
                        "name": item.name,
                        "violations": item.violation_count,
                        "examples": list(item.examples),
                        "note": item.note,
                        "seconds": round(item.seconds, 6),
                    }
                    for item in report.invariants
                ],
            }
        )
    else:
        broken = sum(1 for item in report.invariants if item.violation_count)
        count = len(report.invariants)
        what = f"all {count} invariants hold" if report.is_clean else f"{broken} of {count} invariants are broken"
        out.print(f"[bold]{escape(str(workspace))}[/]: {what}", soft_wrap=True)
    if not report.is_clean:
        raise typer.Exit(EXIT_OUR_FAULT)


def _print(item: CheckedInvariant) -> None:
    """A line for an invariant, and some examples of what breaks it."""
    what = f"[bold red]{item.violation_count:,} wrong[/]" if item.violation_count else "ok"
    note = f" ({item.note})" if item.note else ""
    out.print(f"{item.name}: {what}{note}, {item.seconds:.2f} s", soft_wrap=True)
    for example in item.examples:
        out.print(f"    {escape(example)}", soft_wrap=True)
