"""One webhook: its messages in order for each contact, a few contacts at a time, and patience when it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog

from api.retry_schedule import next_attempt_at, pause_after
from api.webhooks.sender import CONNECTIONS, Answer, Sender
from engine.errors import StoreError
from engine.storage.webhooks import DeliveryRow, DeliveryStatus, WebhookRow
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
    """Delivers to one webhook until it is told to stop. Nothing of others waits for it.

    Messages are written down before they are sent: one that is sent again has the same id and the same body.
    """

    def __init__(self, webhooks: Webhooks, webhook: WebhookRow, sender: Sender, threads: Executor) -> None:
        self.webhook = webhook
        self._webhooks, self._sender, self._threads = webhooks, sender, threads
        self._settled_at = time.monotonic()
        self._failure_count = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing new; what is under way is written down."""
        self._stopping.set()

    async def run(self) -> None:
        """Deliver until `stop`, or until there is no such webhook any more."""
        while not self._stopping.is_set():
            news = self._webhooks.news(self.webhook)
            try:
                if self._is_failing:
                    await self._probe()
                    continue
                has_more = await self._take_in(MOST_AT_ONCE)
                if has_more is None:
                    return
                due = await self._in_thread(partial(self._webhooks.due, self.webhook, limit=MOST_AT_ONCE))
                await self._deliver(due)
                if not has_more and len(due) < MOST_AT_ONCE and not self._is_failing:
                    await self._wait_for(news)
            except StoreError as error:
                log.warning("webhook_not_settled", webhook=self.webhook.id, error=str(error))
                await self._sleep(RETRY_SECONDS)

    @property
    def _is_failing(self) -> bool:
        return self._failure_count >= MOST_FAILURES

    async def _take_in(self, limit: int) -> bool | None:
        """Write down what is to be told; that nothing is, only now and then."""
        is_settling = time.monotonic() - self._settled_at > SETTLE_SECONDS
        if is_settling:
            self._settled_at = time.monotonic()
        return await self._in_thread(
            partial(self._webhooks.take_in, self.webhook, limit=limit, is_settling=is_settling)
        )

    async def _probe(self) -> None:
        """Leave the receiver alone for a while, then try two messages: one that waits, and a new one.

        What waits may fail for reasons of its own; once anything is taken, all that waits is due.
        """
        await self._sleep(pause_after(self._failure_count - MOST_FAILURES + 1))
        if self._stopping.is_set():
            return
        first = await self._in_thread(partial(self._webhooks.first_waiting, self.webhook))
        await self._take_in(1)
        due = await self._in_thread(partial(self._webhooks.due, self.webhook, limit=MOST_AT_ONCE))
        new = [row for row in due if row.attempt_count == 0 and (first is None or row.contact_id != first.contact_id)]
        await self._deliver([*([] if first is None else [first]), *new[-1:]], is_probe=True)

    async def _deliver(self, messages: Sequence[DeliveryRow], *, is_probe: bool = False) -> None:
        if messages:
            was_failing = self._is_failing
            done = await self._send_all(messages, is_probe=is_probe)
            is_back = was_failing and not self._is_failing
            await self._in_thread(partial(self._webhooks.settle, self.webhook, done, is_back=is_back))

    async def _send_all(self, messages: Sequence[DeliveryRow], *, is_probe: bool) -> list[DeliveryRow]:
        """Send messages, those of one contact one after the other until one fails; what became of those that went."""
        groups: dict[int, list[DeliveryRow]] = {}
        for message in messages:
            groups.setdefault(message.contact_id, []).append(message)
        waiting = iter(groups.values())
        done: list[DeliveryRow] = []

        async def work() -> None:
            for group in waiting:
                for message in group:
                    if self._stopping.is_set() or (self._is_failing and not is_probe):
                        return
                    done.append(await self._send(message))
                    if done[-1].status == DeliveryStatus.WAITING:
                        break

        await asyncio.gather(*(work() for _ in range(min(CONNECTIONS, len(groups)))))
        return done

    async def _send(self, message: DeliveryRow) -> DeliveryRow:
        assert message.payload is not None
        answer = await self._sender.send(self.webhook, message.message_id, message.payload)
        self._failure_count = self._failure_count + 1 if answer.is_down else 0
        if answer.is_gone:
            log.warning("webhook_gone", webhook=self.webhook.id, url=self.webhook.url)
            await self._in_thread(partial(self._webhooks.turn_off, self.webhook))
            self.stop()
        return after_attempt(message, answer, now=datetime.now(UTC).replace(tzinfo=None))

    async def _wait_for(self, news: tuple[int, int, int]) -> None:
        """Until there may be something new, or something that waits is due, but not for long."""
        due_at = await self._in_thread(partial(self._webhooks.next_due_at, self.webhook))
        seconds = SETTLE_SECONDS
        if due_at is not None:
            left = (due_at - datetime.now(UTC).replace(tzinfo=None)).total_seconds()
            seconds = min(max(left, LOOK_SECONDS), seconds)
        until = time.monotonic() + seconds
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
