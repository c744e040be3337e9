"""Source `contact_timeline`: how often something happened, when it first or last did, or what it adds up to."""

from __future__ import annotations

from collections.abc import Iterable

from engine.definition.bounds import read_bounds
from engine.definition.document import Document
from engine.definition.events import EVENT_KEYS, read_events, read_property
from engine.definition.points import read_each_of_the_last, read_timeframe
from engine.definition.tree import (
    Aggregate,
    AllOf,
    CountCondition,
    CountInEachCondition,
    CountOf,
    EventTimeCondition,
    Node,
    PropertyCondition,
    SelectedEvents,
    Which,
)
from engine.definition.value_tests import Comparison

_COUNT_KEYS = ("count_of", "count_operator", "count_value", "count_value_2")
_AGGREGATE_KEYS = ("property", "operator", "value", "value_2")
_KEYS = (
    *EVENT_KEYS,
    "which",
    *_COUNT_KEYS,
    "aggregate_operator",
    *_AGGREGATE_KEYS,
    "timeframe_operator",
    "timeframe_values",
    "week_starts_on",
)
_COUNT_OPERATORS = {
    "at_least": Comparison.AT_LEAST,
    "at_most": Comparison.AT_MOST,
    "exactly": Comparison.EQUAL,
}
_BETWEEN = "between"
_AGGREGATES = tuple(aggregate for aggregate in Aggregate if aggregate is not Aggregate.COUNT)


def read_contact_timeline(value: object, path: str) -> Node:
    """The condition of a `contact_timeline` leaf."""
    document = Document.of(value, path, keys=_KEYS)
    events = read_events(document)
    if document.get("which") is not None:
        return _read_event_time(document, events)
    if document.get("aggregate_operator") is not None:
        return _read_aggregate(document, events)
    return _read_counts(document, events)


def _read_event_time(document: Document, events: SelectedEvents) -> Node:
    which, timeframe = document.choice("which", tuple(Which)), read_timeframe(document)
    _refuse_keys(
        document,
        (*_COUNT_KEYS, "aggregate_operator", *_AGGREGATE_KEYS),
        "which: the condition is on one event, not on how many",
    )
    return EventTimeCondition(events, which, timeframe)


def _read_aggregate(document: Document, events: SelectedEvents) -> Node:
    aggregate, timeframe = document.choice("aggregate_operator", _AGGREGATES), read_timeframe(document)
    _refuse_keys(document, _COUNT_KEYS, "aggregate_operator: its values go into value and value_2")
    property_path = read_property(document, "property")
    low, high = read_bounds(document)
    return PropertyCondition(events, timeframe, aggregate, property_path, low, high)


def _read_counts(document: Document, events: SelectedEvents) -> Node:
    _refuse_keys(document, _AGGREGATE_KEYS, "a count: give aggregate_operator as well")
    counted = document.choice("count_of", tuple(CountOf), default=CountOf.EVENTS)
    asked = _read_count(document)
    each = read_each_of_the_last(document)
    conditions: list[Node]
    if each is not None:
        conditions = [CountInEachCondition(events, each, comparison, count, counted) for comparison, count in asked]
    else:
        timeframe = read_timeframe(document)
        conditions = [CountCondition(events, timeframe, comparison, count, counted) for comparison, count in asked]
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def _refuse_keys(document: Document, keys: Iterable[str], what: str) -> None:
    for key in keys:
        if document.get(key) is not None:
            raise document.refuse(key, f"does not go with {what}")


def _read_count(document: Document) -> list[tuple[Comparison, int]]:
    """What the number must be: all of these."""
    operator = document.choice("count_operator", (*_COUNT_OPERATORS, _BETWEEN))
    count = document.count("count_value")
    if operator == _BETWEEN:
        most = document.count("count_value_2")
        if count > most:
            raise document.refuse("count_value_2", f"must not be less than count_value: nothing is {count} to {most}")
        return [(Comparison.AT_LEAST, count), (Comparison.AT_MOST, most)]
    if document.get("count_value_2") is not None:
        raise document.refuse("count_value_2", f"goes with {_BETWEEN} only, not with {operator}")
    return [(_COUNT_OPERATORS[operator], count)]
