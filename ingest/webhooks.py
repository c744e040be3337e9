"""The webhooks of a workspace: who is told of what, what waits for them, and what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.errors import UnknownWebhookError
from engine.execute.webhook_messages import new_messages
from engine.storage import Store
from engine.storage.connection import store_errors
from engine.storage.instants import stored_instant
from engine.storage.webhook_types import wants_segments
from engine.storage.webhooks import (
    DeliveryRow,
    WebhookRow,
    backlog_count,
    due_deliveries,
    first_waiting,
    make_due,
    replay,
    settle,
    stored_deliveries,
    stored_webhooks,
    take_in,
    waiting_of,
)
from ingest.writer import Clock, Writer
from ingest.writes.kept import KEPT, Kept
from ingest.writes.webhooks import ChangeSecret, DeleteWebhook, SaveWebhook, TurnOff, read_webhook_values
from ingest.writes.write import Outcome, Write


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook. Instants are UTC. `secret` signs; keep it."""

    id: str
    name: str
    url: str
    event_types: tuple[str, ...]
    filters: Mapping[str, Sequence[str]]
    is_enabled: bool
    secret: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to a webhook, and what became of it. Instants are UTC.

    `status`: waiting, delivered or dead (it was tried for a day). `failure` is why the last attempt failed. One that
    waits without `next_attempt_at` waits for an earlier one of the same contact.
    """

    number: int
    message_id: str
    type: str
    occurred_at: datetime
    status: str
    attempt_count: int
    waiting_since: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    status_code: int | None
    failure: str | None


class Webhooks:
    """Reads and writes webhooks; whoever delivers takes messages here, and says what became of them.

    Rules: see docs/webhooks.md. Raises: InvalidValueError, UnknownWebhookError.
    """

    def __init__(self, store: Store, writer: Writer, clock: Clock) -> None:
        self._store, self._writer, self._clock = store, writer, clock
        self.epoch = 0
        """Another number after every change of a webhook."""
        self._replay_count = 0

    def create(
        self,
        url: str,
        event_types: Collection[str],
        *,
        name: str | None = None,
        filters: Mapping[str, Collection[str]] | None = None,
        is_enabled: bool = True,
    ) -> Webhook:
        """Have an address told of what happens from now on."""
        given = {"url": url, "event_types": event_types, "filters": filters or {}, "is_enabled": is_enabled}
        values = read_webhook_values({**given, "name": url if name is None else name})
        webhook_id = uuid.uuid4().hex
        self._write(SaveWebhook(webhook_id, values, is_new=True))
        return self.get(webhook_id)

    def update(
        self,
        webhook_id: str,
        *,
        url: str | Kept = KEPT,
        event_types: Collection[str] | Kept = KEPT,
        name: str | Kept = KEPT,
        filters: Mapping[str, Collection[str]] | Kept = KEPT,
        is_enabled: bool | Kept = KEPT,
    ) -> Outcome:
        """Change what is given. What happens while it is not enabled is not told to it, and what waits for it waits."""
        given = {"url": url, "event_types": event_types, "name": name, "filters": filters, "is_enabled": is_enabled}
        return self._write(SaveWebhook(webhook_id, read_webhook_values(given), is_new=False))

    def change_secret(self, webhook_id: str) -> Webhook:
        """Give it a new secret. For a day messages are signed with the old one, too."""
        self._write(ChangeSecret(webhook_id))
        return self.get(webhook_id)

    def delete(self, webhook_id: str) -> Outcome:
        """Tell it no more; what waits for it is gone."""
        return self._write(DeleteWebhook(webhook_id))

    def all(self) -> list[Webhook]:
        """All webhooks, oldest first."""
        return [_webhook(row) for row in self.rows().values()]

    def get(self, webhook_id: str) -> Webhook:
        """One webhook."""
        return _webhook(self.row(webhook_id))

    def deliveries(
        self, webhook_id: str, *, status: str | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[list[Delivery], int]:
        """Messages that wait, that died in the last week, and the last ones that arrived: latest first, and how many.

        `status`: waiting, delivered or dead; all if not given.
        """
        self.row(webhook_id)
        rows, count = stored_deliveries(self._store, webhook_id, status=status, limit=limit, offset=offset)
        return [_delivery(row) for row in rows], count

    def replay(self, webhook_id: str, numbers: Collection[int] | None = None) -> int:
        """Send messages again that died: those with these numbers, or all; how many."""
        self.row(webhook_id)
        count = replay(self._store, webhook_id, numbers, now=self._now())
        self._replay_count += 1
        return count

    # --- for whoever delivers -----------------------------------------------------------------------------------------

    def rows(self) -> dict[str, WebhookRow]:
        """All webhooks as they are stored, by id."""
        with store_errors(self._store.path), self._store.cursor() as cursor:
            return stored_webhooks(cursor)

    def news(self, webhook: WebhookRow) -> tuple[int, int, int]:
        """Other numbers whenever there may be something to tell a webhook: cheap to look at."""
        transitions = self._store.membership_change_count if wants_segments(webhook.event_types) else 0
        return self._writer.told_count, transitions, self._replay_count

    def take_in(self, webhook: WebhookRow, *, limit: int, is_settling: bool = True) -> bool | None:
        """Read what a webhook is to be told next, and write the messages down; whether there may be more at once.

        None if there is no such webhook any more. Without `is_settling` nothing is written where nothing is to be told,
        unless the limit was reached.
        """
        new = new_messages(self._store, webhook, now=self._now(), limit=limit)
        if new is None:
            return None
        if new.rows or new.is_full or (is_settling and new.read_count):
            take_in(self._store, webhook.id, new.progress, new.rows)
        return new.is_full

    def due(self, webhook: WebhookRow, *, limit: int) -> list[DeliveryRow]:
        """Messages to be sent now, in order; those of one contact one after the other, until one is not taken."""
        with self._store.reading() as cursor:
            return due_deliveries(cursor, webhook.id, now=self._now(), limit=limit)

    def first_waiting(self, webhook: WebhookRow) -> DeliveryRow | None:
        """The message that waits and would be due first; None where none waits."""
        with self._store.reading() as cursor:
            return first_waiting(cursor, webhook.id)

    def next_due_at(self, webhook: WebhookRow) -> datetime | None:
        """When (naive, UTC) the next message that waits is due; None where none waits."""
        with self._store.reading() as cursor:
            return waiting_of(cursor, webhook.id).next_at

    def settle(self, webhook: WebhookRow, rows: Sequence[DeliveryRow], *, is_back: bool = False) -> None:
        """Write down what became of messages. `is_back`: the receiver takes messages again, all that wait are due."""
        if rows:
            settle(self._store, webhook.id, rows, now=self._now())
        if is_back:
            make_due(self._store, webhook.id, now=self._now())

    def turn_off(self, webhook: WebhookRow) -> None:
        """Its receiver wants nothing any more: turn it off, unless it was moved to another address meanwhile."""
        with suppress(UnknownWebhookError):
            self._write(TurnOff(webhook.id, webhook.url))

    def backlog_count(self) -> int:
        """How many messages wait, and how much of the outbox is not read by the slowest webhook."""
        return backlog_count(self._store)

    def _write(self, write: Write) -> Outcome:
        outcome = self._writer.write_one(write)
        self.epoch += 1
        return outcome

    def _now(self) -> datetime:
        return stored_instant(self._clock())

    def row(self, webhook_id: str) -> WebhookRow:
        """One webhook as it is stored."""
        row = self.rows().get(webhook_id)
        if row is None:
            raise UnknownWebhookError(webhook_id)
        return row


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        id=row.id,
        name=row.name,
        url=row.url,
        event_types=row.event_types,
        filters=orjson.loads(row.filters),
        is_enabled=row.is_enabled,
        secret=row.secret,
        created_at=row.created_at.replace(tzinfo=UTC),
        updated_at=row.updated_at.replace(tzinfo=UTC),
    )


def _delivery(row: DeliveryRow) -> Delivery:
    values: list[Any] = []
    for name in Delivery.__slots__:
        value = getattr(row, name)
        values.append(value.replace(tzinfo=UTC) if isinstance(value, datetime) else value)
    return Delivery(*values)
