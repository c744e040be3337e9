"""Instants: RFC 3339 text, or datetimes that know their time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from ingest.values.refused import RefusedValueError, wrong_type

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
ZONE = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_EXAMPLE = "write it as 2026-05-01T10:00:00Z or with an offset"
_OUT_OF_RANGE = "is not within the years 0001 to 9999 of UTC"

_in_utc = re.compile(rf"({DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?:[0-9]{{3}}|[0-9]{{6}}))?)Z").fullmatch
_in_rfc_3339 = re.compile(
    rf"({DATE})[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]+))?({ZONE})"
).fullmatch
# The calendar repeats itself after 400 years, so the year 0 is reckoned with as the year 400.
_ERA = timedelta(days=146_097)


def instant(value: object) -> datetime:
    """The instant in UTC, as a datetime without a zone; fractions beyond microseconds are cut off towards the past.

    Raises: RefusedValueError for anything but RFC 3339 text and aware datetimes of the years 0001 to 9999 of UTC.
    """
    if isinstance(value, str):
        plain = _in_utc(value)
        if plain is not None:
            try:
                return datetime.fromisoformat(plain[1])
            except ValueError:
                pass  # no such day: said below
        return _of_text(value)
    if isinstance(value, datetime):
        return _of_datetime(value)
    raise wrong_type(value, "an RFC 3339 instant in a text")


def refuse_instant(text: str) -> NoReturn:
    """Raises: RefusedValueError, always."""
    if text == "":
        raise RefusedValueError("is empty")
    if re.fullmatch(rf"{DATE}[Tt ]{TIME}", text):
        raise RefusedValueError(f"has no time zone; {_EXAMPLE}")
    if re.fullmatch(DATE, text):
        raise RefusedValueError(f"is a date without a time; {_EXAMPLE}")
    if re.fullmatch(rf"{DATE}[Tt ]{TIME}{ZONE}", text):
        if _clock(text[:10], "00:00:00") is None:
            raise RefusedValueError("is not a day of the calendar")
        raise RefusedValueError(_OUT_OF_RANGE)
    if re.fullmatch(rf"{DATE}[Tt ](?:24:[0-9]{{2}}:[0-9]{{2}}|[0-9]{{2}}:[0-9]{{2}}:60)(?:\.[0-9]+)?{ZONE}", text):
        raise RefusedValueError("is an hour 24 or a leap second, which have no place here; write the second after it")
    raise RefusedValueError(f"is not an RFC 3339 instant; {_EXAMPLE}")


def _of_text(text: str) -> datetime:
    """The instant of any RFC 3339 text. Raises: RefusedValueError."""
    match = _in_rfc_3339(text)
    clock = match and _clock(match[1], match[2])
    if not match or not clock:
        refuse_instant(text)
    local, era = clock
    micros = int((match[3] or "")[:6].ljust(6, "0"))
    try:
        return local + timedelta(microseconds=micros) - _ahead_of_utc(match[4]) - era
    except OverflowError:
        raise RefusedValueError(_OUT_OF_RANGE) from None


def _clock(day: str, clock: str) -> tuple[datetime, timedelta] | None:
    """A datetime, and how much later it is than what the text says; None if the calendar has no such day."""
    is_year_0 = day.startswith("0000")
    try:
        local = datetime.fromisoformat(f"0400{day[4:]}T{clock}" if is_year_0 else f"{day}T{clock}")
    except ValueError:
        return None
    return local, _ERA if is_year_0 else timedelta(0)


def _ahead_of_utc(zone: str) -> timedelta:
    if zone in "Zz":
        return timedelta(0)
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -ahead if zone[0] == "-" else ahead


def _of_datetime(value: datetime) -> datetime:
    """The instant of an aware datetime. Raises: RefusedValueError."""
    if value.utcoffset() is None:
        raise RefusedValueError("has no time zone; give a datetime with tzinfo, such as UTC")
    try:
        return value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise RefusedValueError(_OUT_OF_RANGE) from None
