"""`/v1/tags`: the tags of a workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.rest.shapes import v1_router
from api.http.shapes import Strict
from ingest.writes.kept import KEPT

TAG = {"name": "v1 tags", "description": "The tags of contacts."}

router = v1_router("tags")

TagName = Annotated[str, Path(description="Name of the tag.", examples=["vip"])]


class Tag(BaseModel):
    """A tag. `created_at` is null for one that was never defined, and contacts have."""

    name: str
    color: str | None
    created_at: datetime | None
    contact_count: int


class AllTags(BaseModel):
    """All tags, in order of name."""

    tags: list[Tag]


class DefineTag(Strict):
    """A tag to be there before any contact has it, or its colour."""

    color: str | None = Field(default=None, examples=["#1f6feb"])


@router.get("/tags")
def list_tags(caller: Reader) -> AllTags:
    """All tags that were defined or that a contact has."""
    return AllTags(tags=[Tag.model_validate(state, from_attributes=True) for state in caller.workspace().tags.all()])


@router.put("/tags/{name}", status_code=204)
def define_tag(name: TagName, body: DefineTag, caller: Writer) -> None:
    """Define a tag, or change its colour."""
    caller.workspace().tags.define(name, body.color if "color" in body.model_fields_set else KEPT)


@router.delete("/tags/{name}", status_code=204)
def delete_tag(name: TagName, caller: Admin) -> None:
    """Take a tag from all contacts, and forget its colour."""
    caller.workspace().tags.delete(name)
