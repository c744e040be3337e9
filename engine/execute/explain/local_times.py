"""Instants and windows as the clocks of a zone show them."""

from __future__ import annotations

from datetime import datetime

from engine.definition.timeframes import ONE_MICROSECOND, DaysAgo, DaysAhead, Edge, Moment, Now, Timeframe
from engine.definition.words.timeframes import instant_text
from engine.plan.windows import Window
from engine.plan.zones import EARLIEST_AT, zone_named


def local_text(at: datetime, zone_name: str) -> str:
    """An instant (UTC) as date and time of a zone, with seconds only where there are some: `2026-05-10 09:30`.

    Where a local year would be 0 or 10000 it is RFC 3339 in UTC.
    """
    try:
        local = at.astimezone(zone_named(zone_name)).replace(tzinfo=None)
    except OverflowError:
        return instant_text(at)
    text = local.isoformat(" ")
    if local.microsecond:
        return text.rstrip("0")
    return text if local.second else text[:16]


def window_text(timeframe: Timeframe, window: Window, zone_name: str) -> str:
    """A placed timeframe as an interval: `in (2026-04-10 09:30, 2026-05-10 09:30]`, `before 2026-05-01 00:00`.

    A bracket includes its end, a parenthesis does not.
    """
    start, end = window.start_at, window.end_at
    if end is not None and end <= (start or EARLIEST_AT):
        return "at no time"
    start = None if start == EARLIEST_AT else start
    if start is not None and end is not None:
        opening, first = _start(timeframe.start, start, zone_name)
        last, closing = _end(timeframe.end, end, zone_name)
        return f"in {opening}{first}, {last}{closing}"
    if start is not None:
        opening, first = _start(timeframe.start, start, zone_name)
        return f"{'from' if opening == '[' else 'after'} {first}"
    if end is not None:
        last, closing = _end(timeframe.end, end, zone_name)
        return f"{'up to' if closing == ']' else 'before'} {last}"
    return "at any time"


def until(timeframe: Timeframe, window: Window, end_at: datetime | None) -> tuple[Timeframe, Window]:
    """A placed timeframe cut after the instant of evaluation; `end_at` is the next one."""
    cut = window.until(end_at)
    return (timeframe if cut.end_at == window.end_at else Timeframe(timeframe.start, Now())), cut


def _start(edge: Edge | None, at: datetime, zone_name: str) -> tuple[str, str]:
    if _is_just_after(edge, at):
        return "(", local_text(at - ONE_MICROSECOND, zone_name)
    return "[", local_text(at, zone_name)


def _end(edge: Edge | None, at: datetime, zone_name: str) -> tuple[str, str]:
    if _is_just_after(edge, at):
        return local_text(at - ONE_MICROSECOND, zone_name), "]"
    return local_text(at, zone_name), ")"


def _is_just_after(edge: Edge | None, at: datetime) -> bool:
    """Whether an edge reads better as the instant before it, with that instant on the other side."""
    match edge:
        case Now() | DaysAgo() | DaysAhead():
            return True
        case Moment():
            return at.microsecond % 1000 == 1
        case _:
            return False
