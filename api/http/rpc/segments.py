"""`/api/segments.*`: the segments of a workspace, what they would find, and who is in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.rpc.shapes import Asked, WorkspaceId, rpc_router
from api.http.rpc.shapes import Success as Done
from api.http.shapes import TREE_EXAMPLE
from engine.definition import Segment, read_segment
from engine.errors import InvalidWriteError
from ingest.segment_methods import SegmentState
from ingest.workspace import Workspace

MOST_EMAILS, EMAILS = 1_000, 50
MOST_PREVIEWED, PREVIEWED = 100, 10
PREVIEW_ID = "preview"

TAG = {"name": "segments", "description": "Definitions, what they would find, and who is in them."}

router = rpc_router("segments")


class SegmentObject(BaseModel):
    """A segment.

    `recompute_after`: when time alone may next move somebody, null where that is not known; memberships follow it.
    """

    id: str = Field(examples=["british"])
    name: str
    color: str | None
    tree: dict[str, Any] = Field(examples=[TREE_EXAMPLE])
    timezone: str
    version: int
    status: Literal["active", "building", "deleted"]
    failure: str | None = Field(description="Why it could not be computed; its members are then those of before.")
    generated_sql: str | None = Field(description="The definition in SQL; of a single segment only.")
    generated_args: list[Any]
    recompute_after: datetime | None
    db_created_at: datetime
    db_updated_at: datetime
    users_count: int | None = Field(description="How many members it has; null until it is computed.")


class SaveSegment(Asked):
    """A segment with all that it is to be."""

    id: str = Field(examples=["british"], description="1 to 64 characters of a-z 0-9 _ -")
    name: str | None = Field(default=None, examples=["British"])
    color: str | None = None
    tree: dict[str, Any] = Field(examples=[TREE_EXAMPLE])
    timezone: str | None = Field(default=None, examples=["Europe/London"])


class UpdateSegment(Asked):
    """What is to be changed of a segment; what is absent stays."""

    id: str
    name: str | None = None
    color: str | None = None
    tree: dict[str, Any] | None = None
    timezone: str | None = None


class SegmentId(Asked):
    """A segment, named."""

    segment_id: str


class DeleteSegment(Asked):
    """A segment to be deleted."""

    id: str


class PreviewSegment(Asked):
    """A definition to be tried out."""

    tree: dict[str, Any] = Field(examples=[TREE_EXAMPLE])
    timezone: str | None = None
    limit: int = Field(default=PREVIEWED, ge=0, le=MOST_PREVIEWED)


class OneSegment(BaseModel):
    """A segment."""

    segment: SegmentObject


class AllSegments(BaseModel):
    """All segments, in order of id."""

    segments: list[SegmentObject]


class Preview(BaseModel):
    """Whom a definition finds now: how many, and some of them."""

    emails: list[str]
    total_count: int
    limit: int
    generated_sql: str
    sql_args: list[Any]


class Rebuilt(Done):
    """What was computed."""

    message: str


class SegmentEmails(BaseModel):
    """Some members of a segment, in order of e-mail."""

    emails: list[str]
    limit: int
    offset: int


@router.post("/segments.create", status_code=201)
def create_segment(body: SaveSegment, caller: Writer) -> OneSegment:
    """Make a segment; its members are there a moment later."""
    workspace = caller.workspace(body.workspace_id)
    segment = _segment(workspace, body.model_dump(exclude={"workspace_id"}, exclude_none=True))
    with workspace.defining:
        if any(state.segment.id == body.id for state in workspace.segments()):
            raise InvalidWriteError("id", f"segment {body.id!r} is there already; change it with segments.update")
        workspace.apply([segment])
    return OneSegment(segment=_shown(workspace, workspace.segment(body.id)))


@router.get("/segments.get")
def get_segment(workspace_id: WorkspaceId, id: str, caller: Reader) -> OneSegment:  # noqa: A002 (the word of the wire)
    """One segment, with its SQL."""
    workspace = caller.workspace(workspace_id)
    return OneSegment(segment=_shown(workspace, workspace.segment(id)))


@router.get("/segments.list")
def list_segments(workspace_id: WorkspaceId, caller: Reader, with_count: bool = False) -> AllSegments:
    """All segments; with their sizes if `with_count`."""
    workspace = caller.workspace(workspace_id)
    shown = [_shown(workspace, state, has_sql=False, has_count=with_count) for state in workspace.segments()]
    return AllSegments(segments=shown)


@router.post("/segments.update")
def update_segment(body: UpdateSegment, caller: Writer) -> OneSegment:
    """Change what is given of a segment; its members follow a moment later."""
    workspace = caller.workspace(body.workspace_id)
    given = body.model_dump(exclude={"workspace_id"}, exclude_unset=True)
    new = {name: value for name, value in given.items() if value is not None or name == "color"}
    with workspace.defining:
        known = workspace.segment(body.id).segment
        old = {"id": known.id, "name": known.name, "color": known.color, "timezone": known.timezone, "tree": known.wire}
        workspace.apply([_segment(workspace, {**old, **new})])
    return OneSegment(segment=_shown(workspace, workspace.segment(body.id)))


@router.post("/segments.delete")
def delete_segment(body: DeleteSegment, caller: Admin) -> Done:
    """Delete a segment; its members leave it."""
    caller.workspace(body.workspace_id).delete_segment(body.id)
    return Done()


@router.post("/segments.preview")
def preview_segment(body: PreviewSegment, caller: Reader) -> Preview:
    """Whom a definition finds now; nothing is kept."""
    workspace = caller.workspace(body.workspace_id)
    given = {"id": PREVIEW_ID, "tree": body.tree, **({} if body.timezone is None else {"timezone": body.timezone})}
    segment = _segment(workspace, given)
    (found,) = workspace.preview([segment], sample_size=body.limit).segments
    if found.failure is not None:
        raise InvalidWriteError("tree", found.failure)
    return Preview(
        emails=list(found.sample),
        total_count=found.size,
        limit=body.limit,
        generated_sql=workspace.sql_of([segment], dialect="duckdb"),
        sql_args=[],
    )


@router.post("/segments.rebuild")
def rebuild_segment(body: SegmentId, caller: Writer) -> Rebuilt:
    """Compute a segment now, looking at everybody: memberships follow by themselves, so there is seldom a need."""
    workspace = caller.workspace(body.workspace_id)
    workspace.segment(body.segment_id)
    workspace.recompute(in_full=True)
    size = workspace.segment(body.segment_id).size or 0
    return Rebuilt(message=f"segment {body.segment_id} was computed: {size:,} members")


@router.get("/segments.contacts")
def list_segment_contacts(
    workspace_id: WorkspaceId,
    segment_id: str,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=MOST_EMAILS)] = EMAILS,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> SegmentEmails:
    """E-mails of the members of a segment, as last computed."""
    emails = caller.workspace(workspace_id).member_emails(segment_id, limit=limit, offset=offset)
    return SegmentEmails(emails=list(emails), limit=limit, offset=offset)


def _segment(workspace: Workspace, given: dict[str, Any]) -> Segment:
    """What a request means. Raises: DefinitionError."""
    return read_segment(given, default_timezone=workspace.timezone, fields=workspace.fields.of_definitions)


def _shown(workspace: Workspace, state: SegmentState, *, has_sql: bool = True, has_count: bool = True) -> SegmentObject:
    segment = state.segment
    return SegmentObject(
        id=segment.id,
        name=segment.name,
        color=segment.color,
        tree=segment.wire,
        timezone=segment.timezone,
        version=state.version,
        status="active" if state.status in {"computed", "failed"} else "building",
        failure=state.failure,
        generated_sql=workspace.sql_of([segment], dialect="duckdb") if has_sql else None,
        generated_args=[],
        recompute_after=workspace.next_change_at,
        db_created_at=state.created_at,
        db_updated_at=state.applied_at,
        users_count=state.size if has_count else None,
    )
