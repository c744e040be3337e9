"""What happened to a contact, page by page, latest first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.errors import InvalidValueError
from engine.execute.contact_export import known_contact_id, read_moment
from engine.storage import Store
from engine.storage.instants import stored_instant
from engine.storage.json_values import json_or_text


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened. Instants are UTC.

    `number` tells entries apart, that of a custom event by its name and external id; `id` is the one that an
    application gave. `changes` has old and new values, `properties` what else was said; both are JSON values.
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
"""Where a page ends: the instant of its last entry, and a text that sorts it among those of the same instant."""

_PLACE = re.compile(r"t[0-9]{19}|c[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Some entries, latest first; `next_before` is where the next page begins, None on the last one."""

    entries: tuple[TimelineEntry, ...]
    next_before: Place | None


def timeline_page(store: Store, identity: str, *, before: Place | None, limit: int) -> TimelinePage:
    """A page of what happened to the contact of an identity (as stored), its custom events as they are now included.

    Raises: UnknownContactError, InvalidValueError for a `before` that no page gave.
    """
    if before is not None and not is_place(before[1]):
        raise InvalidValueError("before", before[1], "is no place in a timeline: give next_before of another page")
    with read_moment(store) as cursor:
        contact_id = known_contact_id(cursor, identity)
        rows = cursor.execute(
            """
            WITH entries AS (
                SELECT
                    't' || lpad(coalesce(sequence, 0)::VARCHAR, 19, '0') AS place,
                    't' || coalesce(sequence, 0) AS number, id, kind, occurred_at, ingested_at,
                    entity_type, entity_id, operation, template_id, changes, properties
                FROM timeline WHERE contact_id = $contact_id
                UNION ALL
                -- The key has no NUL, so that it ends a name. Only what files brought has a sequence.
                SELECT
                    'c' || left(sha256(event_name || chr(0) || external_id), 32) AS place, place,
                    NULL, 'custom_event.' || event_name, occurred_at, ingested_at,
                    'custom_event', external_id, NULL, NULL, NULL, properties
                FROM custom_events WHERE contact_id = $contact_id AND superseded_at IS NULL AND deleted_at IS NULL
            )
            FROM entries WHERE $at::TIMESTAMP IS NULL OR (occurred_at, place) < ($at::TIMESTAMP, $place)
            ORDER BY occurred_at DESC, place DESC LIMIT $limit
            """,
            {
                "contact_id": contact_id,
                "at": None if before is None else stored_instant(before[0]),
                "place": None if before is None else before[1],
                "limit": limit + 1,
            },
        ).fetchall()
    entries = tuple(_entry(row) for row in rows[:limit])
    has_more = len(rows) > limit
    return TimelinePage(entries, (entries[-1].occurred_at, rows[limit - 1][0]) if has_more else None)


def is_place(text: str) -> bool:
    """Whether a text can be that of a place. Those of earlier versions, `t99` and `c0`, are none: they lost entries."""
    return _PLACE.fullmatch(text) is not None


def _entry(row: Sequence[Any]) -> TimelineEntry:
    _, number, event_id, kind, occurred_at, ingested_at, entity_type, entity_id, operation, template_id, *json = row
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
