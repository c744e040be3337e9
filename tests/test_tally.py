"""Events counted and summed up outside of SQL are those that Python's own numbers give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from random import Random

import pyarrow as pa
import pytest

from engine.definition.value_tests import Comparison
from engine.execute.tally import SumTooLargeError, Tally
from engine.plan.expressions import compares, facts_of, holds_without_events
from engine.plan.nodes import (
    AverageIsWithin,
    CountIs,
    Expression,
    Fact,
    GoalEvents,
    LatestIsSince,
    Measure,
    MeasureIsWithin,
)
from engine.plan.scans import Condition, TallyScan
from engine.plan.tallies import window_of
from engine.plan.windows import Window, lies_in

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = GoalEvents("purchase")
Row = tuple[int, datetime, Decimal | None]

CONTACTS = 4
INSTANTS = [START + timedelta(microseconds=number) for number in range(6)]
BOUNDS = [None, *(Decimal(text) for text in ("0", "0.1", "-0.100000001", "1.5", "3", "12000000000", "4e28"))]
VALUES = [None, *(Decimal(text) for text in ("0", "0.1", "-0.1", "1.5", "0.000000001"))]
LARGE = [*VALUES, Decimal(9_000_000_000), Decimal("12345678901234567890.123456789"), Decimal(-6_000_000_000)]


def leaf_of(choose: Random) -> Expression:
    """Any question that can be tallied."""
    window = Window(choose.choice([None, *INSTANTS]), choose.choice([None, *INSTANTS]))
    low, high = choose.choice(BOUNDS), choose.choice(BOUNDS)
    count = Fact(EVENTS, window, Measure.COUNT)
    match choose.randrange(4):
        case 0:
            return CountIs(count, choose.choice(list(Comparison)), choose.choice([0, 1, 2, 5_000_000_000]))
        case 1:
            latest = Fact(EVENTS, Window(None, window.end_at), Measure.LATEST)
            return LatestIsSince(latest, window.start_at)
        case 2:
            total, values = Fact(EVENTS, window, Measure.SUM), Fact(EVENTS, window, Measure.VALUE_COUNT)
            return AverageIsWithin(total, values, low, high)
        case _:
            measures = [Measure.COUNT, Measure.SUM, Measure.MINIMUM, Measure.MAXIMUM]
            return MeasureIsWithin(Fact(EVENTS, window, choose.choice(measures)), low, high)


def holds(leaf: Expression, rows: list[Row]) -> bool:
    """Whether it holds for a contact with these events."""

    def of(window: Window) -> list[Decimal | None]:
        start, end = window.start_at, window.end_at
        return [value for _, at, value in rows if (start is None or at >= start) and (end is None or at < end)]

    def within(number: Decimal | int) -> bool:
        assert isinstance(leaf, MeasureIsWithin | AverageIsWithin)
        return (leaf.low is None or number >= leaf.low) and (leaf.high is None or number <= leaf.high)

    match leaf:
        case CountIs():
            assert isinstance(leaf.fact.window, Window)
            return compares(len(of(leaf.fact.window)), leaf.comparison, leaf.number)
        case LatestIsSince():
            assert isinstance(leaf.fact.window, Window)
            return len(of(Window(leaf.start_at, leaf.fact.window.end_at))) > 0
        case AverageIsWithin():
            assert isinstance(leaf.total.window, Window)
            values = [value for value in of(leaf.total.window) if value is not None]
            total, count = sum(values), len(values)
            low, high = leaf.low, leaf.high
            return count > 0 and (low is None or low * count <= total) and (high is None or total <= high * count)
        case MeasureIsWithin():
            assert isinstance(leaf.fact.window, Window)
            found = of(leaf.fact.window)
            values = [value for value in found if value is not None]
            match leaf.fact.measure:
                case Measure.COUNT:
                    return within(len(found))
                case Measure.SUM:
                    return within(sum(values, Decimal(0)))
                case Measure.MINIMUM:
                    return bool(values) and within(min(values))
                case _:
                    return bool(values) and within(max(values))
        case _:
            raise AssertionError(leaf)


def scan_of(leaves: Sequence[Expression]) -> TallyScan:
    conditions = tuple(
        Condition(f"condition_{number}", leaf, holds_without_events(leaf)) for number, leaf in enumerate(leaves)
    )
    windows = [window_of(leaf, fact) for leaf in leaves for fact in facts_of(leaf)]
    starts, ends = [window.start_at for window in windows], [window.end_at for window in windows]
    hull = Window(
        None if None in starts else min(at for at in starts if at is not None),
        None if None in ends else max(at for at in ends if at is not None),
    )
    return TallyScan("tally", EVENTS, has_values=True, hull=hull, conditions=conditions)


def batch_of(rows: Sequence[Row]) -> pa.RecordBatch:
    return pa.record_batch(
        [
            pa.array([row[0] for row in rows], pa.int32()),
            pa.array([row[1].replace(tzinfo=None) for row in rows], pa.timestamp("us")),
            pa.array([row[2] for row in rows], pa.decimal128(38, 9)),
        ],
        names=["contact_id", "occurred_at", "value"],
    )


def tallied(
    scan: TallyScan,
    rows: Sequence[Row],
    *,
    instants: Mapping[datetime, datetime] | None = None,
    has_large_sums: bool,
) -> dict[str, list[int]]:
    tally = Tally(scan, CONTACTS, instants=instants, has_large_sums=has_large_sums)
    in_hull = [row for row in rows if lies_in(row[1], tally.hull)]
    batch = batch_of([(3, INSTANTS[0], None), *in_hull]).slice(1)  # a batch need not be the start of its buffers
    for place in range(0, len(in_hull), 3):
        part = batch.slice(place, 3)
        at = part.column(1).to_numpy(zero_copy_only=False)
        tally.add(part.column(0).to_numpy(), at, part.column(2))
    return {name: members.ids().tolist() for name, members in tally.sets()}


@pytest.mark.parametrize("has_large_sums", [False, True])
@pytest.mark.parametrize("seed", range(150))
def test_every_question_is_answered_as_python_does(seed: int, *, has_large_sums: bool) -> None:
    choose = Random(seed)
    values = LARGE if has_large_sums else VALUES
    rows = [
        (choose.randrange(CONTACTS), choose.choice(INSTANTS), choose.choice(values)) for _ in range(choose.randrange(9))
    ]
    leaves = list(dict.fromkeys(leaf_of(choose) for _ in range(choose.choice([2, 8]))))
    scan = scan_of(leaves)
    found = tallied(scan, rows, has_large_sums=has_large_sums)
    with localcontext(prec=90):
        for item in scan.conditions:
            of_each = [holds(item.leaf, [row for row in rows if row[0] == number]) for number in range(CONTACTS)]
            expected = [number for number in range(CONTACTS) if of_each[number] is not item.is_negated]
            assert found[item.name] == expected, item.leaf


@pytest.mark.parametrize(
    "values",
    [
        [Decimal("9223372036.854775807"), Decimal("0.000000001")],
        [Decimal(-9_000_000_000), Decimal(-9_000_000_000)],
        [Decimal("9223372036.854775808")],
        [Decimal("-1e20")],
    ],
)
def test_sums_that_64_bits_do_not_hold_are_never_wrong(values: list[Decimal]) -> None:
    fact = Fact(EVENTS, Window(None, None), Measure.SUM)
    with localcontext(prec=90):
        scan = scan_of(
            [
                MeasureIsWithin(fact, sum(values, Decimal(0)), sum(values, Decimal(0))),
                MeasureIsWithin(fact, Decimal(1), None),
            ]
        )
    rows: list[Row] = [(1, START, value) for value in values]
    with pytest.raises(SumTooLargeError):
        tallied(scan, rows, has_large_sums=False)
    found = tallied(scan, rows, has_large_sums=True)
    assert found == {"condition_0": [1], "condition_1": [1] if values[0] > 0 else []}


def test_the_largest_sum_that_64_bits_hold() -> None:
    fact = Fact(EVENTS, Window(None, None), Measure.SUM)
    most = Decimal("9223372036.854775807")
    assert tallied(scan_of([MeasureIsWithin(fact, most, most)]), [(2, START, most)], has_large_sums=False) == {
        "condition_0": [2]
    }


def test_a_scan_is_moved_to_another_instant_with_all_its_windows() -> None:
    window = Window(INSTANTS[1], INSTANTS[3])
    total, count = Fact(EVENTS, window, Measure.SUM), Fact(EVENTS, window, Measure.VALUE_COUNT)
    leaves: list[Expression] = [
        CountIs(Fact(EVENTS, window, Measure.COUNT), Comparison.AT_LEAST, 1),
        LatestIsSince(Fact(EVENTS, Window(None, INSTANTS[3]), Measure.LATEST), INSTANTS[1]),
        MeasureIsWithin(total, Decimal(1), None),
        AverageIsWithin(total, count, None, Decimal(1)),
    ]
    later = {INSTANTS[1]: INSTANTS[2], INSTANTS[3]: INSTANTS[4]}
    rows: list[Row] = [(0, INSTANTS[1], Decimal(1)), (1, INSTANTS[2], Decimal(1)), (2, INSTANTS[3], Decimal(1))]
    scan = scan_of(leaves)
    for instants, expected in (({}, [0, 1]), (later, [1, 2])):
        assert list(tallied(scan, rows, instants=instants, has_large_sums=False).values()) == [expected] * 4
