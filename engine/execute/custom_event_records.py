"""Custom events as an application reads them: each as its latest version says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.errors import UnknownCustomEventError
from engine.execute.contact_export import known_contact_id, read_moment
from engine.storage import Store
from engine.storage.json_values import json_number, json_or_text


@dataclass(frozen=True, slots=True)
class CustomEventRecord:
    """A custom event that was not deleted. Instants are UTC; `properties` and `goal_value` are JSON values.

    `email` is that of its contact, None where that has none. `updated_at` is when the latest version came in.
    """

    event_name: str
    external_id: str
    email: str | None
    occurred_at: datetime
    goal_type: str | None
    goal_name: str | None
    goal_value: object
    properties: object
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class CustomEventPage:
    """Some custom events, latest first, of `count` in all."""

    events: tuple[CustomEventRecord, ...]
    count: int


_LATEST = """
    SELECT
        x.event_name, x.external_id, c.email, x.occurred_at, x.goal_type, x.goal_name, x.goal_value, x.properties,
        (
            SELECT min(v.ingested_at) FROM custom_events AS v
            WHERE v.event_name = x.event_name AND v.external_id = x.external_id
        ) AS created_at,
        x.ingested_at AS updated_at
    FROM custom_events AS x LEFT JOIN contacts AS c USING (contact_id)
    WHERE x.superseded_at IS NULL AND x.deleted_at IS NULL
"""


def custom_event(store: Store, event_name: str, external_id: str) -> CustomEventRecord:
    """One custom event. Raises: UnknownCustomEventError, also for one that was deleted."""
    rows = store.rows(f"{_LATEST} AND x.event_name = $1 AND x.external_id = $2", [event_name, external_id])
    if not rows:
        raise UnknownCustomEventError(event_name, external_id)
    return _record(rows[0])


def custom_events(
    store: Store, *, identity: str | None, event_name: str | None, limit: int, offset: int
) -> CustomEventPage:
    """The custom events of the contact of an identity (as stored), of a name, or both; latest first.

    Raises: UnknownContactError.
    """
    with read_moment(store) as cursor:
        conditions, values = ["x.superseded_at IS NULL", "x.deleted_at IS NULL"], dict[str, object]()
        if identity is not None:
            conditions.append("x.contact_id = $contact_id")
            values["contact_id"] = known_contact_id(cursor, identity)
        if event_name is not None:
            conditions.append("x.event_name = $event_name")
            values["event_name"] = event_name
        where = " AND ".join(conditions)
        ((count,),) = cursor.execute(f"SELECT count(*) FROM custom_events AS x WHERE {where}", values).fetchall()
        rows = cursor.execute(
            f"""
            FROM ({_LATEST} AND {where}) ORDER BY occurred_at DESC, event_name, external_id
            LIMIT $limit OFFSET $offset
            """,
            {**values, "limit": limit, "offset": offset},
        ).fetchall()
    return CustomEventPage(tuple(_record(row) for row in rows), int(count))


def _record(row: Sequence[Any]) -> CustomEventRecord:
    name, external_id, email, occurred_at, goal_type, goal_name, goal_value, properties, created_at, updated_at = row
    return CustomEventRecord(
        name,
        external_id,
        email,
        occurred_at.replace(tzinfo=UTC),
        goal_type,
        goal_name,
        None if goal_value is None else json_number(goal_value),
        None if properties is None else json_or_text(properties),
        None if created_at is None else created_at.replace(tzinfo=UTC),
        None if updated_at is None else updated_at.replace(tzinfo=UTC),
    )
