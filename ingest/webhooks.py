"""The webhooks of a workspace: who is told of what, what waits for them, and what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.errors import UnknownWebhookError
from engine.execute.webhook_messages import Batch, next_batch
from engine.storage import Store
from engine.storage.connection import store_errors
from engine.storage.instants import stored_instant
from engine.storage.webhook_types import wants_segments
from engine.storage.webhooks import (
    DeliveryRow,
    Progress,
    WebhookRow,
    backlog_count,
    replay,
    settle,
    stored_deliveries,
    stored_webhooks,
)
from ingest.writer import Clock, Writer
from ingest.writes.kept import KEPT, Kept
from ingest.writes.webhooks import ChangeSecret, DeleteWebhook, SaveWebhook, read_webhook_values
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

    def next_batch(
        self, webhook: WebhookRow, *, after: Progress | None, limit: int, most_due: int | None = None
    ) -> Batch | None:
        """Messages to send now: see `engine.execute.webhook_messages.next_batch`."""
        return next_batch(self._store, webhook, after=after, now=self._now(), limit=limit, most_due=most_due)

    def settle(
        self, webhook_id: str, progress: Progress, waited: Collection[int] = (), rows: Sequence[DeliveryRow] = ()
    ) -> None:
        """Write down how far a webhook has come, and what became of messages: see `engine.storage.webhooks.settle`."""
        settle(self._store, webhook_id, progress, waited, rows, now=self._now())

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
