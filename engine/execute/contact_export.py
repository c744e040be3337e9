"""Everything that a workspace knows of one contact, as one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import orjson

from engine.definition.fields import CONTACT_FIELDS, JSON_FIELDS
from engine.errors import UnknownContactError
from engine.execute.contact import segments_of
from engine.execute.memberships import Memberships
from engine.plan.zones import EARLIEST_AT, LATEST_AT, zone_named
from engine.storage import Store
from engine.storage.connection import store_errors
from engine.storage.custom_fields import CustomFieldType, stored_fields
from engine.storage.json_values import json_number, json_or_text
from engine.storage.segments import stored_segments

MESSAGE_KIND = "insert_message_history"
"""The kind of the entry that says that a message was sent."""

_ONE_DAY = timedelta(days=1)
"""So far from the ends of time every zone has a local date."""

_TIMELINE = (
    *("sequence", "kind", "occurred_at", "id", "template_id", "entity_type", "entity_id", "operation"),
    *("properties", "changes", "ingested_at"),
)
_VERSION = (
    *("occurred_at", "goal_type", "goal_name", "goal_value", "properties"),
    *("deleted_at", "superseded_at", "ingested_at"),
)


def export_contact(store: Store, identity: str, memberships: Memberships) -> dict[str, object]:
    """Everything about the contact of an identity (as stored), as the store has it at one moment.

    Values are those that JSON has, instants RFC 3339 in UTC, the order never differs. Raises: UnknownContactError.
    """
    segments = stored_segments(store)
    with read_moment(store) as cursor:
        contact_id = known_contact_id(cursor, identity)
        document = _document(cursor, contact_id)
    document["segments"] = [
        {"id": name, "name": segments[name].segment.name if name in segments else None}
        for name in segments_of(contact_id, memberships)
    ]
    plain: dict[str, object] = orjson.loads(orjson.dumps(document, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z))
    return plain


@contextmanager
def read_moment(store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor whose statements all see the store as it is at one moment."""
    with store_errors(store.path), store.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK")


def known_contact_id(cursor: duckdb.DuckDBPyConnection, identity: str) -> int:
    """The contact of an identity (as stored). Raises: UnknownContactError."""
    found = _rows(cursor, "SELECT contact_id FROM identities WHERE identity = $1", [identity])
    if not found:
        kind, _, value = identity.partition(":")
        raise UnknownContactError(value, kind=kind)
    return int(found[0][0])


def _document(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> dict[str, object]:
    custom_fields = {item.key: item.type for item in stored_fields(cursor)}
    names = (*CONTACT_FIELDS, *custom_fields, "tags")
    quoted = ", ".join(f'"{name}"' for name in names)
    (row,) = _rows(cursor, f"SELECT {quoted} FROM contacts WHERE contact_id = $1", [contact_id])
    values = dict(zip(names, row, strict=True))
    json_names = {*JSON_FIELDS, *(key for key, kind in custom_fields.items() if kind is CustomFieldType.JSON)}
    given: dict[str, Any] = {
        name: json_or_text(value) if name in json_names else value
        for name, value in values.items()
        if value is not None
    }
    return {
        "fields": {name: given[name] for name in CONTACT_FIELDS if name in given},
        "custom_fields": {name: given[name] for name in custom_fields if name in given},
        "tags": sorted(given.get("tags", ())),
        "identities": _identities(cursor, contact_id),
        "subscriptions": _subscriptions(cursor, contact_id),
        "message_statistics": message_statistics(cursor, contact_id, "UTC"),
        "timeline": _timeline(cursor, contact_id),
        "custom_events": _custom_events(cursor, contact_id),
        "mails_waiting": _mails(cursor, contact_id),
    }


def message_statistics(cursor: duckdb.DuckDBPyConnection, contact_id: int, timezone: str) -> dict[str, dict[str, int]]:
    """How many messages were sent to a contact, by year and month of a time zone: `{"2016": {"10": 3}}`."""
    query = "SELECT occurred_at FROM timeline WHERE contact_id = $1 AND kind = $2 ORDER BY occurred_at"
    zone = zone_named(timezone)
    counts: dict[str, dict[str, int]] = {}
    for (at,) in _rows(cursor, query, [contact_id, MESSAGE_KIND]):
        instant = min(max(at.replace(tzinfo=UTC), EARLIEST_AT + _ONE_DAY), LATEST_AT - _ONE_DAY)
        local = instant.astimezone(zone)
        months = counts.setdefault(str(local.year), {})
        months[str(local.month)] = months.get(str(local.month), 0) + 1
    return counts


def identities_of(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> list[str]:
    """All identities of a contact as they are stored, sorted."""
    query = "SELECT identity FROM identities WHERE contact_id = $1 ORDER BY identity"
    return [identity for (identity,) in _rows(cursor, query, [contact_id])]


def _identities(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> list[dict[str, str]]:
    parts = (identity.partition(":") for identity in identities_of(cursor, contact_id))
    return [{"kind": kind, "value": value} for kind, _, value in parts]


def _subscriptions(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> list[dict[str, object]]:
    names = ("list_id", "list_name", "status", "created_at", "updated_at", "list_deleted_at")
    rows = _rows(
        cursor,
        """
        SELECT s.list_id, l.name, s.status, s.created_at, s.updated_at, l.deleted_at
        FROM subscriptions AS s LEFT JOIN lists AS l ON l.id = s.list_id
        WHERE s.contact_id = $1 ORDER BY s.list_id
        """,
        [contact_id],
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _timeline(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> list[dict[str, object]]:
    query = f"SELECT {', '.join(_TIMELINE)} FROM timeline WHERE contact_id = $1 ORDER BY occurred_at, sequence"
    return [_without_nulls(_TIMELINE, row) for row in _rows(cursor, query, [contact_id])]


def _custom_events(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> list[dict[str, object]]:
    """Every custom event with all its versions, oldest first."""
    rows = _rows(
        cursor,
        f"""
        SELECT event_name, external_id, {", ".join(_VERSION)} FROM custom_events
        WHERE contact_id = $1 ORDER BY event_name, external_id, occurred_at
        """,
        [contact_id],
    )
    events: dict[tuple[str, str], list[dict[str, object]]] = {}
    for event_name, external_id, *version in rows:
        events.setdefault((event_name, external_id), []).append(_without_nulls(_VERSION, version))
    return [
        {"event_name": event_name, "external_id": external_id, "versions": versions}
        for (event_name, external_id), versions in events.items()
    ]


def _mails(cursor: duckdb.DuckDBPyConnection, contact_id: int) -> list[dict[str, object]]:
    names = ("mail", "list_id", "template_id", "created_at")
    query = f"SELECT {', '.join(names)} FROM outbox WHERE contact_id = $1 ORDER BY sequence"
    return [dict(zip(names, row, strict=True)) for row in _rows(cursor, query, [contact_id])]


def _rows(cursor: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    return cursor.execute(query, parameters).fetchall()


def _without_nulls(names: Sequence[str], row: Iterable[object]) -> dict[str, object]:
    return {name: _plain(name, value) for name, value in zip(names, row, strict=True) if value is not None}


def _plain(name: str, value: Any) -> object:
    if name in {"properties", "changes"}:
        return json_or_text(value)
    if isinstance(value, Decimal):
        return json_number(value)
    return value
