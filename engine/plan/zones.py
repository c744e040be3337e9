"""Local days as stretches of UTC, from the pinned time zone database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

EARLIEST_AT = datetime.min.replace(tzinfo=UTC)
LATEST_AT = datetime.max.replace(tzinfo=UTC)

_ONE_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The zone with the rules of the pinned tzdata, whatever the machine has. Raises: FileNotFoundError."""
    path = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=65_536)
def day_start_at(on: date, zone_name: str) -> datetime:
    """The first instant, UTC, whose local date is `on` or later.

    A repeated midnight counts from its first time; a day that a zone skipped starts where the next one starts.
    Instants before year 1 become its first.
    """
    zone = zone_named(zone_name)
    midnight = datetime(on.year, on.month, on.day, tzinfo=zone)
    try:
        instant = midnight.astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
            return instant
        # Midnight does not exist here: it lies in a gap. Reading it with the offset of after the gap gives an instant
        # before the gap, and with the offset of before the gap one after it.
        before, after = midnight.replace(fold=1).astimezone(UTC), instant
        while after - before > _ONE_SECOND:
            middle = before + (after - before) // 2
            middle = middle.replace(microsecond=0)
            if middle.astimezone(zone).date() >= on:
                after = middle
            else:
                before = middle if middle > before else before + _ONE_SECOND
        return before if before.astimezone(zone).date() >= on else after
    except OverflowError:
        return EARLIEST_AT


@dataclass(frozen=True, slots=True)
class OffsetStretch:
    """From `start_at` on (UTC; None from the beginning), an instant lies on the local day of itself plus `offset`."""

    start_at: datetime | None
    offset: timedelta

    @property
    def seconds(self) -> int:
        """The offset; no zone's has fractions of a second."""
        return round(self.offset.total_seconds())


def day_offsets(zone_name: str, start_at: datetime | None, end_at: datetime | None) -> tuple[OffsetStretch, ...]:
    """What to add to the instants of [start_at, end_at) to find their local days; earliest first.

    Days begin where `day_start_at` says: where clocks are put back over midnight, the day that has begun goes on.
    """
    zone = zone_named(zone_name)
    first, last = start_at or EARLIEST_AT, end_at or LATEST_AT
    stretches = [OffsetStretch(None, _offset(zone, first))]
    for year in range(max(first.year, _FIRST_YEAR_OF_RULES) - 1, min(last.year + 1, datetime.max.year) + 1):
        for change_at in _offset_changes(zone_name, year):
            if first < change_at < last:
                offset = _offset(zone, change_at)
                stretches.append(OffsetStretch(_day_goes_on_until(change_at, stretches[-1].offset, offset), offset))
    return tuple(stretches)


_FIRST_YEAR_OF_RULES = 1800
"""Before it no zone changes its offset."""

_PROBE = timedelta(days=6)
"""No zone ever changed its offset twice within so short a time."""


@lru_cache(maxsize=65_536)
def _offset_changes(zone_name: str, year: int) -> tuple[datetime, ...]:
    """The instants of a year, and of the very end of it, from which on a zone has another offset; UTC."""
    zone = zone_named(zone_name)
    at = datetime(year, 1, 1, tzinfo=UTC)
    end_at = at.replace(year=year + 1) if year < datetime.max.year else LATEST_AT.replace(microsecond=0)
    changes = []
    while at < end_at:
        after = min(at + _PROBE, end_at)
        if _offset(zone, at) != _offset(zone, after):
            before, change_at = at, after
            while change_at - before > _ONE_SECOND:
                middle = (before + (change_at - before) // 2).replace(microsecond=0)
                if _offset(zone, middle) == _offset(zone, at):
                    before = middle
                else:
                    change_at = middle
            changes.append(change_at)
        at = after
    return tuple(changes)


def _day_goes_on_until(change_at: datetime, before: timedelta, after: timedelta) -> datetime:
    """The change itself, or, if it puts the clock back to the day before, when the clock gets past midnight again."""
    local = change_at.replace(tzinfo=None)
    day = (local + before - timedelta.resolution).date()
    if (local + after).date() >= day:
        return change_at
    return (datetime(day.year, day.month, day.day) - after).replace(tzinfo=UTC)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    try:
        offset = at.astimezone(zone).utcoffset()
    except OverflowError:  # the local clock shows year 0 or year 10000; no zone changes its offset in the days beside
        return _offset(zone, at + timedelta(days=2 if at.year == 1 else -2))
    assert offset is not None
    return offset
