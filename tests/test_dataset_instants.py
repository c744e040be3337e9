"""Instants, in every file format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dataset.column_types.instant import Instant
from tests.test_dataset import (
    FORMATS,
    problem,
    stored,
)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-05-01T10:00:00Z", "2026-05-01T10:00:00"),
        ("2026-05-01t10:00:00z", "2026-05-01T10:00:00"),
        ("2026-05-01 10:00:00.5+02:00", "2026-05-01T08:00:00.500000"),
        ("2026-05-01T10:00:00-09:30", "2026-05-01T19:30:00"),
        ("2026-05-01T10:00:00-00:00", "2026-05-01T10:00:00"),
        ("2026-05-01T10:00:00.1234567891234Z", "2026-05-01T10:00:00.123456"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999"),
        ("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ("0000-12-31T23:30:00-01:00", "0001-01-01T00:30:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        ("9999-12-31T23:59:59+00:01", "9999-12-31T23:58:59"),
    ],
)
def test_an_instant_is_stored_in_utc(tmp_path: Path, suffix: str, value: str, expected: str) -> None:
    """To the microsecond, cut off towards the past, over the years 0001 to 9999."""
    assert stored(tmp_path, suffix, "timeline", "occurred_at", value) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2026-05-01T10:00:00", "has no time zone; write it as 2026-05-01T10:00:00Z or with an offset"),
        ("2026-05-01 10:00:00.25", "has no time zone"),
        ("2026-05-01", "is a date without a time; write it as"),
        ("2026-05-01T24:00:00Z", "hour 24 or a leap second"),
        ("2016-12-31T23:59:60Z", "hour 24 or a leap second"),
        ("2026-02-29T10:00:00Z", "is not a day of the calendar"),
        ("2026-13-01T10:00:00Z", "is not a day of the calendar"),
        ("2026-00-01T10:00:00+01:00", "is not a day of the calendar"),
        ("0001-01-01T00:00:00+00:01", "is not within the years 0001 to 9999 of UTC"),
        ("0000-06-01T00:00:00Z", "is not within the years 0001 to 9999 of UTC"),
        ("9999-12-31T23:00:00-01:00", "is not within the years 0001 to 9999 of UTC"),
        ("9999-12-31T23:59:59-00:01", "is not within the years 0001 to 9999 of UTC"),
        ("10000-01-01T00:00:00Z", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00Z", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00:00+0200", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00:00+24:00", "is not an RFC 3339 instant"),
        ("2026-05-01T10:00:00.Z", "is not an RFC 3339 instant"),
        ("2026-05-01T10:60:00Z", "is not an RFC 3339 instant"),
        (" 2026-05-01T10:00:00Z", "is not an RFC 3339 instant"),
        ("２026-05-01T10:00:00Z", "is not an RFC 3339 instant"),
        ("1777629600", "is not an RFC 3339 instant"),
        ("yesterday", "is not an RFC 3339 instant"),
    ],
)
def test_what_is_no_instant_is_refused(tmp_path: Path, suffix: str, value: str, message: str) -> None:
    """The error says which rule it breaks."""
    assert message in problem(tmp_path, suffix, "timeline", "occurred_at", value)


def test_a_json_number_is_no_instant(tmp_path: Path) -> None:
    """Seconds or milliseconds: nobody knows."""
    message = problem(tmp_path, ".jsonl", "timeline", "occurred_at", 1_777_629_600)
    assert message == "is a number, but must be an RFC 3339 instant in a text"


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from(["", ".5", ".25000000001"]),
)
def test_instants_agree_with_python(instant: datetime, offset_minutes: int, fraction: str) -> None:
    """Any instant at any offset, alone and in one column with an instant of the fast path."""
    sign = "-" if offset_minutes < 0 else "+"
    offset = f"{sign}{abs(offset_minutes) // 60:02}:{abs(offset_minutes) % 60:02}"
    text = f"{instant:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction + offset
    microseconds = {"": 0, ".5": 500_000, ".25000000001": 250_000}[fraction]
    naive = instant.replace(microsecond=microseconds, tzinfo=None)
    try:
        expected = naive - timedelta(minutes=offset_minutes)
    except OverflowError:
        expected = None
    fast = "2026-05-01T10:00:00Z"
    converted = Instant().convert(pl.Series([text, fast]))
    assert converted.values.to_list() == [expected, datetime(2026, 5, 1, 10)]
