"""`populace.Client`: a server over HTTP as Python has it, with retries that do nothing twice."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson
import polars as pl
import stamina

from engine.errors import CallerError, PopulaceError

TIMEOUT_SECONDS = 60.0
ATTEMPTS = 6
RETRY_SECONDS = 45.0
CONTACTS_AT_ONCE = 1_000
EVENTS_AT_ONCE = 5_000
MEMBERSHIPS_AT_ONCE = 1_000
TRANSITIONS_AT_ONCE = 1_000
WAIT_SECONDS = 30.0

_AGAIN = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class ServerError(PopulaceError):
    """A server did not do what it was asked. `status` is that of its answer, `path` where in the request it is."""

    def __init__(self, status: int, problem: str, path: str | None = None) -> None:
        self.status, self.path = status, path
        super().__init__(problem)


class Client:
    """Speaks with one workspace of a server, the one of the token. Close it, or use it in `with`. From any thread.

    What fails on the way, or because the server has too much to do, is tried again, a few times within 45 seconds; what
    changes something has a key, so that it is not done twice. Contacts are named by e-mail, `kind:value` (such as
    `phone:+4930123456`), or an external id. Raises: ServerError, httpx.TransportError when no answer comes.
    """

    def __init__(self, url: str, token: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        if not token:
            raise CallerError("token: is empty; make one with: populace token create")
        headers = {"authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    # --- contacts and events ------------------------------------------------------------------------------------------

    def upsert(self, contact: Mapping[str, object]) -> dict[str, Any]:
        """Create a contact, or change a known one: email, phone, name, tags, identities, and fields by name.

        What is None loses its value. The contact as it is then; durable when it returns.
        """
        return self._json("POST", "/v1/contacts", body=contact, once=True)

    def contact(self, key: str) -> dict[str, Any]:
        """One contact."""
        return self._json("GET", f"/v1/contacts/{_part(key)}")

    def contacts(self, *, filter: str | None = None) -> Iterator[dict[str, Any]]:  # noqa: A002 (as the server has it)
        """All contacts, newest first, or those that a filter finds: see docs/http.md."""
        cursor: str | None = None
        while True:
            page = self._json(
                "GET", "/v1/contacts", query={"filter": filter, "cursor": cursor, "limit": CONTACTS_AT_ONCE}
            )
            yield from page["contacts"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def erase(self, key: str) -> None:
        """Erase a contact with all that says who it was. Raises: ServerError with status 404 for nobody."""
        self._ask("DELETE", f"/v1/contacts/{_part(key)}", is_gone_done=True)

    def record(self, events: Mapping[str, object] | Iterable[Mapping[str, object]]) -> dict[str, Any]:
        """Record an event, or any number of them, each once: how many are new, and which were refused.

        The keys: created, updated, unchanged, failed_count, and failed, with index and error.
        """
        if isinstance(events, Mapping):
            return self._json("POST", "/v1/events", body=events, once=True)
        total: dict[str, Any] = {"created": 0, "updated": 0, "unchanged": 0, "failed_count": 0, "failed": []}
        waiting, first = iter(events), 0
        while some := [orjson.dumps(event, option=orjson.OPT_UTC_Z) for event in islice(waiting, EVENTS_AT_ONCE)]:
            headers = {"content-type": "application/x-ndjson", "idempotency-key": uuid.uuid4().hex}
            done = self._ask("POST", "/v1/events", content=b"\n".join(some), headers=headers).json()
            for name in ("created", "updated", "unchanged", "failed_count"):
                total[name] += done[name]
            total["failed"] += [{**item, "index": first + item["index"]} for item in done["failed"]]
            first += len(some)
        return total

    # --- segments -----------------------------------------------------------------------------------------------------

    def apply(self, segment_id: str, definition: Mapping[str, object]) -> dict[str, Any]:
        """Store a segment: `definition` has tree, and if wanted name, color, timezone."""
        return self._json("PUT", f"/v1/segments/{_part(segment_id)}", body=definition)

    def members(self, segment_id: str, *, as_of: datetime | str | None = None) -> pl.DataFrame:
        """The members of a segment, as last computed, or at an instant. Columns: email."""
        query = {"format": "arrow", "as_of": as_of.isoformat() if isinstance(as_of, datetime) else as_of}
        return _frame(self._ask("GET", f"/v1/segments/{_part(segment_id)}/members", query=query))

    def is_member(self, segment_id: str, key: str) -> bool:
        """Whether a contact is in a segment, as last computed."""
        found = self._json("GET", f"/v1/segments/{_part(segment_id)}/members/{_part(key)}")
        return bool(found["is_member"])

    def memberships(self, keys: Iterable[str], *, segments: Sequence[str] | None = None) -> dict[str, list[str] | None]:
        """The segments that each contact is in, of some or of all; None for who is no contact."""
        found: dict[str, list[str] | None] = {}
        waiting = iter(keys)
        while some := list(islice(waiting, MEMBERSHIPS_AT_ONCE)):
            body: dict[str, object] = {"contacts": some, "segments": None if segments is None else list(segments)}
            for item in self._json("POST", "/v1/memberships", body=body)["memberships"]:
                found[item["contact"]] = item["segments"]
        return found

    def explain(self, segment_id: str, key: str) -> dict[str, Any]:
        """Why a contact is in a segment, or not, and when that changes: see docs/explain.md."""
        return self._json("GET", f"/v1/segments/{_part(segment_id)}/explain/{_part(key)}")

    def transitions(
        self, *, after: int = 0, segments: Sequence[str] | None = None, follow: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Who entered and left after a number, in order; with `follow` without end, as it happens."""
        wait_seconds = WAIT_SECONDS if follow else 0
        query = {"segment": segments, "limit": TRANSITIONS_AT_ONCE, "wait_seconds": wait_seconds}
        while True:
            page = self._json("GET", "/v1/transitions", query={**query, "after": after})
            yield from page["transitions"]
            if not page["transitions"] and not follow:
                return
            after = page["next_after"]

    # --- SQL ----------------------------------------------------------------------------------------------------------

    def sql(
        self, query: str, parameters: Mapping[str, str | float | bool | None] | None = None, *, fresh: bool = False
    ) -> pl.DataFrame:
        """The rows of one SELECT over the documented views: see docs/sql.md. `fresh`: of the data as they are now."""
        body = {"sql": query, "parameters": dict(parameters or {}), "format": "arrow", "fresh": fresh}
        return _frame(self._ask("POST", "/v1/sql", content=orjson.dumps(body), headers=_JSON))

    # --- requests -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections. Calling it twice is fine."""
        self._http.close()

    def _json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        once: bool = False,
    ) -> dict[str, Any]:
        headers = dict(_JSON) if body is not None else {}
        if once:
            headers["idempotency-key"] = uuid.uuid4().hex
        content = None if body is None else orjson.dumps(body, option=orjson.OPT_UTC_Z)
        answer: dict[str, Any] = self._ask(method, path, query=query, content=content, headers=headers).json()
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        is_gone_done: bool = False,
    ) -> httpx.Response:
        """The answer, which is one of success. Raises: ServerError, httpx.TransportError.

        `is_gone_done`: what is not there any more at a further attempt was removed by the one whose answer was lost.
        """
        given: Any = {name: value for name, value in (query or {}).items() if value is not None}
        for attempt in stamina.retry_context(on=_may_try_again, attempts=ATTEMPTS, timeout=RETRY_SECONDS):
            with attempt:
                answer = self._http.request(method, path, params=given, content=content, headers=headers)
                is_done = is_gone_done and attempt.num > 1 and answer.status_code == HTTPStatus.NOT_FOUND
                if not answer.is_success and not is_done:
                    raise _error(answer)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


_JSON = {"content-type": "application/json"}


def _may_try_again(error: Exception) -> bool:
    if isinstance(error, ServerError):
        return error.status in _AGAIN
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)


def _error(answer: httpx.Response) -> ServerError:
    """What a server says is wrong."""
    try:
        said = answer.json()
        return ServerError(answer.status_code, str(said["detail"]), said.get("path"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServerError(answer.status_code, f"answered {answer.status_code}: {answer.text[:200]}")


def _frame(answer: httpx.Response) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(answer.content))


def _part(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="@:+")
