"""Anniversaries: on which days of earlier years something must have been, to be remembered on some days."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from datetime import date

FIRST_YEAR = 1900
"""Older days have no anniversaries: nobody's birthday is, and the local calendars of then are no longer known well."""


def remembered_days(today: date, days: int) -> list[tuple[date, date]]:
    """Stretches of days, first and last, of which an anniversary is today or on one of so many days after it.

    29 February is remembered on 28 February in years that have none. Only days of earlier years than the anniversary's
    count.
    """
    found = []
    for first, last in _stretches(today, days):
        for earlier in range(FIRST_YEAR, first.year):
            stretch = _in_year(first, last, earlier)
            if stretch is not None:
                found.append(stretch)
    return found


def is_remembered(day: date, today: date, days: int) -> bool:
    """Whether a day lies in one of the stretches of `remembered_days`."""
    for first, last in _stretches(today, days):
        stretch = _in_year(first, last, day.year) if FIRST_YEAR <= day.year < first.year else None
        if stretch is not None and stretch[0] <= day <= stretch[1]:
            return True
    return False


def anniversaries_of(day: date, *, from_year: int) -> Iterator[date]:
    """The anniversaries of a day, in order, of a year or a later one; as long as there are years."""
    if day.year < FIRST_YEAR:
        return
    for year in range(max(day.year + 1, from_year), date.max.year + 1):
        yield _same_day(day, year) or date(year, 2, 28)


def _stretches(today: date, days: int) -> Iterator[tuple[date, date]]:
    """Today and so many days after it, as a stretch of each year that they lie in."""
    last_day = date.fromordinal(min(today.toordinal() + days, date.max.toordinal()))
    for year in range(today.year, last_day.year + 1):
        yield max(today, date(year, 1, 1)), min(last_day, date(year, 12, 31))


def _in_year(first: date, last: date, year: int) -> tuple[date, date] | None:
    """The days of an earlier year that are remembered from the first to the last day of one year."""
    includes_leap_day = isleap(year) and (last.month, last.day) == (2, 28) and not isleap(last.year)
    start = _same_day(first, year) or date(year, 3, 1)
    end = date(year, 2, 29) if includes_leap_day else _same_day(last, year) or date(year, 2, 28)
    return (start, end) if start <= end else None


def _same_day(day: date, year: int) -> date | None:
    """The same day of another year; None for 29 February where there is none."""
    try:
        return day.replace(year=year)
    except ValueError:
        return None
