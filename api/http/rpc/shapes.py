"""What requests and answers of `/api/*` have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, create_model

from api.http.json_route import json_router
from api.http.shapes import FAILURES, Strict
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.execute.contact_records import ContactRecord, SubscriptionRecord

WorkspaceId = Annotated[str, Query(description="Id of the workspace: that of the token.")]
Email = Annotated[str, Query(description="E-mail of the contact.", examples=["ada@example.com"])]


def rpc_router(tag: str) -> APIRouter:
    """A router below `/api`."""
    return json_router(tag, FAILURES, prefix="/api")


class Asked(Strict):
    """A request: it has the workspace, and nothing that is not described."""

    workspace_id: str = Field(description="Id of the workspace: that of the token.", examples=["main"])


class Success(BaseModel):
    """That it was done."""

    success: bool = True


class ContactList(BaseModel):
    """A contact's status on a list."""

    email: str | None
    list_id: str = Field(examples=["news"])
    list_name: str
    status: str = Field(description="active, pending, unsubscribed, bounced or complained.", examples=["active"])
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, email: object, record: SubscriptionRecord) -> ContactList:
        """The subscription of a contact."""
        return cls(
            email=None if email is None else str(email),
            list_id=record.list_id,
            list_name=record.list_name,
            status=record.status,
            created_at=record.created_at,
            updated_at=record.updated_at,
        )


class ContactSegment(BaseModel):
    """A segment that a contact is in."""

    segment_id: str
    name: str
    color: str | None
    version: int
    computed_at: datetime | None


_TYPES: dict[FieldType, Any] = {
    FieldType.STRING: str | None,
    FieldType.NUMBER: float | None,
    FieldType.TIME: datetime | None,
    FieldType.JSON: Any,
}


class _ContactBase(BaseModel):
    """A contact: every field, custom ones of the workspace too; null where it has no value. Instants are UTC."""

    model_config = ConfigDict(extra="allow")

    tags: list[str] = []


_FIELDS: dict[str, Any] = {name: (_TYPES[kind], None) for name, kind in CONTACT_FIELDS.items()}
Contact: type[_ContactBase] = create_model("Contact", __base__=_ContactBase, __doc__=_ContactBase.__doc__, **_FIELDS)


class ContactWithLists(Contact):  # type: ignore[misc,valid-type]  # made above
    """A contact, with its subscriptions if they were asked for."""

    contact_lists: list[ContactList] | None = None


class FullContact(Contact):  # type: ignore[misc,valid-type]
    """A contact with its subscriptions and the segments that it is in, as last computed."""

    contact_lists: list[ContactList]
    contact_segments: list[ContactSegment]


def contact_values(record: ContactRecord) -> dict[str, object]:
    """The values of a contact, as an answer has them."""
    return {**record.fields, "tags": list(record.tags)}
