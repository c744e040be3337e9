"""`POST /hooks/{workspace}/{provider}`: what a provider of mails says became of them, in a generic shape."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Request
from pydantic import BaseModel, Field

from api.http.authentication import Caller, TokenWith, bearer_token
from api.http.json_route import json_router
from api.http.shapes import FAILURES
from api.http.tokens import Scope
from engine.storage.webhook_types import KIND_OF_EMAIL
from ingest.writes.write import Outcome

MOST_EVENTS = 5_000

TAG = {"name": "hooks", "description": "What providers of mails tell: deliveries, opens, clicks, bounces, complaints."}

router = json_router("hooks", FAILURES)


class ProviderEvent(BaseModel):
    """What became of a mail. Keys that are not named here are kept as properties."""

    model_config = {"extra": "allow"}

    id: str | None = Field(default=None, description="The provider's own: the same one counts once.", max_length=512)
    type: Literal["sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed"]
    email: str = Field(examples=["ada@example.com"])
    occurred_at: datetime = Field(examples=["2026-05-01T10:00:00Z"])
    message_id: str | None = None
    template_id: str | None = None
    list_id: str | None = Field(default=None, description="Which list it is about; all of the contact's if absent.")
    bounce_type: Literal["permanent", "transient"] | None = Field(
        default=None, description="A permanent one takes the contact off the list."
    )


class ProviderEvents(BaseModel):
    """What a provider tells."""

    events: list[ProviderEvent] = Field(min_length=1, max_length=MOST_EVENTS)


class TakenEvents(BaseModel):
    """How many events are new; those of nobody who is known, or that cannot be, are named by their place."""

    created: int
    unchanged: int
    failed: dict[int, str]


def _token(request: Request) -> str | None:
    """A token as always, or as the password of an address such as https://hook:TOKEN@host/hooks/..."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return _password(text) if scheme.lower() == "basic" else bearer_token(request)


def _password(text: str) -> str | None:
    """The password of basic credentials."""
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except ValueError:
        return None


@router.post("/hooks/{workspace_id}/{provider}")
def take_events(
    workspace_id: Annotated[str, Path(examples=["main"])],
    provider: Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,32}$", examples=["postmark"])],
    body: ProviderEvents,
    caller: Annotated[Caller, Depends(TokenWith(Scope.WRITE, read=_token))],
) -> TakenEvents:
    """Take what a provider tells into the timelines of contacts."""
    written = caller.workspace(workspace_id).events.record_many([_event(provider, item) for item in body.events])
    outcomes = [one.outcome for one in written]
    return TakenEvents(
        created=outcomes.count(Outcome.CREATED),
        unchanged=outcomes.count(Outcome.UNCHANGED),
        failed={number: str(one.error) for number, one in enumerate(written) if one.error is not None},
    )


def _event(provider: str, item: ProviderEvent) -> dict[str, Any]:
    """The entry of the timeline that says the same."""
    names = ("message_id", "list_id", "bounce_type")
    said = {name: value for name in names if (value := getattr(item, name)) is not None}
    event = {
        "email": item.email,
        "kind": KIND_OF_EMAIL[item.type],
        "occurred_at": item.occurred_at,
        "template_id": item.template_id,
        "id": f"{provider}:{item.id}" if item.id else item.id,  # an empty one is refused
        "properties": {**(item.model_extra or {}), **said, "provider": provider},
    }
    return {name: value for name, value in event.items() if value is not None}
