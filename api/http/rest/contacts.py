"""`/v1/contacts`: contacts, and what is known of each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.cursors import next_cursor, number_of, place_in_timeline_of
from api.http.idempotency import IdempotencyKey, Keys
from api.http.rest.shapes import Contact, ContactKey, ContactValues, address_of, v1_router
from engine.execute.timeline_pages import TimelineEntry
from ingest.writes.contact_address import address_in
from ingest.writes.write import Outcome

MOST_LISTED, LISTED = 1_000, 100

TAG = {"name": "v1 contacts", "description": "Contacts, and what is known of each."}

router = v1_router("contacts")

_WHERE = """Fields with `=`, `<>`, `<`, `in (...)`, `between`, `contains`, `starts with`, `is null`; `has_tag('vip')`,
`on_list('news')`, `in_segment('readers')`; `and`, `or`, `not`: see docs/http.md."""
Where = Annotated[str | None, Query(description=_WHERE, examples=["country = 'GB' and not has_tag('vip')"])]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]


class ContactPage(BaseModel):
    """A page of contacts, newest first; `next_cursor` leads on, null on the last page."""

    contacts: list[Contact]
    next_cursor: str | None


class Entry(BaseModel):
    """One thing that happened. `changes` has old and new values, `properties` what else was said."""

    id: str
    kind: str = Field(examples=["open_email"])
    occurred_at: datetime
    ingested_at: datetime | None
    entity_type: str | None
    entity_id: str | None
    operation: str | None
    template_id: str | None
    changes: Any
    properties: Any

    @classmethod
    def of(cls, entry: TimelineEntry) -> Entry:
        """An entry as it is kept."""
        values = {name: getattr(entry, name) for name in cls.model_fields}
        return cls.model_validate({**values, "id": entry.id or entry.number})


class TimelinePage(BaseModel):
    """A page of what happened, latest first; `next_cursor` leads on, null on the last page."""

    timeline: list[Entry]
    next_cursor: str | None


class SegmentsOfContact(BaseModel):
    """The ids of the segments that a contact is in, as last computed."""

    segments: list[str]


@router.post("/contacts", status_code=201, responses={200: {"model": Contact, "description": "It was there already."}})
def create_contact(
    body: ContactValues, caller: Writer, request: Request, response: Response, idempotency_key: IdempotencyKey = None
) -> Contact:
    """Create a contact, or change a known one; several that the identities name become one. Durable when answered."""
    workspace = caller.workspace()
    document = body.document()
    keys: Keys = request.app.state.keys
    done = None
    with keys.once(caller.token.id, idempotency_key, ["contacts", document]) as attempt:
        if not attempt.is_repeated:
            done = workspace.upsert_and_read(document)
            attempt.status = 201 if done.outcome is Outcome.CREATED else 200
    assert attempt.status is not None
    response.status_code = attempt.status
    return Contact.of(workspace.record(address_in(document)) if done is None else workspace.record_of(done.contact_id))


@router.get("/contacts")
def list_contacts(
    caller: Reader,
    filter: Where = None,  # noqa: A002 (the word of the wire)
    limit: Limit = LISTED,
    cursor: str | None = None,
) -> ContactPage:
    """All contacts, newest first, or those that a filter finds now."""
    page = caller.workspace().records(where=filter, before=number_of(cursor), limit=limit)
    shown = [Contact.of(record) for record in page.contacts]
    return ContactPage(contacts=shown, next_cursor=next_cursor(page.next_before))


@router.get("/contacts/{key}")
def read_contact(key: ContactKey, caller: Reader) -> Contact:
    """One contact."""
    return Contact.of(caller.workspace().record(address_of(key)))


@router.patch("/contacts/{key}")
def change_contact(key: ContactKey, body: ContactValues, caller: Writer) -> Contact:
    """Change what is given of a contact that is there."""
    workspace, address = caller.workspace(), address_of(key)
    workspace.record(address)
    done = workspace.upsert_and_read(body.document(known_as=address))
    return Contact.of(workspace.record_of(done.contact_id))  # it may have lost the name by which it was known


@router.delete("/contacts/{key}", status_code=204)
def erase_contact(key: ContactKey, caller: Admin) -> None:
    """Erase a contact with all that says who it was. It cannot be undone."""
    caller.workspace().erase(address_of(key))


@router.get("/contacts/{key}/timeline")
def read_timeline(key: ContactKey, caller: Reader, limit: Limit = LISTED, cursor: str | None = None) -> TimelinePage:
    """What happened to a contact, latest first."""
    page = caller.workspace().timeline(address_of(key), before=place_in_timeline_of(cursor), limit=limit)
    return TimelinePage(timeline=[Entry.of(entry) for entry in page.entries], next_cursor=next_cursor(page.next_before))


@router.get("/contacts/{key}/segments")
def read_segments_of_contact(key: ContactKey, caller: Reader) -> SegmentsOfContact:
    """The segments that a contact is in, as last computed."""
    return SegmentsOfContact(segments=list(caller.workspace().segments_of(address_of(key))))


@router.get("/contacts/{key}/export")
def export_contact(key: ContactKey, caller: Reader) -> dict[str, Any]:
    """Everything that the workspace knows of a contact, as one document (docs/contacts.md)."""
    return caller.workspace().export_contact(address_of(key))
