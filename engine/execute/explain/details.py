"""What decided a condition on one contact: the measured value beside the asked one, the fields and the events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from engine.definition.timeframes import Timeframe
from engine.definition.tree import (
    CountOf,
    Filter,
    IdentityCondition,
    ListCondition,
    Node,
    SqlCondition,
    TagCondition,
    Which,
)
from engine.definition.value_tests import AnniversaryIsWithin, DateIsInAnyOf, TimeIsInAnyOf
from engine.definition.vocabulary import GOAL_VALUE_DECIMALS
from engine.definition.words.describe import range_words
from engine.definition.words.texts import counted, number_text, plain_decimal, quoted
from engine.definition.words.values import AMOUNTS, subject_words
from engine.errors import InvalidPlanError
from engine.execute.explain.contact_values import ContactValues, Event
from engine.execute.explain.local_times import local_text, until, window_text
from engine.execute.explain.watched import Watched, WatchedAnniversary, WatchedTime
from engine.execute.explain.watched_events import WatchedCount, WatchedCounts, WatchedEventTime, WatchedTotal
from engine.execute.explain.watched_sequence import Chain, WatchedSequence
from engine.plan.windows import Window, just_after, place, place_dates

MOST_EVENTS = 20
LONGEST_VALUE = 200

Plain = str | float | int | bool | Decimal | datetime | date | None
"""A measured value."""


@dataclass(frozen=True, slots=True)
class DecidingEvent:
    """An event that counted. `value` is what an aggregate took from it."""

    kind: str
    occurred_at: datetime
    reference: str | None
    properties: str | None
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What a condition found.

    `found` says it in words, the asked value and the window with it. `measured` is the value itself, `windows` are
    where instants had to lie. `events` are the last ones of `event_count` that counted, latest first.
    """

    found: str
    measured: Plain = None
    windows: tuple[Window, ...] = ()
    event_count: int = 0
    events: tuple[DecidingEvent, ...] = ()


def details_of(node: Node, watched: Watched, values: ContactValues, as_of: datetime) -> Details:
    """The details of a condition at an instant."""
    match node:
        case Filter():
            return _filter_details(node, watched, values, as_of)
        case TagCondition():
            tags = ", ".join(quoted(tag) for tag in values.tags)
            return Details(f"tags: {tags or 'none'}", ", ".join(values.tags) or None)
        case IdentityCondition():
            return Details("has one" if watched.holds(as_of) else "has none", watched.holds(as_of))
        case SqlCondition():
            return Details("found by it" if watched.holds(as_of) else "not found by it", watched.holds(as_of))
        case ListCondition():
            return _list_details(node, values, as_of)
        case _:
            return _event_details(watched, as_of)


# --- fields, lists ----------------------------------------------------------------------------------------------------


def _filter_details(node: Filter, watched: Watched, values: ContactValues, as_of: datetime) -> Details:
    value = values.values[node.subject]
    time = values.times[node.subject]
    name = subject_words(node, of_event=False)
    if value is None:
        return Details(f"{name}: no value")
    shown, plain = _json_value(str(value)) if node.subject.is_json else (_shown(value), _plain(value))
    if not isinstance(node.test, TimeIsInAnyOf | DateIsInAnyOf | AnniversaryIsWithin):
        return Details(f"{name}: {shown}", plain)
    if time is None:
        return Details(f"{name}: {shown}, which is no {node.subject.type}", plain)
    if isinstance(watched, WatchedTime):
        return _time_details(name, node.test, watched, as_of)
    zone = watched.zone_name if isinstance(watched, WatchedAnniversary) else "UTC"
    return Details(f"{name}: {_time_text(time, zone)}", time)


def _time_details(
    name: str, test: TimeIsInAnyOf | DateIsInAnyOf | AnniversaryIsWithin, watched: WatchedTime, as_of: datetime
) -> Details:
    assert not isinstance(test, AnniversaryIsWithin)
    is_day = not isinstance(watched.value, datetime)
    place_one = place_dates if is_day else place
    windows = tuple(place_one(item, as_of=as_of, zone_name=watched.zone_name) for item in test.timeframes)
    wanted = " or ".join(
        window_text(item, window, "UTC" if is_day else watched.zone_name)
        for item, window in zip(test.timeframes, windows, strict=True)
    )
    return Details(f"{name}: {_time_text(watched.value, watched.zone_name)}, wanted {wanted}", watched.value, windows)


def _time_text(value: datetime | date, zone_name: str) -> str:
    return local_text(value, zone_name) if isinstance(value, datetime) else value.isoformat()


