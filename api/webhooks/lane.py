"""One webhook: its messages in order for each contact, a few contacts at a time, and patience when it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog

from api.webhooks.schedule import DELAYS, next_attempt_at, pause_after
from api.webhooks.sender import CONNECTIONS, Answer, Sender
from engine.errors import StoreError
from engine.execute.webhook_messages import Batch
from engine.storage.webhooks import DeliveryRow, DeliveryStatus, Progress, WebhookRow
from ingest.webhooks import Webhooks

T = TypeVar("T")

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 500
MOST_FAILURES = CONNECTIONS
"""After so many failures without a success the rest of a batch waits, and one message at a time tries again."""

LOOK_SECONDS = 0.05
RETRY_SECONDS = 1.0
SETTLE_SECONDS = 5.0


class Lane:
    """Delivers to one webhook until it is told to stop. Nothing of others waits for it."""

    def __init__(self, webhooks: Webhooks, webhook: WebhookRow, sender: Sender, threads: Executor) -> None:
        self.webhook = webhook
        self._webhooks, self._sender, self._threads = webhooks, sender, threads
        self._progress: Progress | None = None
        self._settled: Progress | None = None
        self._settled_at = time.monotonic()
        self._failure_count = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing new; what is under way is written down."""
        self._stopping.set()

    async def run(self) -> None:
        """Deliver until `stop`, or until there is no such webhook any more."""
        while not self._stopping.is_set():
            news, failures = self._webhooks.news(self.webhook), self._failure_count
            try:
                batch = await self._next_batch()
                if batch is None:
                    return
                await self._deliver(batch)
            except StoreError as error:
                log.warning("webhook_not_settled", webhook=self.webhook.id, error=str(error))
                await self._sleep(RETRY_SECONDS)
                continue
            if self._is_failing:
                await self._sleep(pause_after(self._failure_count - MOST_FAILURES + 1))
            elif not batch.has_more:
                is_soon = self._failure_count > failures or batch.next_at is not None
                await self._wait_for(news, DELAYS[0].total_seconds() if is_soon else None)

    @property
    def _is_failing(self) -> bool:
        return self._failure_count >= MOST_FAILURES

    async def _next_batch(self) -> Batch | None:
        """While the receiver fails, two at a time: one that waits, which may fail for itself, and a new one."""
        limit, most_due = (2, 1) if self._is_failing else (MOST_AT_ONCE, MOST_AT_ONCE)
        ask = partial(self._webhooks.next_batch, self.webhook, after=self._progress)
        return await self._in_thread(partial(ask, limit=limit, most_due=most_due))

    async def _deliver(self, batch: Batch) -> None:
        if batch.due or batch.held:
            done = await self._send_all(batch.due, is_probe=self._is_failing)
            await self._settle(batch.progress, batch.waited, [*done, *batch.held])
        elif batch.progress != self._settled and self._may_settle(batch.progress):
            await self._settle(batch.progress)
        self._progress = batch.progress

    def _may_settle(self, progress: Progress) -> bool:
        """Whether to write down that nothing was to be sent: now and then, so that the outbox does not grow."""
        read = 0 if self._settled is None else progress.outbox_sequence - self._settled.outbox_sequence
        return read >= MOST_AT_ONCE or time.monotonic() - self._settled_at > SETTLE_SECONDS

    async def _settle(self, progress: Progress, waited: Collection[int] = (), rows: Sequence[DeliveryRow] = ()) -> None:
        await self._in_thread(partial(self._webhooks.settle, self.webhook.id, progress, waited, rows))
        self._settled, self._settled_at = progress, time.monotonic()

    async def _send_all(self, messages: Sequence[DeliveryRow], *, is_probe: bool) -> list[DeliveryRow]:
        """Send messages, those of one contact one after the other until one fails; what each is then, in order."""
        groups: dict[int, list[DeliveryRow]] = {}
        for message in messages:
            groups.setdefault(message.contact_id, []).append(message)
        waiting = iter(groups.values())
        done: list[DeliveryRow] = []

        async def work() -> None:
            for group in waiting:
                done.extend(await self._send_group(group, is_probe=is_probe))

        await asyncio.gather(*(work() for _ in range(min(CONNECTIONS, len(groups)))))
        return sorted(done, key=lambda row: row.number)

    async def _send_group(self, group: Sequence[DeliveryRow], *, is_probe: bool) -> list[DeliveryRow]:
        done: list[DeliveryRow] = []
        for message in group:
            if self._stopping.is_set() or (self._is_failing and not is_probe):
                break
            assert message.payload is not None
            answer = await self._sender.send(self.webhook, message.message_id, message.payload)
            self._failure_count = 0 if answer.failure is None else self._failure_count + 1
            done.append(after_attempt(message, answer, now=datetime.now(UTC).replace(tzinfo=None)))
            if answer.is_gone:
                await self._disable()
            if done[-1].status == DeliveryStatus.WAITING:
                break
        return [*done, *group[len(done) :]]

    async def _disable(self) -> None:
        """The receiver wants nothing any more."""
        log.warning("webhook_gone", webhook=self.webhook.id, url=self.webhook.url)
        await self._in_thread(partial(self._webhooks.update, self.webhook.id, is_enabled=False))
        self.stop()

    async def _wait_for(self, news: tuple[int, int, int], seconds: float | None) -> None:
        """Until there may be something new, or so long."""
        until = time.monotonic() + (seconds if seconds is not None else SETTLE_SECONDS * 2)
        while self._webhooks.news(self.webhook) == news and time.monotonic() < until and not self._stopping.is_set():
            await asyncio.sleep(LOOK_SECONDS)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not when it is to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def after_attempt(message: DeliveryRow, answer: Answer, *, now: datetime) -> DeliveryRow:
    """What a message is after an attempt. `now` is naive, in UTC."""
    tried = message._replace(
        attempt_count=message.attempt_count + 1,
        last_attempt_at=now,
        next_attempt_at=None,
        status_code=answer.status_code,
        failure=answer.failure,
    )
    if answer.failure is None:
        return tried._replace(status=DeliveryStatus.DELIVERED, payload=None)
    again = next_attempt_at(tried.attempt_count, since=tried.waiting_since, now=now, asked=answer.retry_after)
    if again is None:
        return tried._replace(status=DeliveryStatus.DEAD)
    return tried._replace(next_attempt_at=again)
