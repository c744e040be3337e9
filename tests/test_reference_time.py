"""The judge of instants and local days is judged by hand, from the clock changes that tzdata records."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.one_contact import contact_condition, one_contact, segment_of
from tests.reference import members
from tests.reference_time import day_end, day_start, instant_of


@pytest.mark.parametrize(
    ("zone_name", "day", "starts_at", "hours"),
    [
        ("Europe/Paris", "2026-03-29", "2026-03-28T23:00:00Z", 23),
        ("Europe/Paris", "2026-10-25", "2026-10-24T22:00:00Z", 25),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25),
        # Havana went back from 01:00 to 00:00: the midnight that starts the day is the earlier of two.
        ("America/Havana", "2025-11-02", "2025-11-02T04:00:00Z", 25),
        # tzdata 2026f leaves Havana on summer time until 2027, older releases do not: are our zones the pinned ones?
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 24),
        # Havana goes on from 00:00 to 01:00: no midnight, the day starts at one o'clock.
        ("America/Havana", "2026-03-08", "2026-03-08T05:00:00Z", 23),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23.5),
        # Apia crossed the date line at the end of the 29th: the 30th starts and ends with the 31st's start.
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24),
        ("Pacific/Kiritimati", "1994-12-31", "1994-12-31T10:00:00Z", 0),
        # Sao Paulo went back from 24:00 to 23:00, so the day before had 25 hours; and on over midnight.
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", 25),
        ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z", 24),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23),
        # St. John's went back from 00:01 to 23:01: the 7th starts a minute before the 6th comes again.
        ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z", 25),
        # Toronto went on from 23:30 to 00:30: the day starts where the clock jumps.
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z", 23.5),
        ("Asia/Kathmandu", "2026-06-01", "2026-05-31T18:15:00Z", 24),
        ("America/New_York", "0001-01-01", "0001-01-01T04:56:02Z", 24),
        ("Asia/Kathmandu", "0001-01-01", "0001-01-01T00:00:00Z", 18 + 18 / 60 + 44 / 3600),
    ],
)
def test_local_days_start_and_end_where_the_clock_says(zone_name: str, day: str, starts_at: str, hours: float) -> None:
    zone = ZoneInfo(zone_name)
    start = day_start(date.fromisoformat(day), zone)
    assert start == datetime.fromisoformat(starts_at)
    end = day_end(date.fromisoformat(day), zone)
    assert end is not None
    assert (end - start).total_seconds() == pytest.approx(hours * 3600)


def test_the_last_day_of_the_calendar_has_no_end() -> None:
    assert day_end(date.max, ZoneInfo("Asia/Kathmandu")) is None
    for instant, answer in [("9999-12-30T18:14:59.999999Z", False), ("9999-12-31T23:59:59.999999Z", True)]:
        assert holds(instant, "equals", ["9999-12-31"], "Asia/Kathmandu") is answer
        assert not holds(instant, "gt", ["9999-12-31"], "Asia/Kathmandu")


def holds(instant: str, operator: str, values: list[str], zone_name: str) -> bool:
    condition = contact_condition("custom_datetime_1", operator, string_values=values)
    return bool(members(segment_of(condition, timezone=zone_name), one_contact(instant)))


@pytest.mark.parametrize(
    ("zone_name", "day", "first", "before_first", "last", "after_last"),
    [
        (
            "America/Havana",  # 25 hours, both midnights inside
            "2025-11-02",
            "2025-11-02T04:00:00Z",
            "2025-11-02T03:59:59.999999Z",
            "2025-11-03T04:59:59.999999Z",
            "2025-11-03T05:00:00Z",
        ),
        (
            "America/Havana",  # 23 hours, no midnight
            "2026-03-08",
            "2026-03-08T05:00:00Z",
            "2026-03-08T04:59:59.999999Z",
            "2026-03-09T03:59:59.999999Z",
            "2026-03-09T04:00:00Z",
        ),
        (
            "Australia/Lord_Howe",  # 24 and a half hours
            "2026-04-05",
            "2026-04-04T13:00:00Z",
            "2026-04-04T12:59:59.999999Z",
            "2026-04-05T13:29:59.999999Z",
            "2026-04-05T13:30:00Z",
        ),
    ],
)
def test_each_time_operator_keeps_to_the_edges_of_a_local_day(
    zone_name: str, day: str, first: str, before_first: str, last: str, after_last: str
) -> None:
    instants = [before_first, first, last, after_last]
    expected = {
        "equals": [False, True, True, False],
        "not_equals": [True, False, False, True],
        "gte": [False, True, True, True],
        "gt": [False, False, False, True],
        "lt": [True, False, False, False],
        "lte": [True, True, True, False],
        "before_date": [True, False, False, False],
        "after_date": [False, False, False, True],
    }
    for operator, answers in expected.items():
        assert [holds(instant, operator, [day], zone_name) for instant in instants] == answers, operator
    assert [holds(instant, "in_date_range", [day, day], zone_name) for instant in instants] == expected["equals"]
    assert [holds(instant, "not_in_date_range", [day, day], zone_name) for instant in instants] == expected[
        "not_equals"
    ]


def test_a_day_that_never_was_holds_no_instant_but_has_a_before_and_an_after() -> None:
    before, after = "2011-12-30T09:59:59.999999Z", "2011-12-30T10:00:00Z"
    for operator, answers in {
        "equals": [False, False],
        "gte": [False, True],
        "gt": [False, True],
        "lt": [True, False],
        "lte": [True, False],
    }.items():
        assert [holds(instant, operator, ["2011-12-30"], "Pacific/Apia") for instant in (before, after)] == answers


def test_a_range_may_end_in_an_instant_and_includes_it() -> None:
    for instant, answer in [
        ("2026-03-28T22:59:59.999999Z", False),
        ("2026-03-28T23:00:00Z", True),
        ("2026-03-30T00:00:00Z", True),
        ("2026-03-30T00:00:00.000001Z", False),
    ]:
        assert holds(instant, "in_date_range", ["2026-03-29", "2026-03-30T02:00:00+02:00"], "Europe/Paris") is answer


def test_rolling_days_are_24_hours_and_half_open() -> None:
    for instant, answer in [
        ("2026-05-31T12:00:00Z", False),
        ("2026-05-31T12:00:00.000001Z", True),
        ("2026-06-01T12:00:00Z", True),
        ("2026-06-01T12:00:00.000001Z", False),
    ]:
        assert holds(instant, "in_the_last_days", ["1"], "America/New_York") is answer
    assert holds("0001-01-01T00:00:00.000001Z", "in_the_last_days", ["99999999999999999999"], "UTC")


def test_the_zone_of_a_contact_falls_back_to_the_workspace_not_to_utc() -> None:
    condition = contact_condition("custom_datetime_1", "equals", string_values=["2026-06-01"])
    midnight_in_paris = "2026-05-31T22:00:00Z"
    for timezone, answer in {
        "Europe/Paris": True,
        "America/New_York": False,
        "UTC": False,
        "": True,
        "Mars/Olympus": True,
        "utc": True,
        None: True,
    }.items():
        world = one_contact(midnight_in_paris, timezone=timezone) | {"timezone": "Europe/Paris"}
        found = members(segment_of(condition, timezone="contact"), world)
        assert bool(found) is answer, timezone


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-06-01t12:00:00.1234569z", "2026-06-01T12:00:00.123456+00:00"),
        ("2026-06-01 12:00:00-09:30", "2026-06-01T21:30:00+00:00"),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ("2026-02-29T00:00:00Z", None),
        ("2026-06-01T24:00:00Z", None),
        ("2026-06-01T23:59:60Z", None),
        ("2026-06-01T12:00:00", None),
        ("2026-06-01T12:00:00+24:00", None),
        ("2026-06-01T12:00:00.Z", None),
        ("2026-06-01T12:00:00Z\n", None),
        ("2026-06-01", None),
    ],
)
def test_only_full_rfc_3339_instants_are_read(text: str, instant: str | None) -> None:
    assert instant_of(text) == (instant and datetime.fromisoformat(instant).astimezone(UTC))
