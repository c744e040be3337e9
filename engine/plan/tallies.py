"""Which conditions can be found by counting and summing up events one by one, outside of SQL."""

from __future__ import annotations

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
from engine.plan.windows import LocalWindow, Window

VALUES = frozenset({Measure.SUM, Measure.VALUE_COUNT, Measure.MINIMUM, Measure.MAXIMUM})
"""The measures that need the value of each event."""

_MEASURES = VALUES | {Measure.COUNT, Measure.LATEST}


def can_be_tallied(leaf: Expression) -> bool:
    """Whether a leaf asks for counts, sums, minima or maxima in windows that are the same for every contact.

    Not of values in properties: to read those out of JSON is most of the work, and it is shared by all in SQL.
    """
    if not isinstance(leaf, CountIs | LatestIsSince | MeasureIsWithin | AverageIsWithin):
        return False
    return all(
        fact.measure in _MEASURES and fact.path is None and not any(local_windows_of_fact(fact))
        for fact in facts_of(leaf)
    )


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
