"""Webhooks as stored: who is told of what, how far each has come, and what became of deliveries.

Deliveries and progress are changed by whoever delivers, in transactions of their own; everything else by the writer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import duckdb
import orjson
import pyarrow as pa

from engine.storage.arrow_rows import (
    INCOMING,
    contact_ids,
    incoming,
    insert,
    instants,
    numbers,
    table_of,
    texts,
)
from engine.storage.contact_lookup import successor_of
from engine.storage.store import Store
from engine.storage.webhook_types import CONTACT_DELETED, JOINED, LEFT, wants_segments

KEPT_DELIVERED = 1_000
"""So many deliveries that arrived are kept of each webhook, to be looked at."""

MOST_OF_A_CONTACT = 20
"""So many messages of one contact are sent in a batch: others are to have their turn."""

DEAD_KEPT = timedelta(days=7)
"""So long those that died are kept, to be looked at and sent again."""


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook. Instants are naive, in UTC; `filters` is the JSON text of an object."""

    id: str
    name: str
    url: str
    secret: str
    previous_secret: str | None
    secret_changed_at: datetime | None
    event_types: tuple[str, ...]
    filters: str
    is_enabled: bool
    created_at: datetime
    updated_at: datetime


WEBHOOK_COLUMNS = tuple(WebhookRow.__slots__)


class Progress(NamedTuple):
    """How far a webhook has read the outbox and the transitions; its next delivery gets the number `next_number`."""

    outbox_sequence: int
    transition_sequence: int
    next_number: int


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class DeliveryRow(NamedTuple):
    """A message to a webhook. Instants are naive, in UTC; those that wait are tried from `next_attempt_at` on.

    Of one contact only the first that waits is tried. `waiting_since`: when it was tried for the first time, or was to
    be. `payload` is None once it was delivered.
    """

    webhook_id: str
    number: int
    message_id: str
    type: str
    contact_id: int
    occurred_at: datetime
    status: str
    attempt_count: int
    waiting_since: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    status_code: int | None
    failure: str | None
    payload: str | None


DELIVERY_COLUMNS = DeliveryRow._fields
_NAMES = ", ".join(DELIVERY_COLUMNS)


def stored_webhooks(cursor: duckdb.DuckDBPyConnection) -> dict[str, WebhookRow]:
    """All webhooks by id, oldest first."""
    rows = cursor.execute(f"SELECT {', '.join(WEBHOOK_COLUMNS)} FROM webhooks ORDER BY created_at, id").fetchall()
    named = [dict(zip(WEBHOOK_COLUMNS, row, strict=True)) for row in rows]
    return {row["id"]: WebhookRow(**{**row, "event_types": tuple(row["event_types"])}) for row in named}


def write_webhooks(
    cursor: duckdb.DuckDBPyConnection,
    rows: Mapping[str, WebhookRow | None],
    before: Mapping[str, WebhookRow],
    *,
    last_sequence: int,
) -> None:
    """Put webhooks into the store, None to remove one. What was before one is enabled is not told to it.

    `before` are those that are stored; `last_sequence` is the number of the last row of the outbox.
    """
    for webhook_id, row in rows.items():
        cursor.execute("DELETE FROM webhooks WHERE id = $1", [webhook_id])
        if row is None:
            cursor.execute("DELETE FROM webhook_progress WHERE webhook_id = $1", [webhook_id])
            cursor.execute("DELETE FROM webhook_deliveries WHERE webhook_id = $1", [webhook_id])
            continue
        values = [
            list(value) if isinstance(value, tuple) else value
            for value in (getattr(row, name) for name in WEBHOOK_COLUMNS)
        ]
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        cursor.execute(f"INSERT INTO webhooks ({', '.join(WEBHOOK_COLUMNS)}) VALUES ({places})", values)
        old = before.get(webhook_id)
        if old is None:
            cursor.execute(
                f"INSERT INTO webhook_progress VALUES ($1, $2, ({_LAST_TRANSITION}), 1)", [webhook_id, last_sequence]
            )
        elif row.is_enabled and not old.is_enabled:
            cursor.execute(
                f"""
                UPDATE webhook_progress SET outbox_sequence = $2, transition_sequence = ({_LAST_TRANSITION})
                WHERE webhook_id = $1
                """,
                [webhook_id, last_sequence],
            )
        elif wants_segments(row.event_types) and not wants_segments(old.event_types):
            query = f"UPDATE webhook_progress SET transition_sequence = ({_LAST_TRANSITION}) WHERE webhook_id = $1"
            cursor.execute(query, [webhook_id])
    if rows:
        trim_outbox(cursor)


_LAST_TRANSITION = "SELECT coalesce(max(first_sequence + left_count + entered_count - 1), 0) FROM transitions"


def progress_of(cursor: duckdb.DuckDBPyConnection, webhook_id: str) -> Progress | None:
    """How far a webhook has come; None where there is none of that id."""
    query = "SELECT outbox_sequence, transition_sequence, next_number FROM webhook_progress WHERE webhook_id = $1"
    rows = cursor.execute(query, [webhook_id]).fetchall()
    return Progress(*rows[0]) if rows else None


