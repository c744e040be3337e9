"""`/api/contacts.*`: create, change, find, list and erase contacts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.cursors import next_cursor, number_of
from api.http.rpc.shapes import (
    Asked,
    Contact,
    ContactList,
    ContactSegment,
    ContactWithLists,
    Email,
    FullContact,
    Success,
    WorkspaceId,
    contact_values,
    rpc_router,
)
from engine.execute.contact_listing import SEARCHED_FIELDS, ContactFilter
from engine.execute.contact_records import ContactRecord
from ingest.workspace import Workspace
from ingest.writes.contact_address import Contact as Address
from ingest.writes.contact_address import address_in
from ingest.writes.write import Outcome

MOST_IMPORTED = 10_000
MOST_LISTED, LISTED = 100, 20

TAG = {"name": "contacts", "description": "Create, change, find, list and erase contacts."}

router = rpc_router("contacts")

_EXAMPLE = {"email": "ada@example.com", "first_name": "Ada", "country": "GB", "tags": ["vip"]}


class UpsertContact(Asked):
    """A contact to be created or changed."""

    contact: dict[str, Any] = Field(
        description="Fields by name: what is given is set, null removes a value, what is absent stays.",
        examples=[_EXAMPLE],
    )


class UpsertedContact(BaseModel):
    """What became of it."""

    action: Literal["created", "updated"]
    email: str | None
    contact: Contact  # type: ignore[valid-type]
    error: str | None = None


class ImportContacts(Asked):
    """Contacts to be created or changed, and lists that they are to be on."""

    contacts: list[dict[str, Any]] = Field(max_length=MOST_IMPORTED, examples=[[_EXAMPLE]])
    subscribe_to_lists: list[str] = Field(default=[], examples=[["news"]])


class ImportOperation(BaseModel):
    """What became of one of the contacts."""

    email: str | None
    action: Literal["create", "update", "error"]
    error: str | None = None


class ImportedContacts(BaseModel):
    """What became of each, in order."""

    operations: list[ImportOperation]


class FoundContact(BaseModel):
    """A contact."""

    contact: FullContact


class ListedContacts(BaseModel):
    """A page of contacts, newest first; `next_cursor` leads on, null on the last page."""

    contacts: list[ContactWithLists]
    next_cursor: str | None


class CountedContacts(BaseModel):
    """How many contacts there are."""

    total_contacts: int


class DeleteContact(Asked):
    """A contact to be erased."""

    email: str = Field(examples=["ada@example.com"])


@router.post("/contacts.upsert")
def upsert_contact(body: UpsertContact, caller: Writer) -> UpsertedContact:
    """Create a contact, or change a known one; it is durable when the answer comes."""
    done = caller.workspace(body.workspace_id).upsert_and_read(body.contact)
    email = done.fields["email"]
    return UpsertedContact(
        action="created" if done.outcome is Outcome.CREATED else "updated",
        email=None if email is None else str(email),
        contact=Contact.model_validate({**done.fields, "tags": list(done.tags)}),
    )


@router.post("/contacts.import", response_model_exclude_unset=True)
def import_contacts(body: ImportContacts, caller: Writer) -> ImportedContacts:
    """Create or change many contacts; one that is not valid fails alone. A subscription that was refused stays so."""
    workspace = caller.workspace(body.workspace_id)
    workspace.lists.check_known(body.subscribe_to_lists, path="subscribe_to_lists")
    written = workspace.upsert_many(body.contacts)
    operations = []
    subscriptions: list[dict[str, object]] = []
    for contact, one in zip(body.contacts, written, strict=True):
        email = contact.get("email")
        shown = email if isinstance(email, str) else None
        if one.error is not None:
            operations.append(ImportOperation(email=shown, action="error", error=str(one.error)))
            continue
        action: Literal["create", "update"] = "create" if one.outcome is Outcome.CREATED else "update"
        operations.append(ImportOperation(email=shown, action=action))
        subscriptions += [{"contact": address_in(contact), "list_id": name} for name in body.subscribe_to_lists]
    if subscriptions:
        workspace.lists.subscribe_many(subscriptions)
    return ImportedContacts(operations=operations)


@router.get("/contacts.getByEmail")
def get_contact_by_email(workspace_id: WorkspaceId, email: Email, caller: Reader) -> FoundContact:
    """A contact by its e-mail, with its lists and segments."""
    return _found(caller.workspace(workspace_id), email)


@router.get("/contacts.getByExternalID")
def get_contact_by_external_id(
    workspace_id: WorkspaceId,
    external_id: Annotated[str, Query(description="What your application calls the contact.")],
    caller: Reader,
) -> FoundContact:
    """A contact by its external id, with its lists and segments."""
    return _found(caller.workspace(workspace_id), {"kind": "external_id", "value": external_id})


@router.get("/contacts.list", response_model_exclude_unset=True)
def list_contacts(
    workspace_id: WorkspaceId,
    caller: Reader,
    email: str | None = None,
    external_id: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    full_name: str | None = None,
    phone: str | None = None,
    country: str | None = None,
    language: str | None = None,
    list_id: str | None = None,
    contact_list_status: str | None = None,
    segments: Annotated[list[str] | None, Query(alias="segments[]")] = None,
    with_contact_lists: bool = False,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
    cursor: str | None = None,
) -> ListedContacts:
    """Contacts, newest first. Fields find parts, whatever the case; `segments[]` finds members of any of them."""
    given = (email, external_id, first_name, last_name, full_name, phone, country, language)
    wanted = ContactFilter(
        parts={name: part for name, part in zip(SEARCHED_FIELDS, given, strict=True) if part},
        list_id=list_id,
        list_status=contact_list_status,
        segment_ids=tuple(segments or ()),
    )
    page = caller.workspace(workspace_id).records(wanted, before=number_of(cursor), limit=limit)
    contacts = []
    for record in page.contacts:
        values = contact_values(record)
        if with_contact_lists:
            values["contact_lists"] = _lists_of(record)
        contacts.append(ContactWithLists.model_validate(values))
    return ListedContacts(contacts=contacts, next_cursor=next_cursor(page.next_before))


@router.get("/contacts.count")
def count_contacts(workspace_id: WorkspaceId, caller: Reader) -> CountedContacts:
    """How many contacts the workspace has."""
    return CountedContacts(total_contacts=caller.workspace(workspace_id).contact_count())


@router.post("/contacts.delete")
def delete_contact(body: DeleteContact, caller: Admin) -> Success:
    """Erase a contact with all that says who it was. It cannot be undone."""
    caller.workspace(body.workspace_id).erase(body.email)
    return Success()


def _found(workspace: Workspace, address: Address) -> FoundContact:
    record = workspace.record(address)
    states = {state.segment.id: state for state in workspace.segments()} if record.segment_ids else {}
    segments = [
        ContactSegment(
            segment_id=name,
            name=states[name].segment.name,
            color=states[name].segment.color,
            version=states[name].version,
            computed_at=states[name].as_of,
        )
        for name in record.segment_ids
        if name in states
    ]
    values = {**contact_values(record), "contact_lists": _lists_of(record), "contact_segments": segments}
    return FoundContact(contact=FullContact.model_validate(values))


def _lists_of(record: ContactRecord) -> list[ContactList]:
    return [ContactList.of(record.fields["email"], item) for item in record.subscriptions]
