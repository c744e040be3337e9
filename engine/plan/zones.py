"""Local days as stretches of UTC, from the pinned time zone database."""

from __future__ import annotations

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