def due_deliveries(
    cursor: duckdb.DuckDBPyConnection, webhook_id: str, *, now: datetime, limit: int
) -> list[DeliveryRow]:
    """Those that wait of contacts whose first one is due, in order: some of each contact."""
    rows = cursor.execute(
        f"""
        WITH waiting AS (FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'waiting'),
        due AS (
            SELECT contact_id FROM waiting GROUP BY contact_id
            HAVING coalesce(arg_min_null(next_attempt_at, number), $2) <= $2
        )
        SELECT {_NAMES} FROM waiting SEMI JOIN due USING (contact_id)
        QUALIFY row_number() OVER (PARTITION BY contact_id ORDER BY number) <= $4
        ORDER BY number LIMIT $3
        """,
        [webhook_id, now, limit, MOST_OF_A_CONTACT],
    ).fetchall()
    return [DeliveryRow(*row) for row in rows]


def first_waiting(cursor: duckdb.DuckDBPyConnection, webhook_id: str) -> DeliveryRow | None:
    """The one that waits, is the first of its contact, and would be due first."""
    rows = cursor.execute(
        f"""
        WITH heads AS (
            FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'waiting'
            QUALIFY row_number() OVER (PARTITION BY contact_id ORDER BY number) = 1
        )
        SELECT {_NAMES} FROM heads ORDER BY next_attempt_at NULLS FIRST, number LIMIT 1
        """,
        [webhook_id],
    ).fetchall()
    return DeliveryRow(*rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many contacts have a message that waits, and when the first of these is due; None where none waits."""

    contact_count: int
    next_at: datetime | None


def waiting_of(cursor: duckdb.DuckDBPyConnection, webhook_id: str) -> Waiting:
    """What waits for a webhook."""
    ((count, next_at),) = cursor.execute(
        """
        SELECT count(*), min(coalesce(due_at, TIMESTAMP '1970-01-01')) FROM (
            SELECT arg_min_null(next_attempt_at, number) AS due_at FROM webhook_deliveries
            WHERE webhook_id = $1 AND status = 'waiting' GROUP BY contact_id
        )
        """,
        [webhook_id],
    ).fetchall()
    return Waiting(int(count), next_at)


def take_in(store: Store, webhook_id: str, progress: Progress, rows: Sequence[DeliveryRow]) -> None:
    """Write down messages before they are sent, and how far a webhook has read with them; the outbox goes as far.

    What names somebody who was erased meanwhile is not kept, nor anything of a webhook that is no more.
    Raises: StoreError.
    """
    with store.transaction(changes_rows=False) as cursor:
        if progress_of(cursor, webhook_id) is None:
            return
        if living := _of_living(cursor, rows) if rows else []:
            _insert_deliveries(cursor, living)
        cursor.execute(
            """
            UPDATE webhook_progress SET outbox_sequence = greatest(outbox_sequence, $2),
                transition_sequence = greatest(transition_sequence, $3), next_number = greatest(next_number, $4)
            WHERE webhook_id = $1
            """,
            [webhook_id, *progress],
        )
        trim_outbox(cursor)


def settle(store: Store, webhook_id: str, rows: Sequence[DeliveryRow], *, now: datetime) -> None:
    """Write down what became of messages. Those that are not there any more stay so. Raises: StoreError."""
    with store.transaction(changes_rows=False) as cursor:
        with incoming(cursor, _table(rows)):
            cursor.execute(
                f"""
                UPDATE webhook_deliveries AS d SET {", ".join(f"{name} = r.{name}" for name in _SETTLED)}
                FROM {INCOMING} AS r WHERE d.webhook_id = $1 AND d.number = r.number AND d.status = 'waiting'
                """,
                [webhook_id],
            )
        _trim(cursor, webhook_id, now)


_SETTLED = ("status", "attempt_count", "last_attempt_at", "next_attempt_at", "status_code", "failure", "payload")


def make_due(store: Store, webhook_id: str, *, now: datetime) -> None:
    """Let all that wait be due: the receiver, which took nothing, takes messages again."""
    with store.transaction(changes_rows=False) as cursor:
        cursor.execute(
            """
            UPDATE webhook_deliveries SET next_attempt_at = NULL
            WHERE webhook_id = $1 AND status = 'waiting' AND next_attempt_at > $2
            """,
            [webhook_id, now],
        )


def trim_outbox(cursor: duckdb.DuckDBPyConnection) -> None:
    """Remove what every enabled webhook has read; all of it where there is none."""
    cursor.execute(
        """
        DELETE FROM webhook_outbox WHERE sequence <= coalesce(
            (
                SELECT min(outbox_sequence) FROM webhook_progress AS p JOIN webhooks AS w ON w.id = p.webhook_id
                WHERE w.is_enabled
            ),
            9223372036854775807
        )
        """
    )


def _insert_deliveries(cursor: duckdb.DuckDBPyConnection, rows: Sequence[DeliveryRow]) -> None:
    insert(cursor, "webhook_deliveries", _table(rows))


def _table(rows: Sequence[DeliveryRow]) -> pa.Table:
    values = dict(zip(DELIVERY_COLUMNS, zip(*rows, strict=True), strict=True))
    columns = {name: texts(column) for name, column in values.items()}
    columns |= {name: numbers(values[name]) for name in ("number", "attempt_count", "status_code")}
    columns["contact_id"] = contact_ids(values["contact_id"])
    for name in ("occurred_at", "waiting_since", "last_attempt_at", "next_attempt_at"):
        columns[name] = instants(values[name])
    return table_of(columns)


def _of_living(cursor: duckdb.DuckDBPyConnection, rows: Sequence[DeliveryRow]) -> list[DeliveryRow]:
    """Deliveries without those of contacts that were erased; of merged ones under who they are now."""
    with incoming(cursor, table_of({"contact_id": contact_ids(sorted({row.contact_id for row in rows}))})):
        query = f"SELECT contact_id FROM retired SEMI JOIN {INCOMING} USING (contact_id)"
        gone = [contact_id for (contact_id,) in cursor.execute(query).fetchall()]
    became = {contact_id: successor_of(cursor, contact_id) for contact_id in gone}
    living = []
    for row in rows:
        contact_id = became.get(row.contact_id, row.contact_id)
        if contact_id is not None:
            living.append(row._replace(contact_id=contact_id))
        elif row.type == CONTACT_DELETED or _names_nobody(row):
            living.append(row)
    return living


def _names_nobody(row: DeliveryRow) -> bool:
    """Whether it is that a contact left or joined, made when that contact was no more: nothing in it is personal."""
    if row.type not in (JOINED, LEFT) or row.payload is None:
        return False
    return not any(orjson.loads(row.payload)["data"]["contact"].values())


def _trim(cursor: duckdb.DuckDBPyConnection, webhook_id: str, now: datetime) -> None:
    """Let go of what is kept only to be looked at: older deliveries that arrived, and those that died long ago."""
    query = """
        SELECT count(*) FILTER (status = 'delivered'), count(*) FILTER (status = 'dead' AND last_attempt_at < $2)
        FROM webhook_deliveries WHERE webhook_id = $1
    """
    ((delivered_count, old_count),) = cursor.execute(query, [webhook_id, now - DEAD_KEPT]).fetchall()
    if old_count:
        cursor.execute(
            "DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'dead' AND last_attempt_at < $2",
            [webhook_id, now - DEAD_KEPT],
        )
    if delivered_count > 2 * KEPT_DELIVERED:
        cursor.execute(
            """
            DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'delivered' AND number < (
                SELECT min(number) FROM (
                    SELECT number FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'delivered'
                    ORDER BY number DESC LIMIT $2
                )
            )
            """,
            [webhook_id, KEPT_DELIVERED],
        )


def stored_deliveries(
    store: Store, webhook_id: str, *, status: str | None, limit: int, offset: int
) -> tuple[list[DeliveryRow], int]:
    """Deliveries of a webhook, latest first, and how many there are in all, of one state of the store."""
    where, parameters = "webhook_id = $1 AND ($2::VARCHAR IS NULL OR status = $2)", [webhook_id, status]
    page = f"SELECT {_NAMES} FROM webhook_deliveries WHERE {where} ORDER BY number DESC LIMIT $3 OFFSET $4"
    with store.reading() as cursor:
        rows = cursor.execute(page, [*parameters, limit, offset]).fetchall()
        ((count,),) = cursor.execute(f"SELECT count(*) FROM webhook_deliveries WHERE {where}", parameters).fetchall()
    return [DeliveryRow(*row) for row in rows], int(count)


def replay(store: Store, webhook_id: str, wanted: Collection[int] | None, *, now: datetime) -> int:
    """Let deliveries that died wait once more, those with these numbers or all; how many."""
    with store.transaction(changes_rows=False) as cursor:
        ((count,),) = cursor.execute(
            """
            UPDATE webhook_deliveries SET status = 'waiting', attempt_count = 0, waiting_since = $3,
                next_attempt_at = NULL
            WHERE webhook_id = $1 AND status = 'dead' AND ($2::BIGINT[] IS NULL OR list_contains($2, number))
            """,
            [webhook_id, None if wanted is None else list(wanted), now],
        ).fetchall()
        return int(count)


def backlog_count(store: Store) -> int:
    """How many messages wait, and how many rows of the outbox some enabled webhook has not read."""
    ((count,),) = store.rows(
        """
        SELECT (SELECT count(*) FROM webhook_deliveries WHERE status = 'waiting') + (
            SELECT count(*) FROM webhook_outbox WHERE sequence > (
                SELECT min(outbox_sequence) FROM webhook_progress AS p JOIN webhooks AS w ON w.id = p.webhook_id
                WHERE w.is_enabled
            )
        )
        """
    )
    return int(count)
