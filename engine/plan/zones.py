"""Local days as stretches of UTC, from the pinned time zone database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

EARLIEST_AT = datetime.min.replace(tzinfo=UTC)
LATEST_AT = datetime.max.replace(tzinfo=UTC)

_ONE_SECOND, _ONE_DAY = timedelta(seconds=1), timedelta(days=1)


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


def local_day(at: datetime, zone_name: str) -> date:
    """The day that a zone's calendars show at an instant."""
    try:
        return at.astimezone(zone_named(zone_name)).date()
    except OverflowError:  # the local clock shows year 0 or year 10000
        return date.min if at.year == 1 else date.max


@lru_cache(maxsize=65_536)
def day_turns(on: date, zone_name: str) -> tuple[datetime, ...]:
    """When the local date becomes `on` or later: once, or again where clocks go back over midnight.

    Instants, UTC, in order: at the first the date is reached, at the second it is lost, at the third reached again.
    """
    start_at = day_start_at(on, zone_name)
    turns = [start_at]
    midnight = datetime(on.year, on.month, on.day)
    for change_at in _offset_changes_after(start_at, zone_name):
        if local_day(change_at, zone_name) < on:
            local = change_at.astimezone(zone_named(zone_name)).replace(tzinfo=None)
            turns += [change_at, change_at + (midnight - local)]
    return tuple(turns)


def _offset_changes_after(at: datetime, zone_name: str) -> list[datetime]:
    """The instants of the two days after an instant at which a zone gets another offset."""
    zone = zone_named(zone_name)
    if at > LATEST_AT - 2 * _ONE_DAY or _offset(zone, at) == _offset(zone, at + _ONE_DAY) == _offset(
        zone, at + 2 * _ONE_DAY
    ):
        return []
    end_at = at + 2 * _ONE_DAY
    changes = [change for year in {at.year, end_at.year} for change in _offset_changes(zone_name, year)]
    return sorted(change for change in changes if at < change < end_at)


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
