"""The tables of a dataset folder, and the columns that each may have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa

from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.vocabulary import (
    EVENT_NAME_PATTERN,
    GOAL_TYPES,
    KIND_PATTERN,
    LIST_ID_PATTERN,
    SUBSCRIPTION_STATUSES,
)
from engine.storage.custom_fields import CustomFieldType
from ingest.dataset.column_types.boolean import Boolean
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.date import Date
from ingest.dataset.column_types.email import Email
from ingest.dataset.column_types.instant import Instant
from ingest.dataset.column_types.json_text import JsonText
from ingest.dataset.column_types.number import ExactNumber, Number
from ingest.dataset.column_types.phone import Phone
from ingest.dataset.column_types.recognised import RecognisedText
from ingest.dataset.column_types.tags import Tags
from ingest.dataset.column_types.text import OneOfText, PatternText, Text
from ingest.dataset.column_types.url import Url
from ingest.values.country import known_country
from ingest.values.language import known_language

ROW_NUMBER = "row_number"
GIVEN = "given"
"""Column of partial tables: one character per column of the table, in order, `1` where the record gives it."""

TEXT, NUMBER, INSTANT, BOOLEAN, TAGS = Text(), Number(), Instant(), Boolean(), Tags()
EMAIL_OF_CONTACT, EMAIL = Email(validated=True), Email(validated=False)
JSON, JSON_OBJECT = JsonText(object_only=False), JsonText(object_only=True)
MONEY = ExactNumber()
PHONE, COUNTRY, LANGUAGE = Phone(), RecognisedText(known_country), RecognisedText(known_language)
KIND = PatternText(
    "a kind",
    KIND_PATTERN,
    "it has 1 to 128 characters of a-z 0-9 _ . : - (or it is custom_event. and an event name)",
)
EVENT_NAME = PatternText("an event name", EVENT_NAME_PATTERN, "it has 1 to 100 characters of A-Z a-z 0-9 _ . : / -")
LIST_ID = PatternText("a list id", LIST_ID_PATTERN, "it has 1 to 64 characters of A-Z a-z 0-9 _ . -")
GOAL_TYPE = OneOfText(GOAL_TYPES)
STATUS = OneOfText(SUBSCRIPTION_STATUSES)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table may have; a required one must have a value in every row."""

    name: str
    type: ColumnType
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a dataset folder may have, with its columns in the order in which they are read out.

    A record of a `partial` table may give some columns only, and says which: what it does not give is left as it is
    where the record is merged with what is known. To give no value is to give: it removes the value.
    """

    name: str
    columns: tuple[Column, ...]
    partial: bool = False

    @property
    def by_name(self) -> dict[str, Column]:
        """The columns by name, in order."""
        return {column.name: column for column in self.columns}

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the batches: `row_number`, `given` of a partial table, then every column of the table."""
        stored: dict[str, pl.DataType] = {ROW_NUMBER: pl.Int64()}
        if self.partial:
            stored[GIVEN] = pl.String()
        stored |= {column.name: column.type.stored for column in self.columns}
        return pl.DataFrame(schema=stored).to_arrow(compat_level=pl.CompatLevel.oldest()).schema

    def given(self, names: Collection[str]) -> str:
        """The value of `given` for a record that gives the columns of these names."""
        return "".join("1" if column.name in names else "0" for column in self.columns)


_TYPE_OF_FIELD = {
    FieldType.STRING: TEXT,
    FieldType.NUMBER: NUMBER,
    FieldType.TIME: INSTANT,
    FieldType.JSON: JSON,
}
_TYPE_BY_NAME: dict[str, ColumnType] = {
    "email": EMAIL_OF_CONTACT,
    "phone": PHONE,
    "country": COUNTRY,
    "language": LANGUAGE,
    "profile": JSON_OBJECT,
}

CONTACTS = Table(
    "contacts",
    (
        *(
            Column(name, _TYPE_BY_NAME.get(name, _TYPE_OF_FIELD[kind]), required=name == "email")
            for name, kind in CONTACT_FIELDS.items()
        ),
        Column("tags", TAGS),
    ),
    partial=True,
)
TIMELINE = Table(
    "timeline",
    (
        Column("id", TEXT),
        Column("email", EMAIL, required=True),
        Column("kind", KIND, required=True),
        Column("occurred_at", INSTANT, required=True),
        Column("entity_type", TEXT),
        Column("entity_id", TEXT),
        Column("operation", TEXT),
        Column("template_id", TEXT),
        Column("properties", JSON_OBJECT),
    ),
)
CUSTOM_EVENTS = Table(
    "custom_events",
    (
        Column("external_id", TEXT, required=True),
        Column("email", EMAIL, required=True),
        Column("event_name", EVENT_NAME, required=True),
        Column("occurred_at", INSTANT, required=True),
        Column("goal_type", GOAL_TYPE),
        Column("goal_name", TEXT),
        Column("goal_value", MONEY),
        Column("properties", JSON_OBJECT),
        Column("deleted_at", INSTANT),
    ),
)
LISTS = Table(
    "lists",
    (
        Column("id", LIST_ID, required=True),
        Column("name", TEXT, required=True),
        Column("is_public", BOOLEAN),
        Column("is_double_optin", BOOLEAN),
        Column("deleted_at", INSTANT),
    ),
    partial=True,
)
SUBSCRIPTIONS = Table(
    "subscriptions",
    (
        Column("email", EMAIL, required=True),
        Column("list_id", LIST_ID, required=True),
        Column("status", STATUS, required=True),
        Column("created_at", INSTANT),
    ),
    partial=True,
)
TABLES = {table.name: table for table in (CONTACTS, TIMELINE, CUSTOM_EVENTS, LISTS, SUBSCRIPTIONS)}

_TYPE_OF_CUSTOM_FIELD: Mapping[CustomFieldType, ColumnType] = {
    CustomFieldType.TEXT: TEXT,
    CustomFieldType.NUMBER: NUMBER,
    CustomFieldType.DATE: Date(),
    CustomFieldType.DATETIME: INSTANT,
    CustomFieldType.BOOLEAN: BOOLEAN,
    CustomFieldType.EMAIL: EMAIL_OF_CONTACT,
    CustomFieldType.URL: Url(),
    CustomFieldType.JSON: JSON,
}


def tables_with(custom_fields: Mapping[str, CustomFieldType]) -> Mapping[str, Table]:
    """The tables of a dataset folder for a workspace whose contacts have custom fields, too, by their keys."""
    own = (Column(key, _TYPE_OF_CUSTOM_FIELD[kind]) for key, kind in custom_fields.items())
    return {**TABLES, CONTACTS.name: replace(CONTACTS, columns=(*CONTACTS.columns, *own))}
