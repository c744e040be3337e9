"""Custom fields: each write adds a column to contacts, or says what is to be known of one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.definition.fields import CONTACT_FIELDS
from engine.definition.tree import EVENT_PROPERTIES
from engine.errors import (
    FieldInUseError,
    InvalidValueError,
    InvalidWriteError,
    UnknownCustomFieldError,
    did_you_mean,
    shown,
)
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.custom_fields import CustomField, CustomFieldType, add_column_statement
from engine.storage.segments import segments_naming
from ingest.values import RefusedValueError
from ingest.values.text import trimmed_text
from ingest.writes.write import CommittedAlone, Outcome

MOST_LABEL_CHARACTERS = 255

# The last ones are names of columns beside those of contacts where these are merged or read.
RESERVED_KEYS = frozenset(
    {"contact_id", "zone_id", "phone_is_valid", "tags", "identities", EVENT_PROPERTIES}
    | {"given", "row_number", "is_new", "rowid"}
)
"""Keys that mean something else where contacts are read or written."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DefineField(CommittedAlone):
    """A field that contacts are to have; without a label it keeps the one that it has, or has its key."""

    key: str
    type: CustomFieldType
    label: str | None

    def needs(self) -> Needs:
        """Nothing: fields are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Add the column; or bring a retired field back, with the values that it had. Raises: InvalidWriteError."""
        known = changes.memory.fields.get(self.key)
        if known is None:
            changes.needs_new_memory = True
            changes.execute(add_column_statement(self.key, self.type))
            row = [self.key, self.label or self.key, self.type.value, changes.now]
            changes.execute("INSERT INTO custom_fields VALUES ($1, $2, $3, $4, NULL)", row)
            return Outcome.CREATED
        if known.type is not self.type:
            state = "was retired as" if known.retired_at is not None else "is"
            raise InvalidWriteError(
                "type", f"{self.key!r} {state} a {known.type} field, and a field keeps its type; take another key"
            )
        label = self.label or known.label
        if known.retired_at is None and label == known.label:
            return Outcome.UNCHANGED
        changes.needs_new_memory = True
        changes.execute("UPDATE custom_fields SET label = $2, retired_at = NULL WHERE key = $1", [self.key, label])
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class RenameField(CommittedAlone):
    """What people are to read for a field; its key stays."""

    key: str
    label: str

    def needs(self) -> Needs:
        """Nothing: fields are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Change the label. Raises: UnknownCustomFieldError."""
        if _field_in_use(changes, self.key).label == self.label:
            return Outcome.UNCHANGED
        changes.needs_new_memory = True
        changes.execute("UPDATE custom_fields SET label = $2 WHERE key = $1", [self.key, self.label])
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class RetireField(CommittedAlone):
    """A field that is to be read and written no longer; its values stay, and come back with it."""

    key: str

    def needs(self) -> Needs:
        """Nothing: fields are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Mark it. Raises: UnknownCustomFieldError; FieldInUseError while a segment looks at it."""
        _field_in_use(changes, self.key)
        segment_ids = segments_naming(changes.cursor, self.key)
        if segment_ids:
            raise FieldInUseError(self.key, segment_ids)
        changes.needs_new_memory = True
        changes.execute("UPDATE custom_fields SET retired_at = $2 WHERE key = $1", [self.key, changes.now])
        return Outcome.UPDATED


def read_key(key: object) -> str:
    """A key that a custom field may have. Raises: InvalidValueError."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidValueError("key", key, "is no key: it has 1 to 63 characters of a-z 0-9 _, the first a letter")
    if key in CONTACT_FIELDS:
        raise InvalidValueError("key", key, "is a field that every contact has; take another key")
    if key in RESERVED_KEYS:
        raise InvalidValueError("key", key, "is reserved; take another key")
    return key


def read_type(kind: object) -> CustomFieldType:
    """A type that a custom field may have. Raises: InvalidValueError."""
    try:
        return CustomFieldType(kind)  # type: ignore[arg-type]  # whatever it is
    except ValueError:
        known = [known.value for known in CustomFieldType]
        hint = did_you_mean(kind, known) if isinstance(kind, str) else f"it is one of {', '.join(known)}"
        raise InvalidValueError("type", kind, f"is no type of a custom field; {hint}") from None


def read_label(label: object) -> str:
    """What people read for a field. Raises: InvalidValueError."""
    try:
        text = trimmed_text(label)
    except RefusedValueError as error:
        raise InvalidValueError("label", label, str(error)) from None
    if len(text) > MOST_LABEL_CHARACTERS:
        raise InvalidValueError("label", shown(label), f"is longer than {MOST_LABEL_CHARACTERS} characters")
    return text


def _field_in_use(changes: ChangeSet, key: str) -> CustomField:
    found = changes.memory.fields.get(key)
    if found is None or found.retired_at is not None:
        known = [item.key for item in changes.memory.fields.values() if item.retired_at is None]
        raise UnknownCustomFieldError(key, known=known)
    return found
