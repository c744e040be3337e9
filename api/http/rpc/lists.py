"""`/api/lists.*`: the lists of a workspace, and who is to be on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.rpc.shapes import Asked, Success, WorkspaceId, rpc_router
from engine.errors import InvalidWriteError
from engine.storage.lists import ListState
from ingest.writes.kept import KEPT, Kept

TAG = {"name": "lists", "description": "The lists of a workspace, and who is to be on them."}

router = rpc_router("lists")


class Template(BaseModel):
    """A template of mails."""

    id: str


class MailingList(BaseModel):
    """A list."""

    id: str = Field(examples=["news"])
    name: str
    is_double_optin: bool
    is_public: bool
    description: str | None
    double_optin_template: Template | None
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, state: ListState) -> MailingList:
        """A list as it is kept."""
        template = state.confirmation_template_id
        return cls(
            id=state.id,
            name=state.name,
            is_double_optin=state.is_double_optin,
            is_public=state.is_public,
            description=state.description,
            double_optin_template=None if template is None else Template(id=template),
            created_at=state.created_at,
            updated_at=state.updated_at,
        )


class SavedList(Asked):
    """A list with the values that it is to have; what is absent stays as it is."""

    id: str = Field(examples=["news"], description="1 to 64 characters of A-Z a-z 0-9 _ . -")
    name: str | None = Field(default=None, examples=["Our news"])
    is_double_optin: bool | None = None
    is_public: bool | None = None
    description: str | None = None
    double_optin_template: Template | None = None


class OneList(BaseModel):
    """A list."""

    list: MailingList


class AllLists(BaseModel):
    """All lists, in order of id."""

    lists: list[MailingList]


class DeleteList(Asked):
    """A list to be deleted."""

    id: str


class ListStats(BaseModel):
    """How many subscriptions there are of each status."""

    total_active: int
    total_pending: int
    total_unsubscribed: int
    total_bounced: int
    total_complained: int


class StatsOfList(BaseModel):
    """The subscriptions of a list."""

    list_id: str
    stats: ListStats


class SubscribeContact(Asked):
    """A contact, created if it is new, that is to be on lists."""

    contact: dict[str, Any] = Field(examples=[{"email": "ada@example.com"}])
    list_ids: list[str] = Field(min_length=1, examples=[["news"]])


@router.post("/lists.create", status_code=201)
def create_list(body: SavedList, caller: Writer) -> OneList:
    """Make a list: private and single opt-in if not said otherwise. One that was deleted is back."""
    workspace = caller.workspace(body.workspace_id)
    lists = workspace.lists
    with workspace.defining:
        if any(state.id == body.id for state in lists.all()):
            raise InvalidWriteError("id", f"list {body.id!r} is there already; change it with lists.update")
        lists.save(body.id, **_given(body))
    return OneList(list=MailingList.of(lists.get(body.id)))


@router.get("/lists.get")
def get_list(workspace_id: WorkspaceId, id: str, caller: Reader) -> OneList:  # noqa: A002 (the word of the wire)
    """One list."""
    return OneList(list=MailingList.of(caller.workspace(workspace_id).lists.get(id)))


@router.get("/lists.list")
def list_lists(workspace_id: WorkspaceId, caller: Reader) -> AllLists:
    """All lists."""
    return AllLists(lists=[MailingList.of(state) for state in caller.workspace(workspace_id).lists.all()])


@router.post("/lists.update")
def update_list(body: SavedList, caller: Writer) -> OneList:
    """Change what is given of a list."""
    lists = caller.workspace(body.workspace_id).lists
    lists.get(body.id)
    lists.save(body.id, **_given(body))
    return OneList(list=MailingList.of(lists.get(body.id)))


@router.post("/lists.delete")
def delete_list(body: DeleteList, caller: Admin) -> Success:
    """Delete a list: its subscriptions stay on record, and count no longer."""
    caller.workspace(body.workspace_id).lists.delete(body.id)
    return Success()


@router.get("/lists.stats")
def read_list_stats(
    workspace_id: WorkspaceId, list_id: Annotated[str, Query(examples=["news"])], caller: Reader
) -> StatsOfList:
    """How many subscriptions a list has, by status."""
    counts = caller.workspace(workspace_id).lists.get(list_id).counts
    stats = ListStats(**{f"total_{status}": count for status, count in counts.items()})
    return StatsOfList(list_id=list_id, stats=stats)


@router.post("/lists.subscribe")
def subscribe_contact(body: SubscribeContact, caller: Writer) -> Success:
    """Have a contact on lists, active at once; where one bounced or was complained of nothing is done."""
    workspace = caller.workspace(body.workspace_id)
    workspace.lists.check_known(body.list_ids, path="list_ids")
    workspace.lists.upsert_and_subscribe(body.contact, body.list_ids)
    return Success()


def _given(body: SavedList) -> dict[str, Any]:
    """What is given of a list; null takes a description or a template away."""
    said = body.model_fields_set
    given: dict[str, str | bool | Kept | None] = {
        "name": KEPT if body.name is None else body.name,
        "is_double_optin": KEPT if body.is_double_optin is None else body.is_double_optin,
        "is_public": KEPT if body.is_public is None else body.is_public,
        "description": (body.description or None) if "description" in said else KEPT,
        "confirmation_template_id": KEPT,
    }
    if "double_optin_template" in said:
        template = body.double_optin_template
        given["confirmation_template_id"] = None if template is None else template.id
    return given
