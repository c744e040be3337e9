"""Source `contact_timeline`: how often something happened to a contact."""

from __future__ import annotations

import re

from engine.definition.document import Document
from engine.definition.fields import FieldType
from engine.definition.filters import FILTER_KEYS, read_field_type, read_filter, read_json_path
from engine.definition.points import read_timeframe
from engine.definition.tree import EVENT_PROPERTIES, AllOf, Comparison, CountCondition, Node, Subject
from engine.definition.vocabulary import KIND_PATTERN
from engine.errors import shown

_KIND = re.compile(KIND_PATTERN, re.ASCII)

_KEYS = (
    "kind",
    "count_operator",
    "count_value",
    "timeframe_operator",
    "timeframe_values",
    "template_id",
    "filters",
)
_COUNT_OPERATORS = {
    "at_least": Comparison.AT_LEAST,
    "at_most": Comparison.AT_MOST,
    "exactly": Comparison.EQUAL,
}


def read_contact_timeline(value: object, path: str) -> Node:
    """The condition of a `contact_timeline` leaf."""
    document = Document.of(value, path, keys=_KEYS)
    kind = document.text("kind")
    if not _KIND.fullmatch(kind):
        allowed = "1 to 128 of a-z 0-9 _ . : -, or custom_event. and the name of a custom event"
        raise document.refuse("kind", f"is {shown(kind)}; a kind of event is {allowed}")
    filters = tuple(_read_filter(item, item_path) for item, item_path in document.items("filters"))
    return CountCondition(
        kind=kind,
        template_id=document.optional_text("template_id"),
        event_filter=None if not filters else filters[0] if len(filters) == 1 else AllOf(filters),
        timeframe=read_timeframe(document),
        comparison=_COUNT_OPERATORS[document.choice("count_operator", tuple(_COUNT_OPERATORS))],
        count=document.count("count_value"),
    )


def _read_filter(value: object, path: str) -> Node:
    """A filter on a property of the event: `field_name` is its key, `json_path` goes on below it."""
    document = Document.of(value, path, keys=FILTER_KEYS)
    json_path = (document.text("field_name"), *read_json_path(document))
    field_type = read_field_type(document, own=FieldType.STRING, is_json=True)
    return read_filter(document, Subject(EVENT_PROPERTIES, field_type, True, json_path))
