"""Walking and rebuilding expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.definition.value_tests import Comparison
from engine.plan.nodes import (
    AverageIsWithin,
    Complement,
    CountIs,
    DidSteps,
    Events,
    EventTimeIsIn,
    Every,
    Expression,
    Fact,
    GoalEvents,
    IsInWindows,
    KindOfEvents,
    LatestIsSince,
    Measure,
    MeasureIsWithin,
    Some,
    ValueTest,
)
from engine.plan.windows import LocalWindow


def leaves(expression: Expression) -> Iterator[Expression]:
    """Every part that is no branch, left to right."""
    match expression:
        case Every() | Some():
            for part in expression.parts:
                yield from leaves(part)
        case Complement():
            yield from leaves(expression.part)
        case _:
            yield expression


def replace_leaves(expression: Expression, replace: Callable[[Expression], Expression]) -> Expression:
    """The same tree with every leaf replaced."""
    match expression:
        case Every():
            return Every(tuple(replace_leaves(part, replace) for part in expression.parts))
        case Some():
            return Some(tuple(replace_leaves(part, replace) for part in expression.parts))
        case Complement():
            return Complement(replace_leaves(expression.part, replace))
        case _:
            return replace(expression)


def facts_of(leaf: Expression) -> tuple[Fact, ...]:
    """The facts that a leaf reads."""
    match leaf:
        case CountIs() | LatestIsSince() | EventTimeIsIn() | MeasureIsWithin():
            return (leaf.fact,)
        case AverageIsWithin():
            return (leaf.total, leaf.count)
        case _:
            return ()


def source_of(events: Events) -> Events:
    """What is read to find the events: without what else is asked of them, so that others are found there, too."""
    match events:
        case KindOfEvents():
            return KindOfEvents(events.kind)
        case GoalEvents():
            return GoalEvents(events.goal_type)


def holds_without_events(leaf: Expression) -> bool:
    """Whether a leaf is true for a contact that has no event, or no subscription, at all."""
    match leaf:
        case CountIs():
            return compares(0, leaf.comparison, leaf.number)
        case MeasureIsWithin(fact=Fact(measure=Measure.COUNT | Measure.SUM | Measure.DISTINCT_COUNT)):
            return (leaf.low is None or leaf.low <= 0) and (leaf.high is None or leaf.high >= 0)
        case _:
            return False


def compares(value: int, comparison: Comparison, number: int) -> bool:
    """Whether the value relates to the number so."""
    match comparison:
        case Comparison.EQUAL:
            return value == number
        case Comparison.GREATER:
            return value > number
        case Comparison.AT_LEAST:
            return value >= number
        case Comparison.LESS:
            return value < number
        case Comparison.AT_MOST:
            return value <= number


def local_windows_of(leaf: Expression) -> Iterator[LocalWindow]:
    """The windows that a leaf compares an instant with, or counts events in, and that differ by time zone."""
    if isinstance(leaf, ValueTest) and isinstance(leaf.test, IsInWindows):
        yield from (window for window in leaf.test.windows if isinstance(window, LocalWindow))
    if isinstance(leaf, EventTimeIsIn) and isinstance(leaf.window, LocalWindow):
        yield leaf.window
    if isinstance(leaf, DidSteps):
        if isinstance(leaf.window, LocalWindow):
            yield leaf.window
        for events in leaf.all_events:
            yield from local_windows_of_events(events)
    for fact in facts_of(leaf):
        yield from local_windows_of_fact(fact)


def local_windows_of_fact(fact: Fact) -> Iterator[LocalWindow]:
    """The windows of a fact, or of the filter on its events, that differ by time zone."""
    if isinstance(fact.window, LocalWindow):
        yield fact.window
    if isinstance(fact.events, KindOfEvents):
        yield from local_windows_of_events(fact.events)


def local_windows_of_events(events: KindOfEvents) -> Iterator[LocalWindow]:
    """The windows of the filter on events that differ by time zone."""
    if events.event_filter is not None:
        for leaf in leaves(events.event_filter):
            yield from local_windows_of(leaf)
