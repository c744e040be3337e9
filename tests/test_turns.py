"""When edges pass instants: found, and nothing changes between what was found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.definition.timeframes import (
    DaysAgo,
    DaysAhead,
    Edge,
    MonthStart,
    Now,
    TodayPlus,
    WeekStart,
    YearStart,
)
from engine.plan.turns import day_of_instant, edge_turns
from engine.plan.windows import edge_at
from engine.plan.zones import day_start_at, day_turns, local_day
from tests.strategies_palette import DAYS_BY_ZONE

MICROSECOND, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
ODD_DAYS = [(zone, date.fromisoformat(day)) for zone, days in DAYS_BY_ZONE.items() for day in days]
ODD_DAYS += [("America/Juneau", date(1867, 10, 18)), ("Pacific/Kwajalein", date(1993, 8, 21))]
EDGES: list[Edge] = [
    *(Now(), DaysAgo(1), DaysAgo(30), DaysAhead(2), TodayPlus(0), TodayPlus(1), TodayPlus(-6)),
    *(WeekStart(0, 1), WeekStart(-1, 7), MonthStart(0), MonthStart(-1), YearStart(1)),
]


@pytest.mark.parametrize(("zone_name", "day"), ODD_DAYS)
def test_the_turns_of_a_day_are_all_there_are(zone_name: str, day: date) -> None:
    """Walking in minutes around the day: the local date crosses it where the turns say, and nowhere else."""
    for on in (day, day + DAY, day + 2 * DAY):
        turns = day_turns(on, zone_name)
        assert turns[0] == day_start_at(on, zone_name)
        found = []
        for minute in range(-3 * 1440, 3 * 1440):
            before, after = (turns[0] + (minute + step) * timedelta(minutes=1) for step in (0, 1))
            if (local_day(before, zone_name) >= on) != (local_day(after, zone_name) >= on):
                found.append((before, after))
        assert len(found) == len(turns)
        assert all(before < turn <= after for turn, (before, after) in zip(turns, found, strict=True))


@given(
    odd_day=st.sampled_from(ODD_DAYS),
    edge=st.sampled_from(EDGES),
    seed=st.integers(0, 2**32),
)
def test_an_edge_passes_instants_where_its_turns_say_and_nowhere_else(
    odd_day: tuple[str, date], edge: Edge, seed: int
) -> None:
    (zone_name, day), random = odd_day, Random(seed)
    midnights = [day_start_at(day + step * DAY, zone_name) for step in (-31, -1, 0, 1, 2, 40)]
    near = [at + random.choice([-HOUR, -MICROSECOND, 0 * HOUR, MICROSECOND, HOUR]) for at in midnights * 2]
    values = sorted(random.sample(near, 4))
    after = random.choice(near)

    def passed(at: datetime) -> list[bool]:
        edge_of = edge_at(edge, as_of=at, zone_name=zone_name)
        return [edge_of is None or value < edge_of for value in values]

    turns = list(edge_turns(edge, values, zone_name, after=after))
    assert turns == sorted(set(turns))
    assert all(turn > after for turn in turns)
    ends = [after, *turns, max([after, *turns]) + timedelta(days=800)]
    for first, last in pairwise(ends):
        instants = [first, last - MICROSECOND, *(first + random.random() * (last - first) for _ in range(3))]
        assert len({tuple(passed(at)) for at in instants if first <= at < last}) == 1, (first, last)


@pytest.mark.parametrize(("zone_name", "day"), ODD_DAYS)
def test_every_instant_lies_in_the_window_of_its_day(zone_name: str, day: date) -> None:
    for minute in range(-2880, 2880, 7):
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
        on = day_of_instant(at, zone_name)
        assert day_start_at(on, zone_name) <= at < day_start_at(on + DAY, zone_name)
