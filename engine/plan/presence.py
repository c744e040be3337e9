"""Rewrite: "at least once since t" and "never since t" read the latest event instead of a count of their own."""

from __future__ import annotations

from datetime import datetime

from engine.definition.value_tests import Comparison
from engine.plan.expressions import replace_leaves
from engine.plan.nodes import Complement, CountIs, Expression, Fact, LatestIsSince, Measure, MeasureIsWithin
from engine.plan.windows import Window, just_after


def read_presence_from_latest(expression: Expression, as_of: datetime) -> Expression:
    """The same members, with one latest event for any number of windows that reach up to `as_of`.

    Declines where a window ends before `as_of` (a later event would hide the ones in it) and where its edges differ
    by time zone (one instant per contact cannot be compared with one edge).
    """
    end_at = just_after(as_of)

    def replaced(leaf: Expression) -> Expression:
        asks_for_one = asks_for_one_event(leaf)
        if asks_for_one is None:
            return leaf
        fact, present = asks_for_one
        if not isinstance(fact.window, Window) or fact.window.end_at != end_at:
            return leaf
        latest = Fact(fact.events, Window(None, end_at), Measure.LATEST)
        since = LatestIsSince(latest, fact.window.start_at)
        return since if present else Complement(since)

    return replace_leaves(expression, replaced)


def asks_for_one_event(leaf: Expression) -> tuple[Fact, bool] | None:
    """The counted fact, with True for "at least one" and False for "none"; None for any other question."""
    match leaf:
        case CountIs(fact, Comparison.AT_LEAST, 1):
            return fact, True
        case CountIs(fact, Comparison.EQUAL | Comparison.AT_MOST, 0):
            return fact, False
        case MeasureIsWithin(Fact(measure=Measure.COUNT) as fact, low, high):
            if high is None and low is not None and 0 < low <= 1:
                return fact, True
            if high is not None and 0 <= high < 1 and (low is None or low <= 0):
                return fact, False
        case _:
            pass
    return None
