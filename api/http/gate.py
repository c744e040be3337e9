"""What every request passes first: an id, limits of size and time, and its line in metrics and log."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException

from api.http.errors import error_body
from api.http.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

log = structlog.get_logger(__name__)

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may take. Units: bytes, seconds.

    `import_bytes`: of an uploaded file. `body_seconds`: until the last byte of its body is there. `answer_seconds`:
    until the first byte of the answer is.
    """

    body_bytes: int = 16 * 2**20
    import_bytes: int = 10 * 2**30
    body_seconds: float = 30.0
    answer_seconds: float = 30.0


class Gate:
    """An ASGI application around another one.

    Paths in `patient` have their own limits of time. Bodies of `streams` may be of any length, as long as they keep
    coming: those routes read them part by part.
    """

    def __init__(
        self,
        app: App,
        *,
        limits: Limits,
        metrics: Metrics,
        patient: frozenset[str] = frozenset(),
        streams: frozenset[str] = frozenset(),
    ) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._patient, self._streams = patient, streams
        self._refusals: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; what is no request goes through as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, receive, send, self._limits, is_stream=scope["path"] in self._streams)
        self._metrics.under_way.inc()
        try:
            await self._answer(request)
        finally:
            self._metrics.under_way.dec()
            self._tell(request)

    async def _answer(self, request: _Request) -> None:
        if request.is_too_large:
            self._metrics.refused.labels("body_bytes").inc()
            await request.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(self._limits))
            return
        waiting = None
        if request.scope["path"] not in self._patient:
            waiting = asyncio.get_running_loop().call_later(self._limits.answer_seconds, self._give_up, request)
        try:
            await self._app(request.scope, request.receive, request.send)
        except Exception as error:
            bug_id = uuid.uuid4().hex[:12]
            details = {name: getattr(error, name) for name in ("step", "sql") if hasattr(error, name)}
            log.error("bug", bug_id=bug_id, request_id=request.id, exc_info=error, **details)
            if request.is_over:
                return
            if request.has_started:
                raise  # what was sent is not whole: the server hangs up
            problem = f"a bug of populace, not of yours; the server's log has it as {bug_id}"
            await request.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, problem)
        finally:
            if waiting is not None:
                waiting.cancel()

    def _give_up(self, request: _Request) -> None:
        """Answer a request whose time is over. What works on it works on, for a thread cannot be stopped."""
        if request.has_started or request.is_over:
            return
        self._metrics.refused.labels("answer_seconds").inc()
        request.is_over = True
        problem = f"no answer within {self._limits.answer_seconds:g} s; what was to be written may still be"
        task = asyncio.ensure_future(request.refuse(HTTPStatus.GATEWAY_TIMEOUT, problem))
        self._refusals.add(task)  # else nobody keeps it until it is done
        task.add_done_callback(self._refusals.discard)

    def _tell(self, request: _Request) -> None:
        seconds = time.perf_counter() - request.started
        method = request.scope["method"]
        route = _template_of(request.scope)
        known_method = method if route != "none" else "any"
        self._metrics.requests.labels(known_method, route, str(request.status)).observe(seconds)
        state = request.scope.get("state", {})
        log.info(
            "request",
            request_id=request.id,
            method=method,
            route=route,
            status=request.status,
            ms=round(seconds * 1000, 2),
            token_id=state.get("token_id"),
            workspace_id=state.get("workspace_id"),
        )


class _Request:
    """One request on its way, and what is known of its answer."""

    def __init__(self, scope: Message, receive: Receive, send: Send, limits: Limits, *, is_stream: bool) -> None:
        self.scope, self._receive, self._send, self._limits = scope, receive, send, limits
        self._is_stream = is_stream
        self.started = self._waits_since = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        self.id = given.decode() if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.id
        length = headers.get(b"content-length", b"0")
        self._bytes = 0
        self.is_too_large = not is_stream and length.isdigit() and int(length) > limits.body_bytes
        self._has_body = False
        self.status = 0
        self.has_started = False
        self.is_over = False

    async def receive(self) -> Message:
        """The next part of the body. Raises: HTTPException when it is too large, or too slow."""
        if self._has_body:
            return await self._receive()  # what comes now is that the client has gone
        left = self._limits.body_seconds - (time.perf_counter() - self._waits_since)
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.001))
        except TimeoutError:
            problem = f"the body was not there within {self._limits.body_seconds:g} s"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, problem) from None
        self._bytes += len(message.get("body", b""))
        self._has_body = not message.get("more_body", False)
        if self._is_stream:
            self._waits_since = time.perf_counter()
        elif self._bytes > self._limits.body_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(self._limits))
        return message

    async def send(self, message: Message) -> None:
        """A part of the answer; nothing once the request is over."""
        if self.is_over:
            return
        if message["type"] == "http.response.start":
            self.has_started, self.status = True, message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
        await self._send(message)

    async def refuse(self, status: HTTPStatus, problem: str) -> None:
        """Answer it without asking anybody."""
        body, media_type = error_body(self.scope["path"], status, problem)
        self.status, self.has_started = status.value, True
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *([] if self._has_body else [(b"connection", b"close")]),
            (b"x-request-id", self.id.encode()),
        ]
        await self._send({"type": "http.response.start", "status": status.value, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _template_of(scope: Message) -> str:
    """The path of the route that answered, with names where values stand; `none` where there is none."""
    return getattr(scope.get("route"), "path", None) or "none"


def _too_large(limits: Limits) -> str:
    return f"the body is larger than {limits.body_bytes:,} bytes; send less at once"
