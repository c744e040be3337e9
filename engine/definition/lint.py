"""Definitions that are valid and yet hardly meant: never or always true, contradictory, or with the same part twice.

What is said is certain: it holds whatever the data are and whenever it is evaluated. What is not said may still be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from engine.definition.timeframes import DaysAgo, DaysAhead, DayStart, Moment, Now, Timeframe, TodayPlus
from engine.definition.tree import (
    Aggregate,
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    EventTimeCondition,
    Filter,
    GoalCondition,
    ListCondition,
    Node,
    Not,
    PropertyCondition,
    SequenceCondition,
)
from engine.definition.value_tests import (
    Comparison,
    DateIsInAnyOf,
    IsSet,
    NumberCompares,
    NumberIsAnyOf,
    NumberIsBetween,
    TextIsAnyOf,
    TimeIsInAnyOf,
)
from engine.definition.words.describe import condition_words


@dataclass(frozen=True, slots=True)
class LintWarning:
    """One thing that is hardly meant: the part of the definition in words, and what is odd about it."""

    part: str
    problem: str

    def __str__(self) -> str:
        return f"{self.part}: {self.problem}"


def lint(tree: Node) -> tuple[LintWarning, ...]:
    """What is odd about a definition, each once, from the inside out."""
    found: dict[LintWarning, None] = {}
    verdict = _Linter(found).verdict(tree)
    if verdict is not None:
        found.pop(_whole(tree, verdict), None)
        whom = "everybody" if verdict else "nobody"
        found[LintWarning("the definition", f"{_words(verdict)}: it holds {whom}")] = None
    return tuple(found)


def _whole(tree: Node, verdict: bool) -> LintWarning:
    return LintWarning(condition_words(tree), _words(verdict))


def _words(verdict: bool) -> str:
    return "is always true" if verdict else "is never true"


class _Linter:
    """Collects warnings while it looks for what is always or never true."""

    def __init__(self, found: dict[LintWarning, None]) -> None:
        self._found = found

    def verdict(self, node: Node) -> bool | None:
        """Whether a node is true for everybody (True) or for nobody (False); None if that depends."""
        match node:
            case AllOf():
                return self._of_branch(node, is_all=True)
            case AnyOf():
                return self._of_branch(node, is_all=False)
            case Not():
                inner = self.verdict(node.node)
                return None if inner is None else not inner
            case _:
                found = _verdict_of_condition(node)
                if found is not None:
                    self._found[_whole(node, found)] = None
                return found

    def _of_branch(self, node: AllOf | AnyOf, *, is_all: bool) -> bool | None:
        for index, part in enumerate(node.nodes):
            if part in node.nodes[:index]:
                self._found[LintWarning(condition_words(part), "is there twice in the same branch")] = None
        verdicts = [self.verdict(part) for part in node.nodes]
        if (not is_all) in verdicts:
            return not is_all
        if all(verdict is is_all for verdict in verdicts):
            return is_all
        for one, other in _pairs(_parts(node)):
            if _complements(one, other) or (is_all and _contradict(one, other)):
                both = f"{condition_words(one)} {'and' if is_all else 'or'} {condition_words(other)}"
                self._found[LintWarning(both, _words(not is_all))] = None
                return not is_all
        return None


def _parts(node: AllOf | AnyOf) -> list[Node]:
    """The parts of a branch, with those of branches of the same kind within it."""
    parts: list[Node] = []
    for part in node.nodes:
        parts += _parts(part) if isinstance(part, AllOf | AnyOf) and type(part) is type(node) else [part]
    return parts


def _pairs(parts: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    for index, one in enumerate(parts):
        for other in parts[index + 1 :]:
            yield one, other


def _complements(one: Node, other: Node) -> bool:
    return one == Not(other) or other == Not(one)


# --- one condition ----------------------------------------------------------------------------------------------------


def _verdict_of_condition(node: Node) -> bool | None:
    match node:
        case Filter(test=TimeIsInAnyOf(timeframes) | DateIsInAnyOf(timeframes)):
            return False if all(map(_is_empty, timeframes)) else None
        case CountInEachCondition():
            return _within(0.0, inf, _count_range(node))
        case CountCondition():
            most = 0.0 if _is_empty(node.timeframe) else inf
            return _within(0.0, most, _count_range(node))
        case EventTimeCondition() | SequenceCondition():
            return False if _is_empty(node.timeframe) else None
        case GoalCondition(aggregate=Aggregate.COUNT) | PropertyCondition(aggregate=Aggregate.DISTINCT_COUNT):
            most = 0.0 if _is_empty(node.timeframe) else inf
            low, high = node.low, node.high
            wanted = (-inf if low is None else float(low), inf if high is None else float(high))
            if low is not None and low == high and low != int(low):
                return False
            return _within(0.0, most, wanted)
        case _:
            return None


def _within(least: float, most: float, wanted: tuple[float, float]) -> bool | None:
    """Whether all values from least to most are wanted, or none; None for some."""
    low, high = wanted
    if low <= least and most <= high:
        return True
    return False if most < low or high < least else None


def _count_range(node: CountCondition | CountInEachCondition) -> tuple[float, float]:
    """The numbers that a condition wants."""
    match node.comparison:
        case Comparison.EQUAL:
            return node.count, node.count
        case Comparison.AT_MOST | Comparison.LESS:
            return 0, node.count
        case _:
            return node.count, inf


def _is_empty(timeframe: Timeframe) -> bool:
    """Whether no instant can lie in a timeframe, whenever it is evaluated."""
    match timeframe.start, timeframe.end:
        case (DaysAgo(0), Now()) | (Now(), DaysAhead(0)):
            return True
        case TodayPlus(first), TodayPlus(end):
            return first >= end
        case (DayStart(first), DayStart(end)) if first is not None and end is not None:
            return first >= end
        case (Moment(start), Moment(end_at)) if start is not None and end_at is not None:
            return start >= end_at
        case _:
            return False


# --- two conditions ---------------------------------------------------------------------------------------------------


def _contradict(one: Node, other: Node) -> bool:
    """Whether two conditions can never hold together."""
    match one, other:
        case (Filter(), Filter()) if one.subject == other.subject:
            return _tests_contradict(one, other)
        case (Filter() as has, Not(Filter(subject, IsSet()))) | (Not(Filter(subject, IsSet())), Filter() as has):
            return has.subject == subject
        case (Filter(is_one, TextIsAnyOf(wanted)), Not(Filter(is_none, TextIsAnyOf(unwanted)))) | (
            Not(Filter(is_none, TextIsAnyOf(unwanted))),
            Filter(is_one, TextIsAnyOf(wanted)),
        ):
            return is_one == is_none and set(wanted) <= set(unwanted)
        case ListCondition(), ListCondition():
            return (
                one.list_id == other.list_id and None not in (one.status, other.status) and one.status != other.status
            )
        case (ListCondition() as on, Not(ListCondition(list_id, None))) | (
            Not(ListCondition(list_id, None)),
            ListCondition() as on,
        ):
            return on.list_id == list_id
        case (CountCondition(), CountCondition()) if _counted(one) == _counted(other):
            (low, high), (other_low, other_high) = _count_range(one), _count_range(other)
            return low > other_high or other_low > high
        case _:
            return False


def _counted(node: CountCondition) -> tuple[object, ...]:
    return node.events, node.timeframe, node.of


def _tests_contradict(one: Filter, other: Filter) -> bool:
    """Whether two tests of the same value can never hold together."""
    match one.test, other.test:
        case TextIsAnyOf(texts), TextIsAnyOf(others):
            return not set(texts) & set(others)
        case _:
            ranges, other_ranges = _number_ranges(one), _number_ranges(other)
            return bool(ranges) and bool(other_ranges) and not _meet(ranges, other_ranges)


Range = tuple[float, bool, float, bool]
"""From a number, whether that belongs to it, to a number, whether that does."""


def _number_ranges(node: Filter) -> list[Range]:
    """The numbers that pass a test; nothing for a test that is not of numbers."""
    match node.test:
        case NumberIsAnyOf(numbers):
            return [(number, True, number, True) for number in numbers]
        case NumberIsBetween(low, high):
            return [(low, True, high, True)]
        case NumberCompares(Comparison.GREATER | Comparison.AT_LEAST as comparison, number):
            return [(number, comparison is Comparison.AT_LEAST, inf, True)]
        case NumberCompares(Comparison.LESS | Comparison.AT_MOST as comparison, number):
            return [(-inf, True, number, comparison is Comparison.AT_MOST)]
        case NumberCompares(number=number):
            return [(number, True, number, True)]
        case _:
            return []


def _meet(ranges: Sequence[Range], others: Sequence[Range]) -> bool:
    return any(_overlap(one, other) and _overlap(other, one) for one in ranges for other in others)


def _overlap(one: Range, other: Range) -> bool:
    """Whether one range begins before the other one has ended."""
    low, has_low, _, _ = one
    _, _, high, has_high = other
    return low < high or (low == high and has_low and has_high)
