"""Every node of a tree."""

from __future__ import annotations

from collections.abc import Iterator

from engine.definition.tree import (
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    EventTimeCondition,
    Node,
    Not,
    PropertyCondition,
    SequenceCondition,
    SqlCondition,
)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, filters on events too, parents first."""
    yield node
    match node:
        case AllOf() | AnyOf():
            for child in node.nodes:
                yield from walk(child)
        case Not():
            yield from walk(node.node)
        case CountCondition() | CountInEachCondition() | EventTimeCondition() | PropertyCondition():
            if node.events.event_filter is not None:
                yield from walk(node.events.event_filter)
        case SequenceCondition():
            for events in node.all_events:
                if events.event_filter is not None:
                    yield from walk(events.event_filter)
        case _:
            pass


def queries_of(node: Node) -> list[SqlCondition]:
    """The conditions that are queries of an analyst, in order."""
    return [part for part in walk(node) if isinstance(part, SqlCondition)]
