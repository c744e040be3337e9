"""Dates: days of the calendar, without a time."""

from __future__ import annotations

import datetime as dt
import re

from ingest.values.refused import RefusedValueError, wrong_type

_is_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def date(value: object) -> dt.date:
    """The day of the calendar. Raises: RefusedValueError for anything but `YYYY-MM-DD` and dates without a time."""
    if isinstance(value, str):
        if not _is_date(value):
            raise RefusedValueError("is not a date; write it as 2026-05-01")
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise RefusedValueError("is not a day of the calendar of the years 0001 to 9999") from None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise wrong_type(value, "a date in a text, such as 2026-05-01")
