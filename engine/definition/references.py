"""Segments that name other segments: every name leads somewhere, and none leads back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.definition.tree import Segment, SegmentCondition
from engine.definition.walk import walk
from engine.errors import DefinitionError, SegmentsFileError, UnknownReferenceError


def references_of(segment: Segment) -> list[SegmentCondition]:
    """The conditions that name other segments, in order."""
    return [node for node in walk(segment.tree) if isinstance(node, SegmentCondition)]


def check_references_of(segments: Iterable[Segment], known: Mapping[str, Segment]) -> None:
    """Refuse segments that name one which is neither given nor known, or themselves through whomever they name.

    Raises: SegmentsFileError naming the segment.
    """
    segments = list(segments)
    every = {**known, **{segment.id: segment for segment in segments}}
    for segment in segments:
        try:
            for condition in references_of(segment):
                if condition.segment_id not in every:
                    raise UnknownReferenceError(condition.segment_id, path=condition.at, known=every)
                way = _way_back(condition, segment.id, every)
                if way is not None:
                    raise DefinitionError(condition.at, f"leads back to the segment itself: {' -> '.join(way)}")
        except DefinitionError as error:
            raise SegmentsFileError(f"segment {segment.id!r}: {error}") from error


def with_referenced(segments: Iterable[Segment], others: Mapping[str, Segment]) -> list[Segment]:
    """The segments and all that they name, directly or not, each after those that it names.

    What they name is among them or among the others: see `check_references_of`. Raises: KeyError if it is not.
    """
    segments = list(segments)
    every = {**others, **{segment.id: segment for segment in segments}}
    ordered: dict[str, Segment] = {}
    for segment in segments:
        _add(segment, every, ordered)
    return list(ordered.values())


def with_referrers(segment_ids: Iterable[str], segments: Iterable[Segment]) -> frozenset[str]:
    """The ids, and those of all segments that name one of them, directly or not."""
    found, waiting = set[str](), list(segment_ids)
    named_by: dict[str, list[str]] | None = None
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            named_by = _named_by(segments) if named_by is None else named_by
            waiting += named_by.get(current, ())
    return frozenset(found)


def _named_by(segments: Iterable[Segment]) -> dict[str, list[str]]:
    """By the id of a segment, the ids of those that name it."""
    named_by: dict[str, list[str]] = {}
    for segment in segments:
        for condition in references_of(segment):
            named_by.setdefault(condition.segment_id, []).append(segment.id)
    return named_by


def referrers(segment_id: str, segments: Iterable[Segment]) -> list[str]:
    """The ids of the segments that name one."""
    return [
        segment.id
        for segment in segments
        if any(condition.segment_id == segment_id for condition in references_of(segment))
    ]


def _add(segment: Segment, every: Mapping[str, Segment], ordered: dict[str, Segment]) -> None:
    """Put a segment at the end, those that it names before it. Without recursion: a chain can be long."""
    waiting: list[tuple[Segment, Iterator[SegmentCondition]]] = [(segment, iter(references_of(segment)))]
    while waiting:
        current, names = waiting[-1]
        named = next((every[name.segment_id] for name in names if name.segment_id not in ordered), None)
        if named is None:
            waiting.pop()
            ordered.setdefault(current.id, current)
        else:
            waiting.append((named, iter(references_of(named))))


def _way_back(condition: SegmentCondition, segment_id: str, every: Mapping[str, Segment]) -> list[str] | None:
    """The ids from a segment over what a condition of it names back to it; None if there is no way."""
    came_from: dict[str, str] = {condition.segment_id: segment_id}
    waiting = [condition.segment_id]
    while waiting:
        current = waiting.pop()
        if current == segment_id:
            way = [segment_id, came_from[segment_id]]
            while way[-1] != segment_id:
                way.append(came_from[way[-1]])
            return way[::-1]
        if current in every:
            for named in references_of(every[current]):
                if named.segment_id not in came_from:
                    came_from[named.segment_id] = current
                    waiting.append(named.segment_id)
    return None
