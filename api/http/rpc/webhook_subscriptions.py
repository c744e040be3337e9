"""`/api/webhookSubscriptions.*`: who is told of what happens, and what became of messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from anyio import to_thread
from fastapi import Query, Request
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Caller, Reader
from api.http.rpc.shapes import Asked, Success, WorkspaceId, rpc_router
from api.http.shapes import Strict
from api.webhooks.addresses import check_url
from api.webhooks.sender import Sender
from engine.errors import InvalidValueError
from engine.execute.webhook_messages import message_id, payload
from engine.storage.webhook_types import TYPES
from ingest.webhooks import Delivery, Webhook, Webhooks
from ingest.writes.kept import KEPT, Kept

MOST_LISTED, LISTED = 100, 20

TAG = {
    "name": "webhook subscriptions",
    "description": "Who is told of what happens, signed as Standard Webhooks has it: see docs/webhooks.md.",
}

router = rpc_router("webhook subscriptions")

SubscriptionId = Annotated[str, Query(description="Id of the subscription.", examples=["0b9f6a1e"])]


class Filters(Strict):
    """What narrows a subscription; what is absent narrows nothing."""

    segment_ids: list[str] | None = Field(default=None, examples=[["big-spenders"]])
    causes: list[str] | None = Field(default=None, description="Why somebody entered or left.", examples=[["data"]])
    list_ids: list[str] | None = None
    event_names: list[str] | None = None
    goal_types: list[str] | None = None


class Subscription(BaseModel):
    """A webhook. `secret` is told when it is made, or changed, and never again."""

    id: str
    name: str
    url: str
    event_types: list[str]
    filters: Filters
    enabled: bool
    secret: str | None = Field(default=None, examples=["whsec_..."])
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook, *, tells_secret: bool = False) -> Self:
        """A webhook as it is kept."""
        return cls(
            id=webhook.id,
            name=webhook.name,
            url=webhook.url,
            event_types=list(webhook.event_types),
            filters=Filters.model_validate(webhook.filters),
            enabled=webhook.is_enabled,
            secret=webhook.secret if tells_secret else None,
            created_at=webhook.created_at,
            updated_at=webhook.updated_at,
        )


class OneSubscription(BaseModel):
    """A webhook."""

    subscription: Subscription


class AllSubscriptions(BaseModel):
    """All webhooks, oldest first."""

    subscriptions: list[Subscription]


_TYPES = Field(description="Types, such as `contact.created`, `segment.*` or `*`.", examples=[["segment.*"]])


class CreateSubscription(Asked):
    """A webhook to be made."""

    url: str = Field(examples=["https://shop.example/hooks"])
    event_types: Annotated[list[str], _TYPES]
    name: str | None = None
    filters: Filters = Filters()


class UpdateSubscription(Asked):
    """What is to be other of a webhook; what is absent stays."""

    id: str
    url: str | None = None
    event_types: Annotated[list[str] | None, _TYPES] = None
    name: str | None = None
    filters: Filters | None = None
    enabled: bool | None = None


class ToggleSubscription(Asked):
    """Whether a webhook is told of what happens."""

    id: str
    enabled: bool


class OfSubscription(Asked):
    """A webhook."""

    id: str


class TestSubscription(Asked):
    """A webhook, and the type of a message that is sent to try it."""

    id: str
    event_type: str = Field(default="contact.created", examples=["contact.created"])


class TestResult(BaseModel):
    """What the receiver answered. `failure` says why it does not count as received."""

    success: bool
    status_code: int | None
    response_body: str
    failure: str | None


class DeliveryShown(BaseModel):
    """A message, and what became of it."""

    number: int
    message_id: str
    type: str
    occurred_at: datetime
    status: Literal["waiting", "delivered", "dead"]
    attempt_count: int
    waiting_since: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    status_code: int | None
    failure: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """A message as it is kept."""
        return cls.model_validate({name: getattr(delivery, name) for name in cls.model_fields})


class Deliveries(BaseModel):
    """Messages, latest first, and how many there are."""

    deliveries: list[DeliveryShown]
    total: int
    limit: int
    offset: int


class ReplayDeliveries(Asked):
    """Messages that died and are to be sent again: those with these numbers, or all."""

    id: str
    numbers: list[int] | None = Field(default=None, max_length=10_000)


class Replayed(BaseModel):
    """How many messages are sent again."""

    count: int


class EventType(BaseModel):
    """A type of message."""

    type: str
    description: str


class EventTypes(BaseModel):
    """All types that there are; other kinds of the timeline have `event.` and their kind."""

    event_types: list[EventType]


@router.post("/webhookSubscriptions.create", status_code=201)
def create_subscription(body: CreateSubscription, caller: Admin, request: Request) -> OneSubscription:
    """Have an address told of what happens from now on. The answer has the secret that signs: keep it."""
    webhooks = caller.workspace(body.workspace_id).webhooks
    _check(request, body.url)
    made = webhooks.create(body.url, body.event_types, name=body.name, filters=_given(body.filters))
    return OneSubscription(subscription=Subscription.of(made, tells_secret=True))


@router.get("/webhookSubscriptions.list")
def list_subscriptions(workspace_id: WorkspaceId, caller: Reader) -> AllSubscriptions:
    """All webhooks."""
    found = caller.workspace(workspace_id).webhooks.all()
    return AllSubscriptions(subscriptions=[Subscription.of(webhook) for webhook in found])


@router.get("/webhookSubscriptions.get")
def get_subscription(workspace_id: WorkspaceId, id: SubscriptionId, caller: Reader) -> OneSubscription:  # noqa: A002
    """One webhook."""
    return OneSubscription(subscription=Subscription.of(caller.workspace(workspace_id).webhooks.get(id)))


@router.post("/webhookSubscriptions.update")
def update_subscription(body: UpdateSubscription, caller: Admin, request: Request) -> OneSubscription:
    """Change what is given of a webhook."""
    webhooks = caller.workspace(body.workspace_id).webhooks
    if body.url is not None:
        _check(request, body.url)
    filters: Mapping[str, Collection[str]] | Kept = KEPT if body.filters is None else _given(body.filters)
    webhooks.update(
        body.id,
        url=KEPT if body.url is None else body.url,
        event_types=KEPT if body.event_types is None else body.event_types,
        name=KEPT if body.name is None else body.name,
        filters=filters,
        is_enabled=KEPT if body.enabled is None else body.enabled,
    )
    return _shown(webhooks, body.id)


@router.post("/webhookSubscriptions.delete")
def delete_subscription(body: OfSubscription, caller: Admin) -> Success:
    """Tell a webhook no more; what waits for it is gone."""
    caller.workspace(body.workspace_id).webhooks.delete(body.id)
    return Success()


@router.post("/webhookSubscriptions.toggle")
def toggle_subscription(body: ToggleSubscription, caller: Admin) -> OneSubscription:
    """Turn a webhook on or off. What happens while it is off is not told to it."""
    webhooks = caller.workspace(body.workspace_id).webhooks
    webhooks.update(body.id, is_enabled=body.enabled)
    return _shown(webhooks, body.id)


@router.post("/webhookSubscriptions.regenerateSecret")
def regenerate_secret(body: OfSubscription, caller: Admin) -> OneSubscription:
    """Give a webhook a new secret, which the answer has; for a day messages are signed with the old one, too."""
    changed = caller.workspace(body.workspace_id).webhooks.change_secret(body.id)
    return OneSubscription(subscription=Subscription.of(changed, tells_secret=True))


@router.get("/webhookSubscriptions.deliveries")
def list_deliveries(
    workspace_id: WorkspaceId,
    subscription_id: SubscriptionId,
    caller: Reader,
    status: Literal["waiting", "delivered", "dead"] | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
    offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
) -> Deliveries:
    """Messages that wait, that died in the last week, and the last thousand that arrived."""
    webhooks = caller.workspace(workspace_id).webhooks
    found, count = webhooks.deliveries(subscription_id, status=status, limit=limit, offset=offset)
    return Deliveries(deliveries=[DeliveryShown.of(item) for item in found], total=count, limit=limit, offset=offset)


@router.post("/webhookSubscriptions.replay")
def replay_deliveries(body: ReplayDeliveries, caller: Admin) -> Replayed:
    """Send messages again that died."""
    return Replayed(count=caller.workspace(body.workspace_id).webhooks.replay(body.id, body.numbers))


@router.post("/webhookSubscriptions.test")
async def test_subscription(body: TestSubscription, caller: Admin, request: Request) -> TestResult:
    """Send a message of a type at once, with nobody's data, and say what the receiver answers."""
    webhook = await to_thread.run_sync(_row, caller, body)
    now = datetime.now(UTC).replace(tzinfo=None)
    text = payload(body.event_type, now, '{"contact":{"email":"test@example.com","external_id":null},"test":true}')
    async with Sender(allows_private=request.app.state.private_webhooks) as sender:
        answer = await sender.send(webhook, message_id(webhook, f"test{now.isoformat()}"), text)
    return TestResult(
        success=answer.failure is None,
        status_code=answer.status_code,
        response_body=answer.body,
        failure=answer.failure,
    )


@router.get("/webhookSubscriptions.eventTypes")
def list_event_types(workspace_id: WorkspaceId, caller: Reader) -> EventTypes:
    """The types of messages."""
    caller.workspace(workspace_id)
    return EventTypes(event_types=[EventType(type=name, description=text) for name, text in TYPES.items()])


def _check(request: Request, url: str) -> None:
    check_url(url, allows_private=request.app.state.private_webhooks)


def _given(filters: Filters) -> dict[str, list[str]]:
    return filters.model_dump(exclude_none=True)


def _shown(webhooks: Webhooks, webhook_id: str) -> OneSubscription:
    return OneSubscription(subscription=Subscription.of(webhooks.get(webhook_id)))


def _row(caller: Caller, body: TestSubscription) -> Any:
    if body.event_type not in TYPES:
        raise InvalidValueError("event_type", body.event_type, "is no type of message; ask for eventTypes")
    return caller.workspace(body.workspace_id).webhooks.row(body.id)
