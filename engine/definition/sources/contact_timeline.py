"""Source `contact_timeline`: how often something happened, when it first or last did, or what it adds up to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.definition.bounds import read_bounds
from engine.definition.document import Document, checked_text
from engine.definition.fields import FieldType
from engine.definition.filters import FILTER_KEYS, MOST_STEPS, read_field_type, read_filter, read_json_path
from engine.definition.points import read_timeframe
from engine.definition.tree import (
    EVENT_PROPERTIES,
    Aggregate,
    AllOf,
    Comparison,
    CountCondition,
    EventTimeCondition,
    Node,
    PropertyCondition,
    SelectedEvents,
    Subject,
    Which,
)
from engine.definition.vocabulary import KIND_PATTERN
from engine.errors import shown

_KIND = re.compile(KIND_PATTERN, re.ASCII)

_KEYS = (
    "kind",
    "which",
    "count_operator",
    "count_value",
    "count_value_2",
    "aggregate_operator",
    "property",
    "operator",
    "value",
    "value_2",
    "timeframe_operator",
    "timeframe_values",
    "week_starts_on",
    "template_id",
    "filters",
)
_COUNT_OPERATORS = {
    "at_least": Comparison.AT_LEAST,
    "at_most": Comparison.AT_MOST,
    "exactly": Comparison.EQUAL,
}
_BETWEEN = "between"
_AGGREGATES = tuple(aggregate for aggregate in Aggregate if aggregate is not Aggregate.COUNT)
_AGGREGATE_KEYS = ("property", "operator", "value", "value_2")
_COUNT_KEYS = ("count_operator", "count_value", "count_value_2")


def read_contact_timeline(value: object, path: str) -> Node:
    """The condition of a `contact_timeline` leaf."""
    document = Document.of(value, path, keys=_KEYS)
    kind = document.text("kind")
    if not _KIND.fullmatch(kind):
        allowed = "1 to 128 of a-z 0-9 _ . : -, or custom_event. and the name of a custom event"
        raise document.refuse("kind", f"is {shown(kind)}; a kind of event is {allowed}")
    filters = tuple(_read_filter(item, item_path) for item, item_path in document.items("filters"))
    event_filter = None if not filters else filters[0] if len(filters) == 1 else AllOf(filters)
    events = SelectedEvents(kind, document.optional_text("template_id"), event_filter)
    timeframe = read_timeframe(document)
    if document.get("which") is not None:
        which = document.choice("which", tuple(Which))
        _refuse_keys(
            document,
            (*_COUNT_KEYS, "aggregate_operator", *_AGGREGATE_KEYS),
            "which: the condition is on one event, not on how many",
        )
        return EventTimeCondition(events, which, timeframe)
    if document.get("aggregate_operator") is not None:
        aggregate = document.choice("aggregate_operator", _AGGREGATES)
        _refuse_keys(document, _COUNT_KEYS, "aggregate_operator: its values go into value and value_2")
        steps = tuple(checked_text(step, step_path) for step, step_path in document.items("property"))
        if not 1 <= len(steps) <= MOST_STEPS:
            raise document.refuse("property", f"must be an array of 1 to {MOST_STEPS} keys that lead to a property")
        low, high = read_bounds(document)
        return PropertyCondition(events, timeframe, aggregate, steps, low, high)
    _refuse_keys(document, _AGGREGATE_KEYS, "a count: give aggregate_operator as well")
    counts = [CountCondition(events, timeframe, comparison, count) for comparison, count in _read_count(document)]
    return counts[0] if len(counts) == 1 else AllOf(tuple(counts))


def _refuse_keys(document: Document, keys: Iterable[str], what: str) -> None:
    for key in keys:
        if document.get(key) is not None:
            raise document.refuse(key, f"does not go with {what}")


def _read_count(document: Document) -> list[tuple[Comparison, int]]:
    """What the number of events must be: all of these."""
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


def _read_filter(value: object, path: str) -> Node:
    """A filter on a property of the event: `field_name` is its key, `json_path` goes on below it."""
    document = Document.of(value, path, keys=FILTER_KEYS)
    json_path = (document.text("field_name"), *read_json_path(document))
    field_type = read_field_type(document, own=FieldType.STRING, is_json=True)
    return read_filter(document, Subject(EVENT_PROPERTIES, field_type, True, json_path))
