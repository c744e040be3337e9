"""`/v1/segments`: definitions, what they would find, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import BaseModel, Field

from api.documents.explanation import explanation_as_json
from api.documents.plan import plan_as_json
from api.http.authentication import Admin, Reader, Writer
from api.http.rest.shapes import ContactKey, address_of, v1_router
from api.http.shapes import TREE_EXAMPLE, Strict
from engine.definition import Segment, read_segment
from engine.storage.segments import Change
from ingest.segment_methods import SegmentState
from ingest.workspace import Workspace

TAG = {"name": "v1 segments", "description": "Definitions, what they would find, and why."}

router = v1_router("segments")

PLAN_PATH = "/segments/plan"
PREVIEW_ID = "preview"

SegmentId = Annotated[str, Path(description="Id of the segment.", examples=["british"])]


class SegmentResource(BaseModel):
    """A segment, and its members as last computed.

    `status`: `new` was not computed yet, `outdated` has the members of an earlier version, `failed` those of before it
    failed, `computed` those of this version.
    """

    id: str
    name: str
    color: str | None
    timezone: str
    tree: dict[str, Any]
    version: int
    created_at: datetime
    applied_at: datetime
    status: str
    size: int | None
    as_of: datetime | None
    failure: str | None

    @classmethod
    def of(cls, state: SegmentState) -> SegmentResource:
        """A segment as it is kept."""
        segment = state.segment
        labels = {"id": segment.id, "name": segment.name, "color": segment.color, "timezone": segment.timezone}
        rest = ("version", "created_at", "applied_at", "status", "size", "as_of", "failure")
        return cls.model_validate({**labels, "tree": segment.wire, **{name: getattr(state, name) for name in rest}})


class AllSegments(BaseModel):
    """All segments, in order of id."""

    segments: list[SegmentResource]


class SegmentValues(Strict):
    """What a segment is to be."""

    name: str | None = Field(default=None, examples=["British"])
    color: str | None = None
    timezone: str | None = Field(default=None, description="IANA, or contact for each contact's own.")
    tree: dict[str, Any] = Field(examples=[TREE_EXAMPLE])


class NamedSegment(SegmentValues):
    """A segment with its id."""

    id: str = Field(examples=["british"])


class PreviewSegment(Strict):
    """A definition to be tried out, now or at an instant that has passed."""

    tree: dict[str, Any] = Field(examples=[TREE_EXAMPLE])
    timezone: str | None = None
    as_of: str | None = Field(default=None, examples=["2026-05-01T10:00:00Z"])
    sample_size: int = Field(default=10, ge=0, le=1_000)


class Preview(BaseModel):
    """Whom a definition finds; `is_exact`: whether contacts are known as they were then."""

    as_of: datetime
    is_exact: bool
    contact_count: int
    size: int
    sample: list[str]
    failure: str | None


class PlanSegments(Strict):
    """Segments to be looked at before they are applied."""

    segments: list[NamedSegment] = Field(min_length=1, max_length=1_000)
    sample_size: int = Field(default=5, ge=0, le=100)


@router.get("/segments")
def list_segments(caller: Reader) -> AllSegments:
    """All segments."""
    return AllSegments(segments=[SegmentResource.of(state) for state in caller.workspace().segments()])


@router.post("/segments/preview")
def preview_segment(body: PreviewSegment, caller: Reader) -> Preview:
    """Whom a definition would find; nothing is kept."""
    workspace = caller.workspace()
    segment = _read(workspace, PREVIEW_ID, body.model_dump(include={"tree", "timezone"}, exclude_none=True))
    found = workspace.preview([segment], as_of=body.as_of, sample_size=body.sample_size)
    (one,) = found.segments
    return Preview(
        as_of=found.as_of,
        is_exact=found.is_exact,
        contact_count=found.contact_count,
        size=one.size,
        sample=list(one.sample),
        failure=one.failure,
    )


@router.post(PLAN_PATH)
def plan_segments(body: PlanSegments, caller: Reader) -> dict[str, Any]:
    """Who would enter and leave if these segments were applied now; nothing is stored."""
    workspace = caller.workspace()
    read = [_read(workspace, item.id, item.model_dump(exclude={"id"}, exclude_none=True)) for item in body.segments]
    return plan_as_json(workspace.plan(read, sample_size=body.sample_size))


@router.get("/segments/{segment_id}")
def read_one_segment(segment_id: SegmentId, caller: Reader) -> SegmentResource:
    """One segment."""
    return SegmentResource.of(caller.workspace().segment(segment_id))


@router.put(
    "/segments/{segment_id}",
    status_code=201,
    responses={200: {"model": SegmentResource, "description": "It was there already."}},
)
def save_segment(segment_id: SegmentId, body: SegmentValues, caller: Writer, response: Response) -> SegmentResource:
    """Make a segment, or give one another definition; its members follow a moment later."""
    workspace = caller.workspace()
    (applied,) = workspace.apply([_read(workspace, segment_id, body.model_dump(exclude_none=True))])
    if applied.change is not Change.NEW:
        response.status_code = 200
    return SegmentResource.of(workspace.segment(segment_id))


@router.delete("/segments/{segment_id}", status_code=204)
def delete_segment(segment_id: SegmentId, caller: Admin) -> None:
    """Delete a segment; its members leave it."""
    caller.workspace().delete_segment(segment_id)


@router.get("/segments/{segment_id}/explain/{key}")
def explain_membership(
    segment_id: SegmentId,
    key: ContactKey,
    caller: Reader,
    as_of: Annotated[str | None, Query(description="RFC 3339; now if absent.")] = None,
) -> dict[str, Any]:
    """Why a contact is in a segment or not, what would change it, and when it changes if nothing else happens."""
    return explanation_as_json(caller.workspace().explain(segment_id, address_of(key), as_of=as_of))


def _read(workspace: Workspace, segment_id: str, given: dict[str, Any]) -> Segment:
    """What a request means. Raises: DefinitionError."""
    document = {"id": segment_id, **given}
    return read_segment(document, default_timezone=workspace.timezone, fields=workspace.fields.of_definitions)
