"""The tables that a script reads, as statements that make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from engine.compile.dialects import ColumnType, Dialect
from engine.definition.fields import CONTACT_FIELDS, FieldType

_TYPES_OF_FIELDS = {
    FieldType.STRING: ColumnType.TEXT,
    FieldType.NUMBER: ColumnType.NUMBER,
    FieldType.TIME: ColumnType.INSTANT,
    FieldType.JSON: ColumnType.JSON,
    FieldType.BOOLEAN: ColumnType.BOOLEAN,
    FieldType.DATE: ColumnType.DATE,
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns; those of the key are never NULL, and rows that are read together lie in its order."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, ColumnType]


def tables(fields: Mapping[str, FieldType]) -> tuple[Table, ...]:
    """The tables with the columns that segments can ask for. `fields` are those of contacts."""
    known = {**CONTACT_FIELDS, **fields}
    contacts = {
        "contact_id": ColumnType.INTEGER,
        "zone_id": ColumnType.INTEGER,
        **{name: _TYPES_OF_FIELDS[kind] for name, kind in known.items()},
        "phone_is_valid": ColumnType.BOOLEAN,
        "tags": ColumnType.TEXTS,
    }
    return (
        Table("contacts", ("contact_id",), contacts),
        Table("identities", ("identity",), {"identity": ColumnType.TEXT, "contact_id": ColumnType.INTEGER}),
        Table(
            "subscriptions",
            ("list_id", "contact_id"),
            {"contact_id": ColumnType.INTEGER, "list_id": ColumnType.TEXT, "status": ColumnType.TEXT},
        ),
        Table(
            "timeline",
            ("kind", "contact_id", "occurred_at"),
            {
                "contact_id": ColumnType.INTEGER,
                "kind": ColumnType.TEXT,
                "occurred_at": ColumnType.INSTANT,
                "template_id": ColumnType.TEXT,
                "properties": ColumnType.JSON,
            },
        ),
        Table(
            "custom_events",
            ("event_name", "contact_id", "occurred_at"),
            {
                "contact_id": ColumnType.INTEGER,
                "event_name": ColumnType.TEXT,
                "occurred_at": ColumnType.INSTANT,
                "goal_type": ColumnType.TEXT,
                "goal_name": ColumnType.TEXT,
                "goal_value": ColumnType.DECIMAL,
                "properties": ColumnType.JSON,
                "deleted_at": ColumnType.INSTANT,
                "superseded_at": ColumnType.INSTANT,
            },
        ),
    )


def tables_script(fields: Mapping[str, FieldType], dialect: Dialect) -> str:
    """Statements that make the tables, empty."""
    return "\n".join(_create(item, dialect) for item in tables(fields))


def _create(item: Table, dialect: Dialect) -> str:
    columns = ",\n".join(
        f"  {dialect.sql(exp.to_identifier(name, quoted=True))} {dialect.column_type(kind, is_key=name in item.key)}"
        for name, kind in item.columns.items()
    )
    return f"CREATE TABLE {item.name} (\n{columns}\n){dialect.table_options(item.key)};\n"
