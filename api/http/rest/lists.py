"""`/v1/lists`: the lists of a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.rest.shapes import v1_router
from api.http.shapes import Strict
from ingest.writes.kept import KEPT

TAG = {"name": "v1 lists", "description": "The lists of a workspace."}

router = v1_router("lists")

ListId = Annotated[str, Path(description="Id of the list.", examples=["news"])]


class MailingList(BaseModel):
    """A list; `counts` has how many subscriptions there are of each status."""

    id: str
    name: str
    description: str | None
    is_public: bool
    is_double_optin: bool
    welcome_template_id: str | None
    unsubscribe_template_id: str | None
    confirmation_template_id: str | None
    created_at: datetime | None
    updated_at: datetime | None
    counts: Mapping[str, int]


class AllLists(BaseModel):
    """All lists, in order of id."""

    lists: list[MailingList]


class SaveList(Strict):
    """What a list is to be; what is absent stays as it is."""

    name: str | None = Field(default=None, examples=["Our news"])
    description: str | None = None
    is_public: bool | None = None
    is_double_optin: bool | None = None
    welcome_template_id: str | None = None
    unsubscribe_template_id: str | None = None
    confirmation_template_id: str | None = None


@router.get("/lists")
def list_lists(caller: Reader) -> AllLists:
    """All lists."""
    return AllLists(
        lists=[MailingList.model_validate(state, from_attributes=True) for state in caller.workspace().lists.all()]
    )


@router.get("/lists/{list_id}")
def read_list(list_id: ListId, caller: Reader) -> MailingList:
    """One list."""
    return MailingList.model_validate(caller.workspace().lists.get(list_id), from_attributes=True)


@router.put("/lists/{list_id}")
def save_list(list_id: ListId, body: SaveList, caller: Writer) -> MailingList:
    """Make a list, or change what is given of one; one that was deleted is back, with its subscriptions."""
    lists = caller.workspace().lists
    given: dict[str, Any] = {
        name: KEPT if value is None and name in _NEVER_NULL else value
        for name, value in body.model_dump(exclude_unset=True).items()
    }
    lists.save(list_id, **given)
    return MailingList.model_validate(lists.get(list_id), from_attributes=True)


@router.delete("/lists/{list_id}", status_code=204)
def delete_list(list_id: ListId, caller: Admin) -> None:
    """Delete a list: its subscriptions stay on record, and count no longer."""
    caller.workspace().lists.delete(list_id)


_NEVER_NULL = frozenset({"name", "is_public", "is_double_optin"})
