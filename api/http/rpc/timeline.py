"""`/api/timeline.*`: what happened to a contact."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.authentication import Reader
from api.http.cursors import next_cursor, place_in_timeline_of
from api.http.rpc.shapes import Email, WorkspaceId, rpc_router
from engine.execute.timeline_pages import TimelineEntry

MOST_LISTED, LISTED = 100, 50

TAG = {"name": "timeline", "description": "What happened to a contact."}

router = rpc_router("timeline")


class Entry(BaseModel):
    """One thing that happened. `created_at` is when it did, `db_created_at` when populace was told."""

    id: str
    email: str
    operation: str | None
    entity_type: str | None
    kind: str = Field(examples=["open_email"])
    changes: Any
    entity_id: str | None
    entity_data: Any
    created_at: datetime
    db_created_at: datetime | None

    @classmethod
    def of(cls, email: str, entry: TimelineEntry) -> Entry:
        """An entry as it is kept."""
        return cls(
            id=entry.id or entry.number,
            email=email,
            operation=entry.operation,
            entity_type=entry.entity_type,
            kind=entry.kind,
            changes=entry.changes,
            entity_id=entry.entity_id,
            entity_data=entry.properties,
            created_at=entry.occurred_at,
            db_created_at=entry.ingested_at,
        )


class Timeline(BaseModel):
    """A page of what happened, latest first; `next_cursor` leads on, null on the last page."""

    timeline: list[Entry]
    next_cursor: str | None


@router.get("/timeline.list")
def list_timeline(
    workspace_id: WorkspaceId,
    email: Email,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
    cursor: str | None = None,
) -> Timeline:
    """What happened to a contact, latest first."""
    workspace = caller.workspace(workspace_id)
    page = workspace.timeline(email, before=place_in_timeline_of(cursor), limit=limit)
    entries = [Entry.of(email, entry) for entry in page.entries]
    return Timeline(timeline=entries, next_cursor=next_cursor(page.next_before))
