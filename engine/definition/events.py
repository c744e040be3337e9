"""Which events of the timeline a condition is about, as a caller writes it."""

from __future__ import annotations

import re

from engine.definition.document import Document, checked_text
from engine.definition.fields import FieldType
from engine.definition.filters import FILTER_KEYS, MOST_STEPS, read_field_type, read_filter, read_json_path
from engine.definition.tree import EVENT_PROPERTIES, AllOf, Node, SelectedEvents
from engine.definition.value_tests import Subject
from engine.definition.vocabulary import KIND_PATTERN
from engine.errors import shown

EVENT_KEYS = ("kind", "template_id", "filters")

_KIND = re.compile(KIND_PATTERN, re.ASCII)


def read_events(document: Document) -> SelectedEvents:
    """The events that `kind`, `template_id` and `filters` select."""
    kind = document.text("kind")
    if not _KIND.fullmatch(kind):
        allowed = "1 to 128 of a-z 0-9 _ . : -, or custom_event. and the name of a custom event"
        raise document.refuse("kind", f"is {shown(kind)}; a kind of event is {allowed}")
    filters = tuple(_read_filter(item, path) for item, path in document.items("filters"))
    event_filter = None if not filters else filters[0] if len(filters) == 1 else AllOf(filters)
    return SelectedEvents(kind, document.optional_text("template_id"), event_filter)


def read_property(document: Document, key: str) -> tuple[str, ...]:
    """The path to a property of an event."""
    steps = tuple(checked_text(step, path) for step, path in document.items(key))
    if not 1 <= len(steps) <= MOST_STEPS:
        raise document.refuse(key, f"must be an array of 1 to {MOST_STEPS} keys that lead to a property")
    return steps


def _read_filter(value: object, path: str) -> Node:
    """A filter on a property of the event: `field_name` is its key, `json_path` goes on below it."""
    document = Document.of(value, path, keys=FILTER_KEYS)
    json_path = (document.text("field_name"), *read_json_path(document))
    field_type = read_field_type(document, own=FieldType.STRING, is_json=True)
    return read_filter(document, Subject(EVENT_PROPERTIES, field_type, True, json_path))
