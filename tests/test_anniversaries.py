"""Which days are remembered, held against the judge day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.plan.anniversaries import remembered_days
from tests.reference_question import Question
from tests.reference_time import is_remembered

YEARS = (1899, 1900, 1904, 2000, 2022, 2023, 2024, 2025)
DAYS = [date(year, 1, 1) + timedelta(days=number) for year in YEARS for number in range(366)]
TODAYS = [
    *(date(year, 2, day) for year in (2023, 2024) for day in (26, 27, 28)),
    *(date(2024, 2, 29), date(2023, 3, 1), date(2024, 3, 1), date(2100, 2, 28)),
    *(date(2023, 12, 31), date(2024, 1, 1), date(2024, 6, 15)),
]


@pytest.mark.parametrize("days", [0, 1, 2, 7, 365])
@pytest.mark.parametrize("today", TODAYS, ids=str)
def test_the_days_that_are_remembered_are_those_of_the_judge(today: date, days: int) -> None:
    question = Question({}, {}, datetime.combine(today, time(12), UTC), "UTC", "UTC", {})
    stretches = remembered_days(today, days)
    found = {day for day in DAYS if any(first <= day <= last for first, last in stretches)}
    assert found == {day for day in DAYS if is_remembered(day, [str(days)], ZoneInfo("UTC"), question)}


@pytest.mark.parametrize("today", [date(9999, 12, 31), date(1, 1, 1), date(1901, 1, 1)], ids=str)
def test_the_ends_of_the_calendar_have_anniversaries_too(today: date) -> None:
    stretches = remembered_days(today, 365)
    assert all(first <= last and first.year >= 1900 for first, last in stretches)
    assert bool(stretches) == (today.year > 1900)
