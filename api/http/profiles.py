"""Face B: `/v2/*`, profiles changed by operations, for clients of platforms that speak so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.authentication import Reader, Writer
from api.http.json_route import json_router
from api.http.shapes import FAILURES, Strict
from engine.definition.fields import CONTACT_FIELDS, JSON_FIELDS
from ingest.values import RefusedValueError
from ingest.writes.contact_document import reader_of
from ingest.writes.write import Outcome

MOST_CONTACTS = 50
_UNSET = "$unset"

TAG = {"name": "v2", "description": "Profiles changed by operations, by external id."}


class ProfileFailure(BaseModel):
    """What went wrong: where, what, and what to do."""

    statusCode: int  # noqa: N815 (the word of the wire)
    success: bool = False
    error: str


router = json_router(
    "v2",
    {status: {"model": ProfileFailure, "description": said["description"]} for status, said in FAILURES.items()},
    prefix="/v2",
)


class ProfileChange(Strict):
    """Operations on one profile: $set, $unset, $inc, $push and others, each by path (docs/contacts.md)."""

    id: str = Field(description="What your application calls the contact.", examples=["u-1"])
    profile: dict[str, Any] = Field(
        examples=[{"$set": {"email": "ada@example.com", "firstName": "Ada"}, "$inc": {"visits": 1}}]
    )
    createdAt: str | None = Field(default=None, examples=["2026-05-01T10:00:00Z"])  # noqa: N815


class UpsertProfiles(Strict):
    """Profiles to be changed; who is not a contact yet becomes one."""

    contacts: list[ProfileChange] = Field(min_length=1, max_length=MOST_CONTACTS)


class UpsertedProfiles(BaseModel):
    """The ids of those that are new, of those that were there, and of those whose operations are not valid."""

    statusCode: int = HTTPStatus.OK.value  # noqa: N815
    success: bool = True
    inserted: list[str]
    updated: list[str]
    failed: list[str]


class ProfileObject(BaseModel):
    """A contact: `profile` has free keys as they came, and the fields in camel case."""

    id: str
    externalId: str  # noqa: N815
    project: str
    profile: dict[str, Any]
    stats: dict[str, dict[str, int]] = Field(description="Messages sent, by year and month (UTC).")
    createdAt: datetime | None  # noqa: N815


@router.post("/contacts.upsert")
def upsert_profiles(body: UpsertProfiles, caller: Writer) -> UpsertedProfiles:
    """Change profiles, each by all of its operations or by none. Keys that name a field change that, too."""
    changes = [
        {"contact": item.id, "operations": _with_fields(item.profile), "created_at": item.createdAt}
        for item in body.contacts
    ]
    done = UpsertedProfiles(inserted=[], updated=[], failed=[])
    for item, written in zip(body.contacts, caller.workspace().upsert_profiles(changes), strict=True):
        ids = done.inserted if written.outcome is Outcome.CREATED else done.updated
        (done.failed if written.error is not None else ids).append(item.id)
    return done


@router.get("/contacts.info")
def read_profile(
    id: Annotated[str, Query(description="What your application calls the contact.")],  # noqa: A002
    caller: Reader,
) -> ProfileObject:
    """One contact by its external id."""
    workspace, address = caller.workspace(), {"kind": "external_id", "value": id}
    fields = workspace.record(address).fields
    kept = fields["profile"] if isinstance(fields["profile"], dict) else {}
    shown = {_camel_case(name): fields[name] for name in CONTACT_FIELDS if name not in _NOT_SHOWN}
    profile = {name: value for name, value in shown.items() if value is not None}
    own = {name: value for name, value in kept.items() if _is_so_still(name, value, fields)}
    return ProfileObject.model_validate(
        {
            "id": id,
            "externalId": fields["external_id"],
            "project": caller.token.workspace_id,
            "profile": {**profile, **own},
            "stats": workspace.message_statistics(address),
            "createdAt": fields["created_at"],
        }
    )


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


_NOT_SHOWN = frozenset({"external_id", "created_at", "updated_at", "profile"})
_FIELD_OF_KEY = {_camel_case(name): name for name in CONTACT_FIELDS if name not in {*_NOT_SHOWN, *JSON_FIELDS}}


def _with_fields(operations: dict[str, Any]) -> dict[str, Any]:
    """The operations with those on keys that name a field done twice: on the free key as it came, and on the field."""
    found: dict[str, Any] = {}
    for operator, arguments in operations.items():
        if isinstance(arguments, list) and operator == _UNSET:
            found[operator] = [place for key in arguments for place in _places(key)]
        elif isinstance(arguments, dict):
            found[operator] = {place: value for key, value in arguments.items() for place in _places(key)}
        else:
            found[operator] = arguments
    return found


def _is_so_still(key: str, given: object, fields: Mapping[str, object]) -> bool:
    """Whether a free key is as it came: one that names a field may have been changed by somebody else since."""
    name = _FIELD_OF_KEY.get(key)
    if name is None:
        return True
    now = fields[name]
    try:
        return bool(reader_of(name, {})(given) == (now.replace(tzinfo=None) if isinstance(now, datetime) else now))
    except RefusedValueError:
        return False


def _places(key: Any) -> list[Any]:
    field = _FIELD_OF_KEY.get(key) if isinstance(key, str) else None
    return [key] if field is None else [f"profile.{key}", field]
