"""Anniversaries: on which days of earlier years something must have been, to be remembered on some days."""

from __future__ import annotations

from calendar import isleap
from datetime import date

FIRST_YEAR = 1900
"""Older days have no anniversaries: nobody's birthday is, and the local calendars of then are no longer known well."""


def remembered_days(today: date, days: int) -> list[tuple[date, date]]:
    """Stretches of days, first and last, of which an anniversary is today or on one of so many days after it.

    29 February is remembered on 28 February in years that have none. Only days of earlier years than the anniversary's
    count.
    """
    found = []
    last_day = date.fromordinal(min(today.toordinal() + days, date.max.toordinal()))
    for year in range(today.year, last_day.year + 1):
        first, last = max(today, date(year, 1, 1)), min(last_day, date(year, 12, 31))
        for earlier in range(FIRST_YEAR, year):
            stretch = _in_year(first, last, earlier)
            if stretch is not None:
                found.append(stretch)
    return found


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
