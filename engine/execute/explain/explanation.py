"""Why a contact is in a segment or not: the definition's tree with the truth at every node, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.definition.tree import CONTACT_TIMEZONE, AllOf, Node, Not, Segment, SegmentCondition
from engine.definition.walk import queries_of
from engine.definition.words.describe import branch_words, condition_words
from engine.execute.explain.changes import single_changes
from engine.execute.explain.conditions import watched_condition
from engine.execute.explain.contact_values import ContactValues
from engine.execute.explain.details import Details, details_of
from engine.execute.explain.next_change import Key, answers_of, circuits, next_change
from engine.execute.explain.reading import conditions_of
from engine.execute.explain.watched import Watched

MOST_NESTED_SEGMENTS = 20
"""Segments that name segments that name segments: the tree goes no deeper."""


@dataclass(frozen=True, slots=True)
class ExplainedNode:
    """A node of a definition in words, and whether it holds.

    A branch has parts; a condition has details, or the tree of the segment that it names as its part. `zone_name` says
    whose days it is about.
    """

    node: Node
    words: str
    holds: bool
    zone_name: str
    details: Details | None
    parts: tuple[ExplainedNode, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a contact is in a segment at `as_of`, or not. Instants are UTC.

    `next_change_at` is when it enters or leaves if nothing else happens; None for never. `changes` are single things,
    in words, that would make it enter or leave at once, where they are simple. Where a query of an analyst has a part
    in it, neither is known: `is_foreseen` is false. From `exact_since` on contacts are known as they were; None: from
    the beginning on.
    """

    email: str
    segment: Segment
    as_of: datetime
    is_member: bool
    zone_name: str
    tree: ExplainedNode
    next_change_at: datetime | None
    changes: tuple[str, ...]
    is_foreseen: bool
    exact_since: datetime | None


def explained(
    email: str,
    segments: Sequence[Segment],
    values: ContactValues,
    as_of: datetime,
    *,
    exact_since: datetime | None = None,
) -> Explanation:
    """The explanation for the last of the segments; each comes after those that it names."""
    zones = {segment.id: zone_of(segment, values) for segment in segments}
    watched: dict[Key, Watched] = {
        (segment.id, node): watched_condition(node, values, zones[segment.id])
        for segment in segments
        for node in conditions_of(segment.tree)
        if not isinstance(node, SegmentCondition)
    }
    answers = {key: item.holds(as_of) for key, item in watched.items()}
    found = answers_of(circuits(segments, {}), answers)
    seen = _Seen({segment.id: segment for segment in segments}, zones, watched, answers, found, values, as_of)
    target = segments[-1]
    is_foreseen = not any(queries_of(segment.tree) for segment in segments)
    return Explanation(
        email=email,
        segment=target,
        as_of=as_of,
        is_member=found[target.id],
        zone_name=zones[target.id],
        tree=seen.tree(target.tree, target.id),
        next_change_at=next_change(segments, watched, as_of) if is_foreseen else None,
        changes=tuple(single_changes(segments, watched, answers, values, as_of)) if is_foreseen else (),
        is_foreseen=is_foreseen,
        exact_since=exact_since,
    )


def zone_of(segment: Segment, values: ContactValues) -> str:
    """The zone in which a segment looks at the days of a contact."""
    return values.zone_name if segment.timezone == CONTACT_TIMEZONE else segment.timezone


@dataclass(frozen=True, slots=True)
class _Seen:
    """Everything that is known at the instant."""

    segments: Mapping[str, Segment]
    zones: Mapping[str, str]
    watched: Mapping[Key, Watched]
    answers: Mapping[Key, bool]
    found: Mapping[str, bool]
    values: ContactValues
    as_of: datetime

    def tree(self, node: Node, segment_id: str, nested: int = 0) -> ExplainedNode:
        """A node of a segment that is so many segments away from the one that is explained."""
        while isinstance(node, Not) and isinstance(node.node, Not):
            node = node.node.node
        zone_name = self.zones[segment_id]
        branch = branch_words(node)
        if branch is not None:
            words, nodes = branch
            parts = tuple(self.tree(part, segment_id, nested) for part in nodes)
            return ExplainedNode(node, words, _branch_holds(node, parts), zone_name, None, parts)
        is_negated = isinstance(node, Not)
        inner = node.node if isinstance(node, Not) else node
        words = condition_words(node)
        if isinstance(inner, SegmentCondition):
            holds = self.found[inner.segment_id] != is_negated
            return ExplainedNode(node, words, holds, zone_name, None, self._other(inner.segment_id, nested))
        key = (segment_id, inner)
        details = details_of(inner, self.watched[key], self.values, self.as_of)
        return ExplainedNode(node, words, self.answers[key] != is_negated, zone_name, details, ())

    def _other(self, segment_id: str, nested: int) -> tuple[ExplainedNode, ...]:
        if nested == MOST_NESTED_SEGMENTS:
            return ()
        return (self.tree(self.segments[segment_id].tree, segment_id, nested + 1),)


def _branch_holds(node: Node, parts: Sequence[ExplainedNode]) -> bool:
    """Whether a branch, or the complement of one, holds."""
    branch = node.node if isinstance(node, Not) else node
    holds = all(part.holds for part in parts) if isinstance(branch, AllOf) else any(part.holds for part in parts)
    return holds != isinstance(node, Not)
