"""A receiver of webhooks that is asked what it would be told, without any server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from engine.storage.webhooks import DeliveryRow, DeliveryStatus, WebhookRow
from ingest.webhooks import Webhook
from tests.clocked_shop import Shop

URL = "https://shop.example/hooks"


class Told:
    """A receiver that takes everything at once, or nothing at all."""

    def __init__(self, shop: Shop, *event_types: str, **filters: list[str]) -> None:
        self.shop = shop
        self.webhook: Webhook = shop.webhooks.create(URL, event_types, filters=filters)

    @property
    def row(self) -> WebhookRow:
        return self.shop.webhooks.row(self.webhook.id)

    def due(self, *, limit: int = 500) -> list[DeliveryRow]:
        """What is to be sent now."""
        assert self.shop.webhooks.take_in(self.row, limit=limit) is not None
        return self.shop.webhooks.due(self.row, limit=limit)

    def take(self, *, limit: int = 500) -> list[Any]:
        """The messages that are sent now, all of which are taken."""
        due = self.due(limit=limit)
        self.shop.webhooks.settle(self.row, [taken(row) for row in due])
        return [json.loads(row.payload or "") for row in due]

    def types(self) -> list[str]:
        return [message["type"] for message in self.take()]

    def refuse(self, status: DeliveryStatus = DeliveryStatus.WAITING, *, wait: timedelta = timedelta(0)) -> None:
        """Fail with the first message of each contact that is sent now."""
        now = self.shop.at.replace(tzinfo=None)
        heads = {row.contact_id: row for row in reversed(self.due())}
        failed = [
            row._replace(
                status=status,
                attempt_count=row.attempt_count + 1,
                last_attempt_at=now,
                next_attempt_at=now + wait,
                failure="answered 500",
            )
            for row in heads.values()
        ]
        self.shop.webhooks.settle(self.row, failed)


def taken(row: DeliveryRow) -> DeliveryRow:
    """A message that was taken."""
    return row._replace(status=DeliveryStatus.DELIVERED, attempt_count=row.attempt_count + 1, payload=None)
