"""Source `contact_timeline`: how often something happened to a contact, or when it first or last did."""

from __future__ import annotations

import re

from engine.definition.document import Document
from engine.definition.fields import FieldType
from engine.definition.filters import FILTER_KEYS, read_field_type, read_filter, read_json_path
from engine.definition.points import read_timeframe
from engine.definition.tree import (
    EVENT_PROPERTIES,
    AllOf,
    Comparison,
    CountCondition,
    EventTimeCondition,
    Node,
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
    template_id, timeframe = document.optional_text("template_id"), read_timeframe(document)
    if document.get("which") is not None:
        which = document.choice("which", tuple(Which))
        for key in _COUNT_KEYS:
            if document.get(key) is not None:
                raise document.refuse(key, "does not go with which: the condition is on one event, not on how many")
        return EventTimeCondition(kind, template_id, event_filter, which, timeframe)
    counts = [
        CountCondition(kind, template_id, event_filter, timeframe, comparison, count)
        for comparison, count in _read_count(document)
    ]
    return counts[0] if len(counts) == 1 else AllOf(tuple(counts))


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
