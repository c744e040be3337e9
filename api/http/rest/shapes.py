"""What requests and answers of `/v1/*` have in common."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api.http.json_route import json_router
from api.http.shapes import FAILURES, Strict
from engine.errors import InvalidWriteError
from engine.execute.contact_records import ContactRecord
from ingest.writes.contact_address import Contact as Address

PREFIX = "/v1"
PROBLEM_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong (RFC 9457): `detail` says where, what, and what to do; `path` names the place in the request."""

    type: str = "about:blank"
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(examples=["contact.email: 'ada' is no e-mail address: it has no @"])
    path: str | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": said["description"]} for status, said in FAILURES.items()
}
PROBLEMS[HTTPStatus.CONFLICT.value] = {"model": Problem, "description": "It is there already."}


def v1_router(tag: str) -> APIRouter:
    """A router below `/v1` that answers with problems what cannot be done."""
    return json_router(f"v1 {tag}", PROBLEMS, prefix=PREFIX)


class Identity(Strict):
    """By what a contact is known."""

    kind: str = Field(examples=["external_id"])
    value: str = Field(examples=["u-1"])


class Subscription(BaseModel):
    """A contact's status on a list."""

    list_id: str = Field(examples=["news"])
    status: str = Field(examples=["active"])
    created_at: datetime | None
    updated_at: datetime | None


class Contact(BaseModel):
    """A contact. `name` is the first and the last name; `fields` are all others that have a value, custom ones too."""

    email: str | None = Field(examples=["ada@example.com"])
    phone: str | None
    name: str | None = Field(examples=["Ada Lovelace"])
    tags: list[str]
    fields: dict[str, Any]
    subscriptions: list[Subscription]
    segments: list[str] = Field(description="Ids of the segments that it is in, as last computed.")
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, record: ContactRecord) -> Contact:
        """A contact as it is kept."""
        fields = record.fields
        names = [str(fields[name]) for name in NAMES if fields[name] is not None]
        return cls.model_validate(
            {
                "email": fields["email"],
                "phone": fields["phone"],
                "name": " ".join(names) or None,
                "tags": record.tags,
                "fields": {name: fields[name] for name in fields if fields[name] is not None and name not in _APART},
                "subscriptions": [
                    Subscription.model_validate(one, from_attributes=True) for one in record.subscriptions
                ],
                "segments": record.segment_ids,
                "created_at": fields["created_at"],
                "updated_at": fields["updated_at"],
            }
        )


NAMES = ("first_name", "last_name")
_APART = frozenset({"email", "phone", "created_at", "updated_at"})

ContactKey = Annotated[
    str,
    Path(
        description="An e-mail, or kind:value such as phone:+4930123456; a text without @ and : is an external id.",
        examples=["ada@example.com"],
    ),
]


def address_of(key: str) -> Address:
    """The contact that a path names."""
    kind, colon, value = key.partition(":")
    if colon and "@" not in kind:
        return {"kind": kind, "value": value}
    return key if "@" in key else {"kind": "external_id", "value": key}


class ContactValues(Strict):
    """A contact to be created or changed: what is given is set, null removes a value, what is absent stays."""

    email: str | None = Field(default=None, examples=["ada@example.com"])
    phone: str | None = None
    name: str | None = Field(
        default=None, description="Up to its last space the first name, then the last.", examples=["Ada Lovelace"]
    )
    tags: list[str] | None = Field(default=None, examples=[["vip"]])
    fields: dict[str, Any] = Field(default={}, description="All other fields, by name.", examples=[{"country": "GB"}])
    identities: list[Identity] | None = None

    def document(self, *, known_as: Address | None = None) -> dict[str, Any]:
        """The same as an upsert takes it, with a further identity. Raises: InvalidWriteError."""
        twice = sorted({"email", "phone", "tags", "identities"} & set(self.fields))
        if twice:
            raise InvalidWriteError(f"fields.{twice[0]}", "stands beside fields, not in them")
        if self.name is not None and set(NAMES) & set(self.fields):
            raise InvalidWriteError("name", "is given beside first_name or last_name; give one or the other")
        given = self.model_dump(include={"email", "phone", "tags"}, exclude_unset=True)
        if "name" in self.model_fields_set:
            first, _, last = (self.name or "").strip().rpartition(" ")
            given |= {"first_name": first or last or None, "last_name": (last or None) if first else None}
        identities: list[Any] = [item.model_dump() for item in self.identities or ()]
        if known_as is not None:
            identities.append({"kind": "email", "value": known_as} if isinstance(known_as, str) else dict(known_as))
        return {**self.fields, **given, **({"identities": identities} if identities else {})}