def _shown(value: object) -> str:
    """A value of a field in words, cut where it is long."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return number_text(value)
        case str():
            return _cut(quoted(value))
        case _:
            return str(value)


def _json_value(text: str) -> tuple[str, Plain]:
    """A value of JSON in words, and by itself; arrays, objects and integers of more than 64 bits are their text."""
    value = json.loads(text)
    is_text = isinstance(value, list | dict) or (isinstance(value, int) and not -(2**63) <= value < 2**63)
    return _cut(text), text if is_text else value


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _plain(value: object) -> Plain:
    assert value is None or isinstance(value, str | float | int | bool | Decimal | datetime | date)
    return value


def _list_details(node: ListCondition, values: ContactValues, as_of: datetime) -> Details:
    status = values.statuses.get(node.list_id)
    deleted_at = values.lists[node.list_id]
    found = "not on the list" if status is None else f"status: {status}"
    is_gone = deleted_at is not None and deleted_at <= as_of
    return Details(f"{found}; the list was deleted" if is_gone else found, status)


# --- events -----------------------------------------------------------------------------------------------------------


def _event_details(watched: Watched, as_of: datetime) -> Details:
    match watched:
        case WatchedCount():
            events = watched.counted(as_of)
            window, found = _count_text(watched, as_of)
            return _with_events(found, watched.number(events), window, events)
        case WatchedCounts(counts):
            windows, texts = zip(*(_count_text(count, as_of) for count in counts), strict=True)
            return Details("; ".join(texts), watched.holds(as_of), windows)
        case WatchedEventTime(node=node):
            event = watched.found(as_of)
            placed = place(node.timeframe, as_of=as_of, zone_name=watched.zone_name)
            when = window_text(node.timeframe, placed, watched.zone_name)
            which = "first" if node.which is Which.FIRST else "last"
            if event is None:
                return Details(f"none so far, wanted the {which} {when}", None, (placed,))
            found = f"{which} {local_text(event.occurred_at, watched.zone_name)}, wanted {when}"
            return _with_events(found, event.occurred_at, placed, [event])
        case WatchedSequence(node=node):
            chain = watched.furthest(as_of)
            window, when = _event_window(node.timeframe, watched.zone_name, as_of)
            said = f"{len(chain.events)} of {counted(len(node.steps), 'step')} {when}"
            return _with_events(said + _absence_text(chain, as_of), len(chain.events), window, chain.events)
        case WatchedTotal(node=node):
            events = watched.counted(as_of)
            window, when = _event_window(node.timeframe, watched.zone_name, as_of)
            measured = watched.measured(events)
            asked = f"{range_words(node)} {when}"
            if measured is None:
                return _with_events(f"nothing to measure, wanted {asked}", None, window, events, watched)
            rounded = round(measured, GOAL_VALUE_DECIMALS) if isinstance(measured, Decimal) else measured
            return _with_events(f"{plain_decimal(Decimal(rounded))}, wanted {asked}", rounded, window, events, watched)
        case _:
            raise InvalidPlanError("watched", f"{type(watched).__name__} is no condition on events")


def _count_text(watched: WatchedCount, as_of: datetime) -> tuple[Window, str]:
    """Where events count, and how many do: `2 of at least 3 in (2026-04-10 09:30, 2026-05-10 09:30]`."""
    node = watched.node
    window, when = _event_window(node.timeframe, watched.zone_name, as_of)
    number = f"{watched.number(watched.counted(as_of)):,} of {AMOUNTS[node.comparison] or 'exactly '}{node.count:,}"
    return window, f"{number}{' days' if node.of is CountOf.DAYS else ''} {when}"


def _absence_text(chain: Chain, as_of: datetime) -> str:
    """Whether what must not follow the last step did, where that can be said."""
    if chain.decided_at is None:
        return ""
    if chain.is_followed:
        return "; what must not follow did"
    return "; nothing followed" if chain.decided_at <= as_of else "; not decided yet"


def _event_window(timeframe: Timeframe, zone_name: str, as_of: datetime) -> tuple[Window, str]:
    """Where events count, as an interval too: nothing later than the evaluation does."""
    cut, window = until(timeframe, place(timeframe, as_of=as_of, zone_name=zone_name), just_after(as_of))
    return window, window_text(cut, window, zone_name)


def _with_events(
    found: str, measured: Plain, window: Window, events: Sequence[Event], watched: WatchedTotal | None = None
) -> Details:
    last = tuple(
        DecidingEvent(
            event.kind,
            event.occurred_at,
            event.reference,
            event.properties,
            None if watched is None else watched.value_of(event),
        )
        for event in events[: -MOST_EVENTS - 1 : -1]
    )
    return Details(found, measured, (window,), len(events), last)
