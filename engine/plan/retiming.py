"""The same plan at another instant: where the edges of its windows lie in the same order, nothing else is different."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from engine.definition.tree import (
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    CountOf,
    Node,
    Not,
    Segment,
    SegmentCondition,
    SequenceCondition,
    SqlCondition,
)
from engine.definition.walk import walk
from engine.plan.bind import Catalog, membership_expression
from engine.plan.nodes import Expression
from engine.plan.windows import LocalWindow, Window, just_after

_NOT_AT_ALL = timedelta(0)


@dataclass(frozen=True, slots=True)
class Retiming:
    """Where each instant of a plan lies at another `as_of`, and which local window each one has become."""

    instants: Mapping[datetime, datetime]
    windows: Mapping[LocalWindow, LocalWindow]


@dataclass(frozen=True, slots=True)
class SmoothRetiming:
    """A retiming at every instant of a stretch in which edges only move as time does, or not at all.

    `first` is that at its first instant. Raises nothing, and asks no definition.
    """

    first_at: datetime
    last_at: datetime
    first: Retiming
    moving: frozenset[datetime]

    @classmethod
    def between(cls, first_at: datetime, first: Retiming, last_at: datetime, last: Retiming) -> SmoothRetiming | None:
        """The retimings from the one to the other, both of the same plan; None if an edge jumps in between.

        Edges that lie in the same order at both ends do so at every instant between them.
        """
        passed = last_at - first_at
        moves = {old: last.instants[old] - at for old, at in first.instants.items()}
        if first.windows != last.windows or any(move not in (passed, _NOT_AT_ALL) for move in moves.values()):
            return None
        moving = frozenset(old for old, move in moves.items() if move == passed)
        return cls(first_at, last_at, first, moving)

    def at(self, as_of: datetime) -> Retiming | None:
        """The retiming at an instant; None if that is not in the stretch."""
        if not self.first_at <= as_of <= self.last_at:
            return None
        passed = as_of - self.first_at
        instants = {old: at + passed if old in self.moving else at for old, at in self.first.instants.items()}
        return Retiming(instants, self.first.windows)


@dataclass(frozen=True, slots=True)
class Question:
    """A leaf of segments, with the zone that its days are those of."""

    node: Node
    timezone: str


def questions_of(segments: Sequence[Segment]) -> tuple[Question, ...]:
    """All different leaves, but for those that name segments."""
    return tuple(
        dict.fromkeys(Question(node, segment.timezone) for segment in segments for node in _leaves(segment.tree))
    )


def answers_at(questions: Sequence[Question], catalog: Catalog, as_of: datetime) -> list[Expression]:
    """The leaves with the edges of their windows in place at an instant."""
    return [
        membership_expression(Segment("", "", None, item.timezone, item.node, ""), catalog, as_of) for item in questions
    ]


def can_be_retimed(segment: Segment) -> bool:
    """Whether a plan has nothing but instants and windows to say when it asks this.

    The days of a zone, and what must be absent after something, become numbers.
    """
    for node in walk(segment.tree):
        match node:
            case CountCondition(of=CountOf.DAYS) | CountInEachCondition(of=CountOf.DAYS):
                return False
            case SequenceCondition() if node.absent is not None:
                return False
            case _:
                pass
    return True


def retiming(
    old: Sequence[Expression], new: Sequence[Expression], *, old_as_of: datetime, new_as_of: datetime
) -> Retiming | None:
    """How the same leaves differ from one instant to the other; None if in more than where their windows lie."""
    pairs: dict[datetime, datetime] = {}
    windows: dict[LocalWindow, LocalWindow] = {}
    try:
        for old_leaf, new_leaf in zip(old, new, strict=True):
            for one, other in _pairs(old_leaf, new_leaf):
                known = windows if isinstance(one, LocalWindow) else pairs
                if known.setdefault(one, other) != other:
                    return None
    except _OtherShapeError:
        return None
    for one, other in ((old_as_of, new_as_of), (just_after(old_as_of), just_after(new_as_of))):
        if one is not None and other is not None and pairs.setdefault(one, other) != other:
            return None
    in_order = [pairs[at] for at in sorted(pairs)]
    is_in_order = all(first < second for first, second in pairwise(in_order))
    return Retiming(pairs, windows) if is_in_order and len(set(windows.values())) == len(windows) else None


class _OtherShapeError(Exception):
    """Two expressions differ in more than where their windows lie."""


def _leaves(node: Node) -> Iterator[Node]:
    match node:
        case AllOf() | AnyOf():
            for child in node.nodes:
                yield from _leaves(child)
        case Not():
            yield from _leaves(node.node)
        case SegmentCondition() | SqlCondition():
            pass
        case _:
            yield node


def _pairs(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Instants and local windows at the same places of two expressions. Raises: _OtherShapeError."""
    kind = type(one)
    if kind is not type(other):
        raise _OtherShapeError
    if kind is Window:
        yield from _pairs_of_window(one, other)
    elif kind is LocalWindow:
        yield one, other
        yield from _pairs_of_window(one.hull, other.hull)
    elif kind is datetime:
        yield one, other
    elif kind is tuple:
        if len(one) != len(other):
            raise _OtherShapeError
        for first, second in zip(one, other, strict=True):
            yield from _pairs(first, second)
    elif (names := _field_names(kind)) is not None:
        for name in names:
            yield from _pairs(getattr(one, name), getattr(other, name))
    elif one != other:
        raise _OtherShapeError


def _pairs_of_window(one: Window, other: Window) -> Iterator[tuple[datetime, datetime]]:
    for first, second in ((one.start_at, other.start_at), (one.end_at, other.end_at)):
        if (first is None) != (second is None):
            raise _OtherShapeError
        if first is not None and second is not None:
            yield first, second


def _field_names(kind: Any) -> tuple[str, ...] | None:
    if kind not in _FIELD_NAMES:
        _FIELD_NAMES[kind] = tuple(item.name for item in fields(kind)) if is_dataclass(kind) else None
    return _FIELD_NAMES[kind]


_FIELD_NAMES: dict[Any, tuple[str, ...] | None] = {}
