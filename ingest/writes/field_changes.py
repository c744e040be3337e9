"""What a write changes in the fields of a contact, and how the timeline says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from engine.storage.changes import ChangeSet
from ingest.writes.json_texts import is_same_json


class FieldChange(NamedTuple):
    """A field with its old and its new value, as the store has them; None for no value."""

    name: str
    old: Any
    new: Any


def changed_fields(changes: ChangeSet, contact_id: int, values: Mapping[str, Any]) -> list[FieldChange]:
    """Which of these values a contact does not have yet."""
    old_values = changes.contacts.values(contact_id, values)
    json_fields = changes.memory.json_fields
    return [
        FieldChange(name, old, new)
        for (name, new), old in zip(values.items(), old_values, strict=True)
        if old != new and not (name in json_fields and is_same_json(old, new))
    ]


def changes_text(changes: ChangeSet, fields: Iterable[FieldChange]) -> str:
    """The changes as JSON text: `{field: {"old": ..., "new": ...}}`, with JSON fields as values, not as texts."""
    said = {}
    json_fields = changes.memory.json_fields
    for name, old, new in fields:
        if name in json_fields:
            said[name] = {"old": _as_fragment(old), "new": _as_fragment(new)}
        else:
            said[name] = {"old": old, "new": new}
    return orjson.dumps(said, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z).decode()


def is_json_field(changes: ChangeSet, name: str) -> bool:
    """Whether the column of a field holds JSON text."""
    return name in changes.memory.json_fields


def _as_fragment(value: str | None) -> Any:
    return None if value is None else orjson.Fragment(value)
