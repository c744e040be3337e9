"""`/v1/transitions`: who entered and left, to be followed by number without missing one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.http.authentication import Reader
from api.http.rest.shapes import v1_router
from ingest.workspace import Workspace

PATH = "/transitions"
STREAM_PATH = "/transitions/stream"
MOST_AT_ONCE, AT_ONCE = 10_000, 1_000
MOST_WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.05
HEARTBEAT_SECONDS = 15.0

TAG = {"name": "v1 transitions", "description": "Who entered and left which segment, when and why."}

router = v1_router("transitions")

After = Annotated[int, Query(ge=0, le=2**62, description="The number of the last transition that you have.")]
SegmentIds = Annotated[list[str] | None, Query(alias="segment", description="Of these segments alone.")]


class Transitions(BaseModel):
    """Transitions in order; ask again with `after=next_after`. Columns: see docs/transitions.md."""

    transitions: list[dict[str, Any]]
    next_after: int


@router.get(PATH)
async def read_transitions(
    caller: Reader,
    after: After = 0,
    segment: SegmentIds = None,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = AT_ONCE,
    wait_seconds: Annotated[float, Query(ge=0, le=MOST_WAIT_SECONDS, description="Wait so long for the next.")] = 0.0,
) -> Transitions:
    """The transitions after a number, none skipped; if there are none yet, wait for some."""
    workspace = await to_thread.run_sync(caller.workspace)
    until = time.monotonic() + wait_seconds
    while True:
        epoch = workspace.transition_epoch
        found, next_after = await to_thread.run_sync(_read, workspace, after, segment, limit)
        if found or time.monotonic() >= until:
            return Transitions(transitions=found, next_after=next_after)
        while workspace.transition_epoch == epoch and time.monotonic() < until:
            await asyncio.sleep(LOOK_SECONDS)


@router.get(STREAM_PATH, response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def stream_transitions(
    request: Request, caller: Reader, after: After = 0, segment: SegmentIds = None
) -> StreamingResponse:
    """The same as server-sent events, without end: `id` is the number, which a client that comes back sends along."""
    workspace = await to_thread.run_sync(caller.workspace)
    last_seen = request.headers.get("last-event-id", "")
    begin = int(last_seen) if last_seen.isascii() and last_seen.isdigit() else after
    # Asked once before the answer begins: an unknown segment is an error then, not a broken stream.
    await to_thread.run_sync(_read, workspace, begin, segment, 1)
    return StreamingResponse(_events(workspace, begin, segment), media_type="text/event-stream")


async def _events(workspace: Workspace, after: int, segment_ids: list[str] | None) -> AsyncIterator[bytes]:
    said_at = time.monotonic()
    while True:
        epoch = workspace.transition_epoch
        found, after = await to_thread.run_sync(_read, workspace, after, segment_ids, AT_ONCE)
        for row in found:
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (row["sequence"], row["change"].encode(), _json(row))
        if found:
            said_at = time.monotonic()
            continue
        while workspace.transition_epoch == epoch:
            if time.monotonic() - said_at > HEARTBEAT_SECONDS:
                yield b": still here\n\n"
                said_at = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)


def _read(
    workspace: Workspace, after: int, segment_ids: list[str] | None, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """Transitions after a number, and the number to go on from: past those of other segments, too."""
    last = workspace.last_transition()
    batches = workspace.transition_batches(after=after, segment_ids=segment_ids, limit=limit)
    rows = [row for batch in batches for row in batch.to_pylist()]
    if len(rows) >= limit:
        return rows, int(rows[-1]["sequence"])
    return rows, max([after, last, *(int(row["sequence"]) for row in rows[-1:])])


def _json(row: dict[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_UTC_Z)
