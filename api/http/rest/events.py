"""`/v1/events`: what happened, one event or a stream of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import orjson
from anyio import to_thread
from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.http.authentication import Writer
from api.http.gate import Limits
from api.http.idempotency import Attempt, IdempotencyKey, Keys, hash_of
from api.http.rest.shapes import v1_router
from engine.errors import InvalidWriteError
from ingest.workspace import Workspace
from ingest.writes.write import Outcome, Written

PATH = "/events"
NDJSON = ("application/x-ndjson", "application/jsonl", "application/ndjson")
MOST_AT_ONCE = 5_000
MOST_LINE_BYTES = 1 << 20
MOST_FAILURES = 1_000

TAG = {"name": "v1 events", "description": "What happened to contacts."}

router = v1_router("events")


class FailedEvent(BaseModel):
    """An event that was not recorded, by its place in the request."""

    index: int
    error: str


class RecordedEvents(BaseModel):
    """What became of the events: `failed` names the first 1,000 that were not recorded."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed_count: int = 0
    failed: list[FailedEvent] = []


_EVENT = {"email": "ada@example.com", "kind": "open_email", "occurred_at": "2026-05-01T10:00:00Z", "id": "e-1"}
_CUSTOM = {
    "email": "ada@example.com",
    "event_name": "shop.order",
    "external_id": "o-1",
    "occurred_at": "2026-05-01T10:00:00Z",
}
_BODY = {
    "description": "An event, an array of events, or (application/x-ndjson) one event per line, of any number. "
    "One with event_name is a custom event: see docs/events.md.",
    "required": True,
    "content": {
        "application/json": {
            "schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]},
            "examples": {"event": {"value": _EVENT}, "several": {"value": [_EVENT, _CUSTOM]}},
        },
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}


@router.post(PATH, openapi_extra={"requestBody": _BODY}, response_model=RecordedEvents)
async def record_events(request: Request, caller: Writer, idempotency_key: IdempotencyKey = None) -> Response:
    """Record events; each that is recorded is durable when the answer comes, one that is not valid fails alone.

    A single event that is not valid is refused. With an id of its own an event can be sent again: it counts once. So
    does one without, in a request with an `Idempotency-Key`: it gets an id by the key and its place.
    """
    workspace = await to_thread.run_sync(caller.workspace)
    ids = None if idempotency_key is None else f"once-{hash_of(caller.token.id, idempotency_key).hex()[:32]}"
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    recorded = RecordedEvents()
    if media_type in NDJSON:
        async for first, lines in _line_groups(request):
            await to_thread.run_sync(_record_lines, workspace, lines, first, ids, recorded)
    elif media_type == "application/json":
        try:
            given = orjson.loads(await _whole_body(request))
        except orjson.JSONDecodeError as error:
            raise InvalidWriteError("body", f"is no JSON: {error}") from None
        keys: Keys = request.app.state.keys
        once = keys.once(caller.token.id, idempotency_key, ["events", given])
        await to_thread.run_sync(_record_once, workspace, given, ids, recorded, once)
    else:
        problem = f"send application/json or application/x-ndjson, not {media_type}"
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, problem)
    recorded.failed.sort(key=lambda item: item.index)
    return Response(recorded.model_dump_json(), media_type="application/json")


async def _whole_body(request: Request) -> bytes:
    """The body, where it has to be in memory as a whole. Raises: HTTPException for one that is too large."""
    limits: Limits = request.app.state.limits
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limits.body_bytes:
            problem = f"the body is larger than {limits.body_bytes:,} bytes; send lines, as application/x-ndjson"
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem)
    return bytes(body)


async def _line_groups(request: Request) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Lines of the body, many at a time, each group with the number of its first line. Empty lines count."""
    rest, lines, first = b"", list[bytes](), 0
    async for part in request.stream():
        *whole, rest = (rest + part).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"line {first + len(lines)} is too long")
        lines += whole
        while len(lines) >= MOST_AT_ONCE:
            yield first, lines[:MOST_AT_ONCE]
            first, lines = first + MOST_AT_ONCE, lines[MOST_AT_ONCE:]
    if rest:
        lines.append(rest)
    if lines:
        yield first, lines


def _record_lines(
    workspace: Workspace, lines: Sequence[bytes], first: int, ids: str | None, recorded: RecordedEvents
) -> None:
    events, places = [], []
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        try:
            events.append(_with_id(orjson.loads(line), ids, number))
            places.append(number)
        except orjson.JSONDecodeError as error:
            _fail(recorded, number, f"is no JSON: {error}")
    _record(workspace, events, places, recorded)


def _record_once(
    workspace: Workspace, given: Any, ids: str | None, recorded: RecordedEvents, once: AbstractContextManager[Attempt]
) -> None:
    """Record what was given; ids make that the same events count once. Raises: KeyReusedError for others."""
    with once as attempt:
        _record_given(workspace, given, ids, recorded)
        attempt.status = HTTPStatus.OK


def _record_given(workspace: Workspace, given: Any, ids: str | None, recorded: RecordedEvents) -> None:
    """Raises: what a single event is refused with."""
    if isinstance(given, list):
        events = [_with_id(event, ids, number) for number, event in enumerate(given)]
        _record(workspace, events, range(len(given)), recorded)
        return
    event = _with_id(given, ids, 0)
    _count(recorded, workspace.events.record_custom(event) if _is_custom(event) else workspace.events.record(event))


def _with_id(event: Any, ids: str | None, number: int) -> Any:
    """An event with an id by its place, if it has none, and there is to be one. Custom events have their own."""
    if ids is None or not isinstance(event, dict) or _is_custom(event) or event.get("id") is not None:
        return event
    return {**event, "id": f"{ids}-{number}"}


def _record(workspace: Workspace, events: Sequence[Any], places: Sequence[int], recorded: RecordedEvents) -> None:
    """Record events of both sorts; of one sort they are recorded in order."""
    for is_custom in (False, True):
        numbers = [number for number, event in enumerate(events) if _is_custom(event) is is_custom]
        some = [events[number] for number in numbers]
        if not some:
            continue
        record = workspace.events.record_custom_many if is_custom else workspace.events.record_many
        written: list[Written] = record(some)
        for number, one in zip(numbers, written, strict=True):
            if one.error is None:
                _count(recorded, one.outcome)
            else:
                # The path of an error names the event by its place among those of its sort: that is not the caller's.
                _fail(recorded, places[number], str(one.error).partition("]")[2].lstrip(".: ") or str(one.error))


def _is_custom(event: object) -> bool:
    return isinstance(event, dict) and "event_name" in event


def _count(recorded: RecordedEvents, outcome: Outcome) -> None:
    name = {Outcome.CREATED: "created", Outcome.UNCHANGED: "unchanged"}.get(outcome, "updated")
    setattr(recorded, name, getattr(recorded, name) + 1)


def _fail(recorded: RecordedEvents, number: int, problem: str) -> None:
    recorded.failed_count += 1
    if len(recorded.failed) < MOST_FAILURES:
        recorded.failed.append(FailedEvent(index=number, error=problem))
