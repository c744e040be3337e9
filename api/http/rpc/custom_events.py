"""`/api/customEvents.*`: what an application tells in its own words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.authentication import Reader, Writer
from api.http.rpc.shapes import Asked, WorkspaceId, rpc_router
from api.http.shapes import Strict
from engine.errors import InvalidWriteError
from engine.execute.custom_event_records import CustomEventRecord

MOST_IMPORTED = 10_000
MOST_LISTED, LISTED = 100, 50

TAG = {"name": "custom events", "description": "What an application tells in its own words."}

router = rpc_router("custom events")

EventName = Annotated[str, Query(description="Name of the event.", examples=["shop.order"])]


class CustomEventValues(Strict):
    """A custom event: the same name and external id at another instant is another version of it."""

    email: str = Field(examples=["ada@example.com"])
    event_name: str = Field(examples=["shop.order"])
    external_id: str = Field(examples=["order-1"])
    occurred_at: str | None = Field(
        default=None, description="RFC 3339; now if absent.", examples=["2026-05-01T10:00:00Z"]
    )
    goal_type: str | None = Field(default=None, examples=["purchase"])
    goal_name: str | None = None
    goal_value: float | int | None = Field(default=None, examples=[49.9])
    properties: dict[str, Any] | None = None


class UpsertEvent(CustomEventValues, Asked):
    """A custom event to be recorded."""


class ImportEvents(Asked):
    """Custom events to be recorded."""

    events: list[CustomEventValues] = Field(min_length=1, max_length=MOST_IMPORTED)


class CustomEvent(BaseModel):
    """A custom event as its latest version says."""

    event_name: str
    external_id: str
    email: str | None
    occurred_at: datetime
    goal_type: str | None
    goal_name: str | None
    goal_value: float | str | None = Field(description="A text where a number would lose digits.")
    properties: Any
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, record: CustomEventRecord) -> CustomEvent:
        """An event as it is kept."""
        return cls.model_validate(record, from_attributes=True)


class OneEvent(BaseModel):
    """A custom event."""

    event: CustomEvent


class FailedEvent(BaseModel):
    """An event that was not recorded, by its place in the request."""

    index: int
    error: str


class ImportedEvents(BaseModel):
    """The external ids of the events that are recorded, and which ones are not."""

    event_ids: list[str]
    count: int
    errors: list[FailedEvent]


class Events(BaseModel):
    """Some custom events, latest first, of `count` in all."""

    events: list[CustomEvent]
    count: int


@router.post("/customEvents.upsert")
def upsert_event(body: UpsertEvent, caller: Writer) -> OneEvent:
    """Record a custom event of a contact, or another version of it. The latest `occurred_at` is its state."""
    workspace = caller.workspace(body.workspace_id)
    workspace.events.record_custom(_given(body))
    return OneEvent(event=CustomEvent.of(workspace.custom_event(body.event_name, body.external_id)))


@router.post("/customEvents.import", status_code=201)
def import_events(body: ImportEvents, caller: Writer) -> ImportedEvents:
    """Record many; one that is not valid fails alone. If none is recorded the answer is a 422."""
    written = caller.workspace(body.workspace_id).events.record_custom_many([_given(event) for event in body.events])
    errors = [
        FailedEvent(index=number, error=str(one.error)) for number, one in enumerate(written) if one.error is not None
    ]
    if len(errors) == len(written):
        raise InvalidWriteError("events", f"none was recorded; the first one: {errors[0].error}")
    ids = [event.external_id for event, one in zip(body.events, written, strict=True) if one.error is None]
    return ImportedEvents(event_ids=ids, count=len(ids), errors=errors)


@router.get("/customEvents.get")
def get_event(workspace_id: WorkspaceId, event_name: EventName, external_id: str, caller: Reader) -> OneEvent:
    """A custom event as its latest version says."""
    return OneEvent(event=CustomEvent.of(caller.workspace(workspace_id).custom_event(event_name, external_id)))


@router.get("/customEvents.list")
def list_events(
    workspace_id: WorkspaceId,
    caller: Reader,
    email: str | None = None,
    event_name: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Events:
    """The custom events of a contact, of a name, or both; latest first."""
    workspace = caller.workspace(workspace_id)
    if email is None and event_name is None:
        raise InvalidWriteError("email", "give an email, an event_name, or both")
    page = workspace.custom_events(contact=email, event_name=event_name, limit=limit, offset=offset)
    return Events(events=[CustomEvent.of(event) for event in page.events], count=page.count)


def _given(event: CustomEventValues) -> dict[str, Any]:
    """An event as `record_custom` takes it."""
    names = ("email", "event_name", "external_id", "occurred_at", "goal_type", "goal_name", "goal_value", "properties")
    given = {name: getattr(event, name) for name in names}
    return {**given, "occurred_at": datetime.now(UTC) if event.occurred_at is None else event.occurred_at}
