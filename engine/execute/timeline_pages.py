"""What happened to a contact, page by page, latest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.execute.contact_export import known_contact_id, read_moment
from engine.storage import Store
from engine.storage.instants import stored_instant
from engine.storage.json_values import json_or_text


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened. Instants are UTC.

    `number` tells entries apart, `id` is the one that an application gave. `changes` has old and new values,
    `properties` what else was said; both are JSON values.
    """

    number: str
    id: str | None
    kind: str
    occurred_at: datetime
    ingested_at: datetime | None
    entity_type: str | None
    entity_id: str | None
    operation: str | None
    template_id: str | None
    changes: object
    properties: object


Place = tuple[datetime, str]
"""Where a page ends: the instant and the number of its last entry."""


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Some entries, latest first; `next_before` is where the next page begins, None on the last one."""

    entries: tuple[TimelineEntry, ...]
    next_before: Place | None


def timeline_page(store: Store, identity: str, *, before: Place | None, limit: int) -> TimelinePage:
    """A page of what happened to the contact of an identity (as stored), its custom events as they are now included.

    Raises: UnknownContactError.
    """
    with read_moment(store) as cursor:
        contact_id = known_contact_id(cursor, identity)
        rows = cursor.execute(
            """
            WITH entries AS (
                SELECT
                    't' || coalesce(sequence, 0) AS number, id, kind, occurred_at, ingested_at, entity_type, entity_id,
                    operation, template_id, changes, properties
                FROM timeline WHERE contact_id = $contact_id
                UNION ALL
                SELECT
                    'c' || coalesce(sequence, 0), NULL, 'custom_event.' || event_name, occurred_at, ingested_at,
                    'custom_event', external_id, NULL, NULL, NULL, properties
                FROM custom_events WHERE contact_id = $contact_id AND superseded_at IS NULL AND deleted_at IS NULL
            )
            FROM entries WHERE $at::TIMESTAMP IS NULL OR (occurred_at, number) < ($at::TIMESTAMP, $number)
            ORDER BY occurred_at DESC, number DESC LIMIT $limit
            """,
            {
                "contact_id": contact_id,
                "at": None if before is None else stored_instant(before[0]),
                "number": None if before is None else before[1],
                "limit": limit + 1,
            },
        ).fetchall()
    entries = tuple(_entry(row) for row in rows[:limit])
    has_more = len(rows) > limit
    return TimelinePage(entries, (entries[-1].occurred_at, entries[-1].number) if has_more else None)


def _entry(row: Sequence[Any]) -> TimelineEntry:
    number, event_id, kind, occurred_at, ingested_at, entity_type, entity_id, operation, template_id, *json = row
    changes, properties = (None if text is None else json_or_text(text) for text in json)
    return TimelineEntry(
        number,
        event_id,
        kind,
        occurred_at.replace(tzinfo=UTC),
        None if ingested_at is None else ingested_at.replace(tzinfo=UTC),
        entity_type,
        entity_id,
        operation,
        template_id,
        changes,
        properties,
    )
