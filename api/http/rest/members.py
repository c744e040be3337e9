"""`/v1/segments/{id}/members` and `/v1/memberships`: who is in which segment, as last computed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.http.authentication import Reader
from api.http.rest.shapes import ContactKey, address_of, v1_router
from api.http.shapes import Strict
from api.http.streams import Format, StreamedRows
from engine.execute.members import EMAIL_SCHEMA

MOST_ASKED = 1_000

TAG = {"name": "v1 members", "description": "Who is in which segment, as last computed."}

router = v1_router("members")

SegmentId = Annotated[str, Path(description="Id of the segment.", examples=["british"])]


class IsMember(BaseModel):
    """Whether a contact is in a segment, as it was computed at `as_of`."""

    is_member: bool
    as_of: datetime | None


class AskMemberships(Strict):
    """Contacts, each an e-mail or kind:value, and the segments that matter; all if none are given."""

    contacts: list[str] = Field(min_length=1, max_length=MOST_ASKED, examples=[["ada@example.com"]])
    segments: list[str] | None = Field(default=None, max_length=MOST_ASKED, examples=[["british"]])


class MembershipsOfContact(BaseModel):
    """The segments that a contact is in; null for who is no contact."""

    contact: str
    segments: list[str] | None


class Memberships(BaseModel):
    """The segments of each contact, in the order asked."""

    memberships: list[MembershipsOfContact]


@router.get("/segments/{segment_id}/members", response_class=StreamingResponse)
def read_members(
    segment_id: SegmentId,
    caller: Reader,
    format: Annotated[Format, Query(description="csv, json, jsonl, arrow or parquet.")] = "json",  # noqa: A002
    as_of: Annotated[str | None, Query(description="Evaluate at this instant instead; RFC 3339.")] = None,
) -> StreamingResponse:
    """The e-mails of all members, in order."""
    return StreamedRows(EMAIL_SCHEMA, caller.workspace().member_batches(segment_id, as_of=as_of), format)


@router.get("/segments/{segment_id}/members/{key}")
async def read_membership(segment_id: SegmentId, key: ContactKey, caller: Reader) -> IsMember:
    """Whether one contact is in a segment, as last computed."""
    address, workspace = address_of(key), caller.open_workspace()
    # What is known in memory is said at once: a thread for it would cost more than the answer.
    found = None if workspace is None else workspace.known_membership(address, segment_id)
    if found is None:
        found = await to_thread.run_sync(lambda: caller.workspace().membership(address, segment_id))
    return IsMember(is_member=found.is_member, as_of=found.as_of)


@router.post("/memberships")
def read_memberships(body: AskMemberships, caller: Reader) -> Memberships:
    """The segments of many contacts at once."""
    found = caller.workspace().memberships([address_of(key) for key in body.contacts], body.segments)
    return Memberships(
        memberships=[
            MembershipsOfContact(contact=key, segments=None if ids is None else list(ids))
            for key, ids in zip(body.contacts, found, strict=True)
        ]
    )
