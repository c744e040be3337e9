"""Fields that a user defines: each is a column of contacts, by its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import duckdb

from engine.definition.fields import CONTACT_FIELDS, FieldType


class CustomFieldType(StrEnum):
    """What a custom field holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    BOOLEAN = "boolean"
    EMAIL = "email"
    URL = "url"
    JSON = "json"


COLUMN_TYPES = {
    CustomFieldType.TEXT: "VARCHAR",
    CustomFieldType.NUMBER: "DOUBLE",
    CustomFieldType.DATE: "DATE",
    CustomFieldType.DATETIME: "TIMESTAMP",
    CustomFieldType.BOOLEAN: "BOOLEAN",
    CustomFieldType.EMAIL: "VARCHAR",
    CustomFieldType.URL: "VARCHAR",
    CustomFieldType.JSON: "VARCHAR",
}
"""The type of the column of each."""


_FIELD_TYPES = {
    CustomFieldType.TEXT: FieldType.STRING,
    CustomFieldType.NUMBER: FieldType.NUMBER,
    CustomFieldType.DATE: FieldType.DATE,
    CustomFieldType.DATETIME: FieldType.TIME,
    CustomFieldType.BOOLEAN: FieldType.BOOLEAN,
    CustomFieldType.EMAIL: FieldType.STRING,
    CustomFieldType.URL: FieldType.STRING,
    CustomFieldType.JSON: FieldType.JSON,
}
"""How the values of each compare in definitions."""


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field that a user defined. Instants are naive, in UTC; a retired field is neither read nor written."""

    key: str
    label: str
    type: CustomFieldType
    created_at: datetime
    retired_at: datetime | None = None


def stored_fields(cursor: duckdb.DuckDBPyConnection) -> list[CustomField]:
    """All custom fields, retired ones included, oldest first."""
    query = "SELECT key, label, type, created_at, retired_at FROM custom_fields ORDER BY created_at, key"
    return [
        CustomField(key, label, CustomFieldType(kind), created_at, retired_at)
        for key, label, kind, created_at, retired_at in cursor.execute(query).fetchall()
    ]


def fields_in_use(fields: Iterable[CustomField]) -> dict[str, CustomFieldType]:
    """The types of the fields that are not retired, by key."""
    return {item.key: item.type for item in fields if item.retired_at is None}


def definition_fields(custom_fields: Mapping[str, CustomFieldType]) -> dict[str, FieldType]:
    """All fields that a definition may name: those of every contact, and custom ones."""
    return {**CONTACT_FIELDS, **{key: _FIELD_TYPES[kind] for key, kind in custom_fields.items()}}


def add_column(cursor: duckdb.DuckDBPyConnection, key: str, kind: CustomFieldType) -> None:
    """Give contacts the column of a field, without values."""
    cursor.execute(add_column_statement(key, kind))


def add_column_statement(key: str, kind: CustomFieldType) -> str:
    """The statement that does so. A key has no character but a-z 0-9 _: it needs quotes, and cannot end them."""
    return f'ALTER TABLE contacts ADD COLUMN "{key}" {COLUMN_TYPES[kind]}'
