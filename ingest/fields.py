"""The custom fields of a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.definition.fields import FieldType
from engine.storage.custom_fields import CustomFieldType, definition_fields, fields_in_use
from ingest.writer import Writer
from ingest.writes.fields import DefineField, RenameField, RetireField, read_key, read_label, read_type
from ingest.writes.write import Outcome


@dataclass(frozen=True, slots=True)
class FieldState:
    """A custom field. Instants are UTC; a retired field is neither read nor written, and its values stay."""

    key: str
    label: str
    type: CustomFieldType
    created_at: datetime
    retired_at: datetime | None


class Fields:
    """Reads and writes custom fields: each is a column of contacts by its key, usable as soon as it is defined.

    Every write is durable when it returns. Raises: InvalidValueError, UnknownCustomFieldError.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def define(self, key: str, type: str, label: str | None = None) -> Outcome:  # noqa: A002 (the word of the column)
        """Let contacts have a field of a type: text, number, date, datetime, boolean, email, url or json.

        A field that is there stays as it is, but takes a label that is given; one that was retired comes back with its
        values. Raises: InvalidWriteError for another type than it has.
        """
        given_label = None if label is None else read_label(label)
        return self._writer.write_one(DefineField(read_key(key), read_type(type), given_label))

    def rename(self, key: str, label: str) -> Outcome:
        """Give a field another label; its key stays."""
        return self._writer.write_one(RenameField(read_key(key), read_label(label)))

    def retire(self, key: str) -> Outcome:
        """Let a field be read and written no longer. Raises: FieldInUseError while a segment looks at it."""
        return self._writer.write_one(RetireField(read_key(key)))

    def all(self) -> list[FieldState]:
        """All fields, retired ones included, oldest first."""
        return [
            FieldState(
                item.key,
                item.label,
                item.type,
                item.created_at.replace(tzinfo=UTC),
                None if item.retired_at is None else item.retired_at.replace(tzinfo=UTC),
            )
            for item in self._writer.custom_fields.values()
        ]

    @property
    def in_use(self) -> Mapping[str, CustomFieldType]:
        """The types of all but the retired ones, by key: the columns that files of contacts may have, too."""
        return fields_in_use(self._writer.custom_fields.values())

    @property
    def of_definitions(self) -> Mapping[str, FieldType]:
        """All fields that a definition may name, those of every contact included: `read_segment` takes them."""
        return definition_fields(self.in_use)
