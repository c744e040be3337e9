"""Counting local days: where one begins is the same for windows and for counts, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from engine.definition.points import iana_zones
from engine.plan.zones import day_offsets, day_start_at
from tests import reference
from tests.definitions import events, segment
from tests.engine_under_test import members_by_engine

ONE_MICROSECOND = timedelta(microseconds=1)


def day_by_offset(at: datetime, zone_name: str, start_at: datetime | None, end_at: datetime | None) -> date:
    """The local day of an instant, found as a query does it."""
    stretches = day_offsets(zone_name, start_at, end_at)
    (*_, last) = (item for item in stretches if item.start_at is None or item.start_at <= at)
    return (at + last.offset).date()


@pytest.mark.parametrize("year", [1883, 1911, 1937, 1945, 1995, 2011, 2026, 2054])
def test_the_offset_of_an_instant_leads_to_the_day_that_windows_see(year: int) -> None:
    start_at, end_at = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    for zone_name in sorted(iana_zones()):
        stretches = day_offsets(zone_name, start_at, end_at)
        changes = [item.start_at for item in stretches if item.start_at is not None]
        for at in [start_at + timedelta(days=100, hours=5), *changes, *(at - ONE_MICROSECOND for at in changes)]:
            day = day_by_offset(at, zone_name, start_at, end_at)
            assert day_start_at(day, zone_name) <= at < day_start_at(day + timedelta(days=1), zone_name), (
                zone_name,
                at,
            )


@pytest.mark.parametrize(
    ("zone_name", "first", "then", "days"),
    [
        ("Europe/Berlin", "2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", 2),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59.999999Z", 1),  # 25 hours
        ("America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-04T03:00:00Z", 2),  # midnight is skipped
        # At 0:00 the clock goes back to 23:00: Saturday begins with its first midnight, and only once.
        ("America/Havana", "2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z", 2),
        ("America/St_Johns", "2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z", 1),  # 0:00, then 23:01 of the day before
        ("America/St_Johns", "2010-11-07T02:29:59Z", "2010-11-07T03:20:00Z", 2),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z", 2),  # from the 29th to the 31st
    ],
)
@pytest.mark.parametrize("zones", ["segment", "contact"])
def test_days_are_counted_as_windows_have_them(zone_name: str, first: str, then: str, days: int, zones: str) -> None:
    world = {
        "as_of": "2026-12-01T00:00:00Z",
        "timezone": "UTC",
        "contacts": [
            {"email": "a@x.example", "timezone": zone_name},
            {"email": "b@x.example", "timezone": "Asia/Kathmandu"},
        ],
        "timeline": [
            {"email": email, "kind": "open_email", "occurred_at": at}
            for email in ("a@x.example", "b@x.example")
            for at in (first, then)
        ],
    }
    timezone = "contact" if zones == "contact" else zone_name
    asked = segment(events("open_email", "exactly", days, count_of="days"), "asked") | {"timezone": timezone}
    found = members_by_engine([asked], world)["asked"]
    assert "a@x.example" in found
    assert found == reference.members(asked, world)
