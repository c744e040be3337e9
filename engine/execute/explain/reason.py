"""Why a contact is in a segment or not, in one line."""

from __future__ import annotations

from collections.abc import Iterator

from engine.definition.tree import Not
from engine.definition.words.describe import branch_words
from engine.definition.words.texts import counted
from engine.execute.explain.explanation import ExplainedNode

MOST_CONDITIONS = 3


def reason_of(tree: ExplainedNode) -> str:
    """The conditions that decide, and what each found: `no: country is "DE" (it is "US")`."""
    deciding = list(_deciding(tree))
    said = [_said(node) for node in deciding[:MOST_CONDITIONS]]
    more = len(deciding) - len(said)
    return "; ".join([*said, *([f"and {counted(more, 'more condition')}"] if more else [])])


def _said(node: ExplainedNode) -> str:
    found = "" if node.details is None else f" ({node.details.found})"
    return f"{'yes' if node.holds else 'no'}: {node.words}{found}"


def _deciding(node: ExplainedNode) -> Iterator[ExplainedNode]:
    """The conditions that make a tree hold or not: where one must, and none does, all of them."""
    if branch_words(node.node) is None:
        yield node
        return
    branch_holds = node.holds is not isinstance(node.node, Not)
    for part in node.parts:
        if part.holds is branch_holds:
            yield from _deciding(part)
