"""Stretches of time over which the edges of windows only move as time does, or jump at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import takewhile

from engine.definition.timeframes import ONE_MICROSECOND
from engine.definition.tree import CONTACT_TIMEZONE, Segment, have_days_of_contacts
from engine.plan.bind import Catalog
from engine.plan.crossings import Crossings, crossings
from engine.plan.turns import turns_of_days
from engine.plan.windows import Window
from engine.plan.zones import local_day


def smooth_crossings(
    segments: Sequence[Segment], catalog: Catalog, *, after: datetime, until: datetime
) -> Iterator[Crossings]:
    """What time alone can change between two instants, in pieces, so that it is known when it does.

    Each piece is one in which edges move as fast as time, or one of a microsecond.
    """
    for jump_at in (*jumps(segments, catalog, after=after, until=until), None):
        end_at = until if jump_at is None else jump_at - ONE_MICROSECOND
        yield from _halved(segments, catalog, after, end_at)
        if jump_at is not None:
            yield from _halved(segments, catalog, max(after, end_at), jump_at)
            after = jump_at


def jumps(segments: Sequence[Segment], catalog: Catalog, *, after: datetime, until: datetime) -> list[datetime]:
    """The instants at which edges may jump: where a local day begins, and where a list was deleted."""
    found = {at for at in catalog.lists.values() if at is not None and after < at <= until}
    zones = {segment.timezone for segment in segments} - {CONTACT_TIMEZONE}
    if have_days_of_contacts(segments):
        zones |= set(catalog.zones.values())
    for zone in zones:
        first, last = (local_day(at, zone).toordinal() for at in (after, until))
        days = [date.fromordinal(day) for day in range(max(first - 1, 1), last + 1)]
        found.update(takewhile(lambda at: at <= until, turns_of_days(days, zone, after=after)))
    return sorted(found)


def _halved(segments: Sequence[Segment], catalog: Catalog, after: datetime, until: datetime) -> Iterator[Crossings]:
    """The stretch, halved for as long as an edge jumps in it at an instant that was not foreseen."""
    if after >= until:
        return
    found = crossings(segments, catalog, after=after, until=until)
    if until - after <= ONE_MICROSECOND or _is_smooth(found):
        yield found
        return
    middle = after + (until - after) // 2
    yield from _halved(segments, catalog, after, middle)
    yield from _halved(segments, catalog, middle, until)


def _is_smooth(found: Crossings) -> bool:
    """Whether every edge moved as fast as time, and all segments are of one shape."""
    windows = [
        window
        for group in (found.fields.values(), found.events.values(), found.properties.values())
        for several in group
        for window in several
    ]
    return not found.elsewhere and all(isinstance(item, Window) and found.moves_as_time(item) for item in windows)
