"""Contacts as an application reads them: every field, tags, subscriptions, segments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from engine.definition.fields import CONTACT_FIELDS, JSON_FIELDS
from engine.execute.contact import segments_of
from engine.execute.memberships import Memberships
from engine.storage.custom_fields import CustomFieldType, fields_in_use, stored_fields
from engine.storage.json_values import json_or_text


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    """A contact's status on a list that was not deleted. Instants are UTC."""

    list_id: str
    list_name: str
    status: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A contact. `fields` has every contact field and every custom one in use, None where there is no value.

    JSON fields are values, instants are UTC. `segment_ids` are as last computed, sorted.
    """

    fields: Mapping[str, object]
    tags: tuple[str, ...]
    subscriptions: tuple[SubscriptionRecord, ...]
    segment_ids: tuple[str, ...]


def contact_records(
    cursor: duckdb.DuckDBPyConnection, contact_ids: Sequence[int], memberships: Memberships
) -> list[ContactRecord]:
    """Contacts by their ids, in that order; an id that is no contact's is left out."""
    custom_fields = fields_in_use(stored_fields(cursor))
    names = (*CONTACT_FIELDS, *custom_fields, "tags")
    quoted = ", ".join(f'"{name}"' for name in names)
    query = f"SELECT contact_id, {quoted} FROM contacts WHERE contact_id IN (SELECT unnest($1::INTEGER[]))"
    rows = {contact_id: row for contact_id, *row in cursor.execute(query, [list(contact_ids)]).fetchall()}
    subscriptions = _subscriptions(cursor, contact_ids)
    return [
        ContactRecord(
            shown_fields(dict(zip(names, rows[contact_id], strict=True)), custom_fields),
            tuple(sorted(rows[contact_id][-1] or ())),
            tuple(subscriptions[contact_id]),
            segments_of(contact_id, memberships),
        )
        for contact_id in contact_ids
        if contact_id in rows
    ]


def shown_fields(row: Mapping[str, Any], custom_fields: Mapping[str, CustomFieldType]) -> dict[str, object]:
    """The fields of a contact by its row: JSON fields as values, instants in UTC."""
    fields: dict[str, object] = {}
    for name in (*CONTACT_FIELDS, *custom_fields):
        value = row.get(name)
        if value is not None and (name in _JSON_FIELDS or custom_fields.get(name) is CustomFieldType.JSON):
            value = json_or_text(value)
        elif isinstance(value, datetime):
            value = value.replace(tzinfo=UTC)
        fields[name] = value
    return fields


_JSON_FIELDS = frozenset(JSON_FIELDS)


def _subscriptions(
    cursor: duckdb.DuckDBPyConnection, contact_ids: Collection[int]
) -> Mapping[int, list[SubscriptionRecord]]:
    rows = cursor.execute(
        """
        SELECT s.contact_id, s.list_id, l.name, s.status, s.created_at, s.updated_at
        FROM subscriptions AS s JOIN lists AS l ON l.id = s.list_id AND l.deleted_at IS NULL
        WHERE s.contact_id IN (SELECT unnest($1::INTEGER[])) ORDER BY s.list_id
        """,
        [list(contact_ids)],
    ).fetchall()
    found: dict[int, list[SubscriptionRecord]] = defaultdict(list)
    for contact_id, list_id, name, status, *times in rows:
        created_at, updated_at = (None if at is None else at.replace(tzinfo=UTC) for at in times)
        found[contact_id].append(SubscriptionRecord(list_id, name, status, created_at, updated_at or created_at))
    return found
