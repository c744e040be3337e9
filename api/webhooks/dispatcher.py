"""Delivers to the webhooks of all open workspaces, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from api.webhooks.lane import Lane
from api.webhooks.sender import ANSWER_SECONDS, CONNECT_SECONDS, Sender
from api.worker import OpenWorkspaces, Worker
from engine.errors import StoreError
from engine.storage.webhooks import WebhookRow
from ingest.webhooks import Webhooks

log = structlog.get_logger(__name__)

THREADS = 2
"""So many ask the store of a workspace for messages, or settle them, at once."""

LOOK_SECONDS = 0.1
AGAIN_SECONDS = 1.0
STOP_SECONDS = ANSWER_SECONDS + CONNECT_SECONDS


@dataclass(slots=True)
class _Running:
    """A lane, and the task that runs it."""

    lane: Lane
    task: asyncio.Task[None]


class Dispatcher(Worker):
    """Delivers from `start` to `stop`. What was not settled when it is killed is sent again the next time.

    Messages under way when it stops are answered and settled.
    """

    def __init__(self, open_workspaces: OpenWorkspaces, *, allows_private: bool) -> None:
        super().__init__("populace-webhooks")
        self._open_workspaces, self._allows_private = open_workspaces, allows_private
        self._running: dict[tuple[str, str], _Running] = {}
        self._seen: dict[str, tuple[int, Mapping[str, WebhookRow]]] = {}
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def _run(self) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="populace-webhooks") as threads:
            asyncio.run(self._main(threads))
        for pool in self._pools.values():
            pool.shutdown()

    async def _main(self, threads: ThreadPoolExecutor) -> None:
        while not self._is_stopping.is_set():
            for workspace_id, workspace in self._open_workspaces().items():
                try:
                    await self._look_at(workspace_id, workspace.webhooks, threads)
                except Exception:  # deliveries of others must not end with the one that was looked at
                    log.exception("webhooks_not_looked_at", workspace=workspace_id)
                    await asyncio.sleep(AGAIN_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)
        for running in self._running.values():
            running.lane.stop()
        if self._running:
            await asyncio.wait([running.task for running in self._running.values()], timeout=STOP_SECONDS)

    async def _look_at(self, workspace_id: str, webhooks: Webhooks, threads: ThreadPoolExecutor) -> None:
        """Begin and end lanes, as the webhooks of a workspace are now; one that changed ends before it begins again."""
        epoch, (seen, rows) = webhooks.epoch, self._seen.get(workspace_id, (-1, {}))
        if seen != epoch:
            try:
                rows = await asyncio.get_running_loop().run_in_executor(threads, webhooks.rows)
            except StoreError as error:
                log.warning("webhooks_not_read", workspace=workspace_id, error=str(error))
                return
            self._seen[workspace_id] = (epoch, rows)
        wanted = {(workspace_id, row.id): row for row in rows.values() if row.is_enabled}
        for key in [key for key in self._running if key[0] == workspace_id]:
            running = self._running[key]
            if running.task.done():
                _say_how_it_ended(running)
                del self._running[key]
            elif running.lane.webhook != wanted.get(key):
                running.lane.stop()
        for key, row in wanted.items():
            if key not in self._running:
                self._running[key] = self._begun(workspace_id, webhooks, row)

    def _begun(self, workspace_id: str, webhooks: Webhooks, row: WebhookRow) -> _Running:
        # A workspace whose writers wait for each other keeps no other one waiting.
        if workspace_id not in self._pools:
            self._pools[workspace_id] = ThreadPoolExecutor(THREADS)
        threads = self._pools[workspace_id]
        sender = Sender(allows_private=self._allows_private)
        lane = Lane(webhooks, row, sender, threads)

        async def run() -> None:
            async with sender:
                try:
                    await lane.run()
                except Exception:
                    await asyncio.sleep(AGAIN_SECONDS)
                    raise

        return _Running(lane, asyncio.create_task(run()))


def _say_how_it_ended(running: _Running) -> None:
    """A lane that ended by a bug begins again, and the bug is in the log."""
    error = None if running.task.cancelled() else running.task.exception()
    if error is not None:
        log.error("webhook_lane_failed", webhook=running.lane.webhook.id, exc_info=error)
