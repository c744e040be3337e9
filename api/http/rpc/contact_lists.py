"""`/api/contactLists.*`: the subscriptions of contacts."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.authentication import Reader, Writer
from api.http.cursors import next_cursor, number_of
from api.http.rpc.shapes import Asked, ContactList, Email, Success, WorkspaceId, rpc_router
from engine.errors import UnknownContactError
from engine.execute.contact_listing import ContactFilter

TAG = {"name": "contact lists", "description": "The subscriptions of contacts."}

router = rpc_router("contact lists")

ListId = Annotated[str, Query(description="Id of the list.", examples=["news"])]


class UpdateStatus(Asked):
    """A status that a subscription is to have."""

    email: str = Field(examples=["ada@example.com"])
    list_id: str = Field(examples=["news"])
    status: Literal["active", "unsubscribed", "bounced", "complained"]


class RemoveContact(Asked):
    """A subscription to be removed."""

    email: str
    list_id: str


class OneContactList(BaseModel):
    """A subscription."""

    contact_list: ContactList


class ContactLists(BaseModel):
    """The subscriptions of a contact."""

    contact_lists: list[ContactList]


class ContactListPage(BaseModel):
    """The subscriptions to a list, those of the newest contacts first; `next_cursor` leads on."""

    contact_lists: list[ContactList]
    next_cursor: str | None


@router.post("/contactLists.updateStatus")
def update_status(body: UpdateStatus, caller: Writer) -> Success:
    """Subscribe a contact, or take in that it unsubscribed, bounced or complained.

    `active` is refused after a bounce or a complaint; the others only ever make a status stricter.
    """
    lists = caller.workspace(body.workspace_id).lists
    if body.status == "active":
        lists.subscribe(body.email, body.list_id)
    elif body.status == "unsubscribed":
        lists.unsubscribe(body.email, body.list_id)
    else:
        lists.set_status(body.email, body.list_id, body.status)
    return Success()


@router.get("/contactLists.getByIDs")
def get_contact_list(workspace_id: WorkspaceId, email: Email, list_id: ListId, caller: Reader) -> OneContactList:
    """A contact's subscription to a list."""
    workspace = caller.workspace(workspace_id)
    workspace.lists.get(list_id)
    record = workspace.record(email)
    for item in record.subscriptions:
        if item.list_id == list_id:
            return OneContactList(contact_list=ContactList.of(record.fields["email"], item))
    raise UnknownContactError(email)


@router.get("/contactLists.getContactsByList")
def get_contacts_by_list(
    workspace_id: WorkspaceId,
    list_id: ListId,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> ContactListPage:
    """The subscriptions to a list."""
    page = caller.workspace(workspace_id).records(ContactFilter(list_id=list_id), before=number_of(cursor), limit=limit)
    found = [
        ContactList.of(record.fields["email"], item)
        for record in page.contacts
        for item in record.subscriptions
        if item.list_id == list_id
    ]
    return ContactListPage(contact_lists=found, next_cursor=next_cursor(page.next_before))


@router.get("/contactLists.getListsByContact")
def get_lists_by_contact(workspace_id: WorkspaceId, email: Email, caller: Reader) -> ContactLists:
    """The subscriptions of a contact."""
    record = caller.workspace(workspace_id).record(email)
    return ContactLists(contact_lists=[ContactList.of(record.fields["email"], item) for item in record.subscriptions])


@router.post("/contactLists.removeContact")
def remove_contact(body: RemoveContact, caller: Writer) -> Success:
    """Remove a subscription, a refusal included: an import may subscribe the contact again."""
    caller.workspace(body.workspace_id).lists.remove(body.email, body.list_id)
    return Success()
