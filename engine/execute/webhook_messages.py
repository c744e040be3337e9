"""What webhooks are to be told: messages from the outbox and from transitions, in order, as JSON."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from engine.execute.transitions import transition_pages
from engine.storage import Store
from engine.storage.webhook_types import CONTACT_DELETED, JOINED, LEFT, matches, wants_segments
from engine.storage.webhooks import (
    DeliveryRow,
    DeliveryStatus,
    Progress,
    WebhookRow,
    due_deliveries,
    progress_of,
    waiting_of,
)

MOST_WAITING = 10_000
"""While so many messages wait for a webhook, no more are read for it: what happened stays where it is written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages to a webhook: `due` are to be sent, those of one contact one after the other; `held` wait behind others.

    Those that waited before have been written down already. `progress` is how far it has come with these. `next_at`
    (naive, UTC) is when some that wait are due, None if none do. `has_more`: there may be more to read at once.
    """

    due: tuple[DeliveryRow, ...]
    held: tuple[DeliveryRow, ...]
    progress: Progress
    waited: frozenset[int]
    next_at: datetime | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Happening:
    """Something that happened to a contact. `place` tells it apart; instants are naive, in UTC."""

    place: str
    type: str
    contact_id: int
    occurred_at: datetime
    recorded_at: datetime
    data: Mapping[str, object]
    outbox_sequence: int = 0
    transition_sequence: int = 0


def next_batch(
    store: Store, webhook: WebhookRow, *, after: Progress | None, now: datetime, limit: int, most_due: int | None = None
) -> Batch | None:
    """The messages to send now, so many at most, of which `most_due` waited; None if there is no such webhook any more.

    `after` is how far it has come, if that is further than what is written down. `now` is naive, in UTC.
    Raises: StoreError.
    """
    with store.reading() as cursor:
        stored = progress_of(cursor, webhook.id)
        if stored is None:
            return None
        progress = stored if after is None else Progress(*map(max, stored, after))
        due = due_deliveries(cursor, webhook.id, now=now, limit=limit if most_due is None else most_due)
        waiting = waiting_of(cursor, webhook.id)
        room = limit - len(due)
        found: list[_Happening] = []
        if room > 0 and waiting.count < MOST_WAITING:
            found, progress = _happenings(cursor, webhook, progress, room)
        wanted = [item for item in found if _is_wanted(webhook, item)]
        rows = _rows(cursor, webhook, wanted, first_number=progress.next_number, now=now)
    return Batch(
        (*due, *(row for row in rows if row.contact_id not in waiting.contact_ids)),
        tuple(row for row in rows if row.contact_id in waiting.contact_ids),
        progress._replace(next_number=progress.next_number + len(rows)),
        frozenset(row.number for row in due),
        waiting.next_at,
        len(due) >= limit or len(found) >= room > 0,
    )


def _happenings(
    cursor: duckdb.DuckDBPyConnection, webhook: WebhookRow, progress: Progress, limit: int
) -> tuple[list[_Happening], Progress]:
    """What happened after a place, in order, and the place after it. What led to a transition comes before it."""
    told = list(_from_outbox(cursor, progress.outbox_sequence, limit))
    entered: list[_Happening] = []
    if wants_segments(webhook.event_types):
        entered = list(_from_transitions(cursor, progress.transition_sequence, limit))
    found: list[_Happening] = []
    while (told or entered) and len(found) < limit:
        first = told if told and (not entered or told[0].recorded_at <= entered[0].recorded_at) else entered
        found.append(first.pop(0))
    for item in found:
        progress = progress._replace(
            outbox_sequence=max(progress.outbox_sequence, item.outbox_sequence),
            transition_sequence=max(progress.transition_sequence, item.transition_sequence),
        )
    return found, progress


def _from_outbox(cursor: duckdb.DuckDBPyConnection, after: int, limit: int) -> Iterator[_Happening]:
    rows = cursor.execute(
        """
        SELECT sequence, type, contact_id, occurred_at, recorded_at, data FROM webhook_outbox
        WHERE sequence > $1 ORDER BY sequence LIMIT $2
        """,
        [after, limit],
    ).fetchall()
    for sequence, kind, contact_id, occurred_at, recorded_at, data in rows:
        happened = (kind, contact_id, occurred_at, recorded_at, orjson.loads(data))
        yield _Happening(f"o{sequence}", *happened, outbox_sequence=sequence)


def _from_transitions(cursor: duckdb.DuckDBPyConnection, after: int, limit: int) -> Iterator[_Happening]:
    for page in transition_pages(cursor, after=after, segment_ids=None, limit=limit):
        for number, contact_id in enumerate(page.contact_ids.tolist()):
            sequence = page.first_sequence + number
            data = {
                "segment": {"id": page.segment_id, "version": page.version},
                "cause": page.cause,
                "as_of": _text(page.as_of),
                "sequence": sequence,
            }
            kind = LEFT if number < page.left_count else JOINED
            happened = (kind, contact_id, page.as_of, page.recorded_at, data)
            yield _Happening(f"t{sequence}", *happened, transition_sequence=sequence)


def _is_wanted(webhook: WebhookRow, item: _Happening) -> bool:
    if not matches(item.type, webhook.event_types):
        return False
    filters: Mapping[str, Collection[str]] = orjson.loads(webhook.filters)
    said = _said(item)
    return all(said[name] in wanted for name, wanted in filters.items() if name in said)


def _said(item: _Happening) -> dict[str, object]:
    """What filters may ask of something that happened, by their names."""
    data: Mapping[str, Any] = item.data
    match item.type.partition(".")[0]:
        case "segment":
            return {"segment_ids": data["segment"]["id"], "causes": data["cause"]}
        case "list":
            return {"list_ids": data.get("entity_id")}
        case "custom_event":
            event = data.get("custom_event") or {"event_name": str(data.get("entity_id")).partition(":")[0]}
            said = {"event_names": event["event_name"]}
            return said if "entity_id" in data else {**said, "goal_types": event.get("goal_type")}
        case _:
            return {}


def _rows(
    cursor: duckdb.DuckDBPyConnection,
    webhook: WebhookRow,
    found: Sequence[_Happening],
    *,
    first_number: int,
    now: datetime,
) -> list[DeliveryRow]:
    names = _names(cursor, sorted({item.contact_id for item in found})) if found else {}
    return [
        DeliveryRow(
            webhook_id=webhook.id,
            number=first_number + number,
            message_id=message_id(webhook, item.place),
            type=item.type,
            contact_id=item.contact_id,
            occurred_at=item.occurred_at,
            status=DeliveryStatus.WAITING,
            attempt_count=0,
            waiting_since=now,
            last_attempt_at=None,
            next_attempt_at=None,
            status_code=None,
            failure=None,
            payload=payload(item.type, item.occurred_at, {**_contact(item, names), **item.data}),
        )
        for number, item in enumerate(found)
    ]


def _contact(item: _Happening, names: Mapping[int, tuple[str | None, str | None]]) -> dict[str, object]:
    if item.type == CONTACT_DELETED:
        return {}
    email, external_id = names.get(item.contact_id, (None, None))
    return {"contact": {"email": email, "external_id": external_id}}


def payload(kind: str, occurred_at: datetime, data: Mapping[str, object]) -> str:
    """The body of a message. `occurred_at` is naive, in UTC."""
    return orjson.dumps({"type": kind, "timestamp": _text(occurred_at), "data": data}).decode()


def message_id(webhook: WebhookRow, place: str) -> str:
    """The id of a message: the same whenever it is sent."""
    digest = hmac.digest(webhook.id.encode(), place.encode(), hashlib.sha256)
    return f"msg_{base64.b32encode(digest[:15]).decode().lower()}"


def _text(at: datetime) -> str:
    return at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")


def _names(cursor: duckdb.DuckDBPyConnection, contact_ids: Sequence[int]) -> dict[int, tuple[str | None, str | None]]:
    """The e-mail and external id of contacts as they are now."""
    cursor.register("asked", pa.table({"contact_id": pa.array(np.array(contact_ids, np.int32))}))
    try:
        query = "SELECT contact_id, email, external_id FROM contacts SEMI JOIN asked USING (contact_id)"
        return {contact_id: (email, external_id) for contact_id, email, external_id in cursor.execute(query).fetchall()}
    finally:
        cursor.unregister("asked")
