"""The tables of a store, as DuckDB statements.

No table has a key or an index (measured: both cost more than they give here); whoever writes keeps rows unique.
Instants are UTC. `contact_id` is dense, starts at 0 and never leaves the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.definition.fields import CONTACT_FIELDS, FieldType

_TYPES = {
    FieldType.STRING: "VARCHAR",
    FieldType.NUMBER: "DOUBLE",
    FieldType.TIME: "TIMESTAMP",
    FieldType.JSON: "VARCHAR",
}

TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "contacts": {
            "contact_id": "INTEGER",
            "zone_id": "SMALLINT",
            **{name: _TYPES[field_type] for name, field_type in CONTACT_FIELDS.items()},
            "tags": "VARCHAR[]",
        },
        "timeline": {
            "contact_id": "INTEGER",
            "kind": "VARCHAR",
            "occurred_at": "TIMESTAMP",
            "template_id": "VARCHAR",
            "sequence": "BIGINT",
            "id": "VARCHAR",
            "entity_type": "VARCHAR",
            "entity_id": "VARCHAR",
            "operation": "VARCHAR",
            "properties": "VARCHAR",
        },
        "custom_events": {
            "contact_id": "INTEGER",
            "event_name": "VARCHAR",
            "external_id": "VARCHAR",
            "occurred_at": "TIMESTAMP",
            "goal_type": "VARCHAR",
            "goal_name": "VARCHAR",
            # Exact: sums of money must not depend on the order of addition.
            "goal_value": "DECIMAL(38, 9)",
            "properties": "VARCHAR",
            "deleted_at": "TIMESTAMP",
            # When a later version of the event took its place.
            "superseded_at": "TIMESTAMP",
            "sequence": "BIGINT",
        },
        "lists": {
            "id": "VARCHAR",
            "name": "VARCHAR",
            "is_public": "BOOLEAN",
            "is_double_optin": "BOOLEAN",
            "deleted_at": "TIMESTAMP",
            "sequence": "BIGINT",
        },
        "subscriptions": {
            "contact_id": "INTEGER",
            "list_id": "VARCHAR",
            "status": "VARCHAR",
            "created_at": "TIMESTAMP",
            "sequence": "BIGINT",
        },
        # Zone 0 stands for a zone that is missing or unknown.
        "zones": {"zone_id": "SMALLINT", "name": "VARCHAR"},
    }
)
"""Table -> column -> DuckDB type."""


def create_statements() -> list[str]:
    """One CREATE TABLE per table."""
    return [
        f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})"
        for name, columns in TABLES.items()
    ]
