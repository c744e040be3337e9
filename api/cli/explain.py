"""`populace explain`: why a contact is in a segment or not, and when that changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.console import out, print_json
from api.cli.options import AsJson, AsOf, WorkspaceFolder, as_of_instant
from api.documents.explanation import explanation_as_json
from api.documents.instants import exactness, shown_instant
from engine.execute.explain import ExplainedNode, Explanation
from engine.execute.explain.local_times import local_text
from ingest.workspace import Workspace

_SHOWN_EVENTS = 3
"""How many events of a condition the tree for people has; --json gives up to 20."""


def explain(
    workspace: WorkspaceFolder,
    segment: Annotated[str, typer.Argument(help="Id of the segment.", metavar="SEGMENT")],
    email: Annotated[str, typer.Argument(help="E-mail of the contact.", metavar="EMAIL")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a contact is in a segment or not: what holds, what decided it, what would change it, and when.

    The definition is evaluated at the instant, for this contact alone; what a recompute stored plays no part.

    Example: populace explain shop vip ada@example.com
    """
    instant = as_of_instant(as_of)
    with Workspace.open(workspace, read_only=True) as opened:
        found = opened.explain(segment, email, as_of=instant)
    if as_json:
        print_json(explanation_as_json(found))
        return
    for line in explanation_lines(found):
        out.print(line, soft_wrap=True)


def explanation_lines(found: Explanation) -> Iterator[str]:
    """The explanation for people, as lines of rich markup. Times are local, in the zone that the first line names."""
    verb = "[green]is in[/]" if found.is_member else "[red]is not in[/]"
    how_exact = exactness(found.as_of, found.exact_since)
    past = "" if how_exact == "exact" else f" ({how_exact})"
    at = f"{local_text(found.as_of, found.zone_name)} {found.zone_name}"
    yield f"[bold]{escape(found.email)}[/] {verb} [bold]{escape(found.segment.id)}[/] at {escape(at)}{past}"
    yield from _node_lines(found.tree, "", found.zone_name)
    for words in found.changes:
        yield f"would {'leave' if found.is_member else 'enter'} with: {escape(words)}"
    if not found.is_foreseen:
        yield "if nothing else happens: nobody can tell; a query may find others at any time"
    elif found.next_change_at is None:
        yield f"if nothing else happens: {'stays in' if found.is_member else 'never enters'}"
    else:
        when = f"{local_text(found.next_change_at, found.zone_name)} {found.zone_name}"
        yield (
            f"if nothing else happens: {'leaves' if found.is_member else 'enters'} at {escape(when)} "
            f"({shown_instant(found.next_change_at)})"
        )


def _node_lines(node: ExplainedNode, indent: str, outer_zone: str) -> Iterator[str]:
    mark = "[green]yes[/]" if node.holds else "[red]no[/] "
    zone = f"  [dim](days of {escape(node.zone_name)})[/]" if node.zone_name != outer_zone else ""
    found = "" if node.details is None else f"  [dim]{escape(node.details.found)}[/]"
    yield f"{indent}{mark} {escape(node.words)}{found}{zone}"
    if node.details is not None:
        for event in node.details.events[:_SHOWN_EVENTS]:
            said = [local_text(event.occurred_at, node.zone_name), event.kind, event.reference, event.properties]
            yield f"{indent}    [dim]{escape(' '.join(part for part in said if part))}[/]"
        more = node.details.event_count - len(node.details.events[:_SHOWN_EVENTS])
        if more > 0 and node.details.events:
            yield f"{indent}    [dim]and {more:,} before[/]"
    for part in node.parts:
        yield from _node_lines(part, f"{indent}  ", node.zone_name)
