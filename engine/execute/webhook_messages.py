"""What webhooks are to be told: messages from the outbox and from transitions, in order, as JSON."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import orjson

from engine.execute.contact_names import NOBODY, ContactNames, contact_names
from engine.execute.transitions import transition_pages
from engine.storage import Store
from engine.storage.changes.timeline_rows import json_text
from engine.storage.webhook_types import (
    CONTACT_DELETED,
    JOINED,
    LEFT,
    TYPES_WITHOUT_ENTRY,
    matches,
    type_of_kind,
    wants_segments,
)
from engine.storage.webhooks import (
    DeliveryRow,
    DeliveryStatus,
    Progress,
    WebhookRow,
    progress_of,
    waiting_of,
)

MOST_WAITING = 100_000
"""While messages of so many contacts wait for a webhook, no more are read: what happened stays where it is written."""


@dataclass(frozen=True, slots=True)
class NewMessages:
    """What a webhook is to be told beside what waits for it already; `progress` is how far it has read with that.

    `read_count` rows of the outbox and transitions were looked at. `is_full`: there may be more.
    """

    rows: tuple[DeliveryRow, ...]
    progress: Progress
    read_count: int
    is_full: bool


@dataclass(frozen=True, slots=True)
class _Happening:
    """Something that happened to a contact. `place` tells it apart; instants are naive, in UTC. `data` is JSON text."""

    place: str
    type: str
    contact_id: int
    occurred_at: datetime
    recorded_at: datetime
    data: str
    outbox_sequence: int = 0
    transition_sequence: int = 0


def new_messages(store: Store, webhook: WebhookRow, *, now: datetime, limit: int) -> NewMessages | None:
    """What a webhook is to be told next; None if there is no such webhook any more. Raises: StoreError.

    `now` is naive, in UTC.
    """
    with store.reading() as cursor:
        progress = progress_of(cursor, webhook.id)
        if progress is None:
            return None
        if waiting_of(cursor, webhook.id).contact_count >= MOST_WAITING:
            return NewMessages((), progress, 0, is_full=False)
        found, after = _happenings(cursor, webhook, progress, limit)
        filters: Mapping[str, Collection[str]] = orjson.loads(webhook.filters)
        wanted = [item for item in found if matches(item.type, webhook.event_types) and _passes(filters, item)]
        rows = _rows(cursor, webhook, wanted, first_number=progress.next_number, now=now)
    after = after._replace(next_number=progress.next_number + len(rows))
    return NewMessages(tuple(rows), after, len(found), is_full=len(found) >= limit)


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
    for sequence, written_type, contact_id, occurred_at, recorded_at, data in rows:
        # With the instant: numbers of rows that were erased may be given again.
        place = f"o{sequence} {recorded_at.isoformat()}"
        happened = (_type_told(written_type, data), contact_id, occurred_at, recorded_at, data)
        yield _Happening(place, *happened, outbox_sequence=sequence)


def _type_told(written_type: str, data: str) -> str:
    """The type of a row of the outbox; an entry of the timeline is told as an entry.

    An older populace wrote down what an application had recorded as `segment.joined` as if somebody had joined.
    """
    if written_type in TYPES_WITHOUT_ENTRY:
        kind = orjson.loads(data).get("kind")
        return written_type if kind is None else type_of_kind(kind)
    return written_type


def _from_transitions(cursor: duckdb.DuckDBPyConnection, after: int, limit: int) -> Iterator[_Happening]:
    for page in transition_pages(cursor, after=after, segment_ids=None, limit=limit):
        for number, contact_id in enumerate(page.contact_ids.tolist()):
            sequence = page.first_sequence + number
            data = {
                "segment": {"id": page.segment_id, "version": page.version},
                "cause": page.cause,
                "as_of": page.as_of,
                "sequence": sequence,
            }
            kind = LEFT if number < page.left_count else JOINED
            happened = (kind, contact_id, page.as_of, page.recorded_at, json_text(data))
            yield _Happening(f"t{sequence}", *happened, transition_sequence=sequence)


def _passes(filters: Mapping[str, Collection[str]], item: _Happening) -> bool:
    said = _said(item) if filters else {}
    return all(said[name] in wanted for name, wanted in filters.items() if name in said)


def _said(item: _Happening) -> dict[str, object]:
    """What filters may ask of something that happened, by their names."""
    data: Mapping[str, Any] = orjson.loads(item.data)
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
    names = contact_names(cursor, {item.contact_id for item in found}) if found else {}
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
            payload=payload(item.type, item.occurred_at, _with_contact(item, names)),
        )
        for number, item in enumerate(found)
    ]


def _with_contact(item: _Happening, names: Mapping[int, ContactNames]) -> str:
    """The data of a message: who it is about, and what is told. As text, for it may be nested as deep as can be."""
    if item.type == CONTACT_DELETED:
        return item.data
    contact = json_text({"contact": names.get(item.contact_id, NOBODY).document()})
    return contact if item.data == "{}" else f"{contact[:-1]},{item.data[1:]}"


def payload(kind: str, occurred_at: datetime, data: str) -> str:
    """The body of a message. `occurred_at` is naive, in UTC; `data` is the JSON text of an object."""
    return json_text({"type": kind, "timestamp": occurred_at, "data": orjson.Fragment(data)})


def message_id(webhook: WebhookRow, place: str) -> str:
    """The id of a message: the same whenever it is sent."""
    digest = hmac.digest(webhook.id.encode(), place.encode(), hashlib.sha256)
    return f"msg_{base64.b32encode(digest[:15]).decode().lower()}"
