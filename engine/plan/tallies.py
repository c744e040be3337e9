"""Which conditions can be found by counting and summing up events one by one, outside of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from engine.plan.expressions import facts_of, local_windows_of_fact
from engine.plan.nodes import (
    AverageIsWithin,
    CountIs,
    Expression,
    Fact,
    LatestIsSince,
    Measure,
    MeasureIsWithin,
)
from engine.plan.scans import TallyScan
from engine.plan.windows import LocalWindow, Window

VALUES = frozenset({Measure.SUM, Measure.VALUE_COUNT, Measure.MINIMUM, Measure.MAXIMUM})
"""The measures that need the value of each event."""

_MEASURES = VALUES | {Measure.COUNT, Measure.LATEST}


def can_be_tallied(leaf: Expression) -> bool:
    """Whether a leaf asks for counts, sums, minima or maxima in windows that are the same for every contact."""
    if not isinstance(leaf, CountIs | LatestIsSince | MeasureIsWithin | AverageIsWithin):
        return False
    return all(fact.measure in _MEASURES and not any(local_windows_of_fact(fact)) for fact in facts_of(leaf))


def window_of(leaf: Expression, fact: Fact) -> Window:
    """The stretch of events that a leaf needs of a fact.

    The latest event is needed only as far back as the instant that it is compared with.
    """
    window = fact.window.hull if isinstance(fact.window, LocalWindow) else fact.window
    return Window(leaf.start_at, window.end_at) if isinstance(leaf, LatestIsSince) else window


def edges_of(leaves: tuple[Expression, ...]) -> tuple[datetime, ...]:
    """The instants, in order, at which a window of the leaves starts or ends."""
    windows = [window_of(leaf, fact) for leaf in leaves for fact in facts_of(leaf)]
    return tuple(sorted({at for window in windows for at in (window.start_at, window.end_at) if at is not None}))


def moved(scan: TallyScan, instants: Mapping[datetime, datetime]) -> TallyScan:
    """The same scan at another evaluation, where each of its instants has become another one."""

    def of_window(window: Window) -> Window:
        start_at, end_at = window.start_at, window.end_at
        return Window(
            None if start_at is None else instants.get(start_at, start_at),
            None if end_at is None else instants.get(end_at, end_at),
        )

    def of_fact(fact: Fact) -> Fact:
        assert isinstance(fact.window, Window)
        return replace(fact, window=of_window(fact.window))

    def of_leaf(leaf: Expression) -> Expression:
        match leaf:
            case LatestIsSince(start_at=at):
                return LatestIsSince(of_fact(leaf.fact), None if at is None else instants.get(at, at))
            case CountIs() | MeasureIsWithin():
                return replace(leaf, fact=of_fact(leaf.fact))
            case AverageIsWithin():
                return replace(leaf, total=of_fact(leaf.total), count=of_fact(leaf.count))
            case _:
                return leaf

    conditions = tuple(replace(item, leaf=of_leaf(item.leaf)) for item in scan.conditions)
    return replace(scan, hull=of_window(scan.hull), conditions=conditions)
