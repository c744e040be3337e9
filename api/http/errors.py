"""What goes wrong, as each face of the server says it: a status, and one shape of body per face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.http.idempotency import KeyReusedError
from api.http.workspaces import UnknownWorkspaceError
from engine.errors import (
    BusyError,
    CallerError,
    ClosedError,
    DefinitionError,
    EventConflictError,
    FieldInUseError,
    IdentityConflictError,
    NotAsPlannedError,
    NotComputedError,
    PrivateListError,
    QueryLimitError,
    SegmentInUseError,
    StoreError,
    SubscriptionBlockedError,
    SuppressedContactError,
    UnknownContactError,
    UnknownCustomEventError,
    UnknownCustomFieldError,
    UnknownImportError,
    UnknownListError,
    UnknownMailTemplateError,
    UnknownSegmentError,
    UnknownTagError,
    UnknownWebhookError,
)

_NOT_THERE = (
    UnknownContactError,
    UnknownCustomEventError,
    UnknownCustomFieldError,
    UnknownImportError,
    UnknownListError,
    UnknownMailTemplateError,
    UnknownSegmentError,
    UnknownTagError,
    UnknownWebhookError,
    UnknownWorkspaceError,
)
_IN_THE_WAY = (
    EventConflictError,
    KeyReusedError,
    FieldInUseError,
    IdentityConflictError,
    NotAsPlannedError,
    NotComputedError,
    PrivateListError,
    QueryLimitError,
    SegmentInUseError,
    SubscriptionBlockedError,
    SuppressedContactError,
)

RETRY_AFTER_SECONDS = 1


class UnauthenticatedError(CallerError):
    """A request has no token that is worth something: nothing more is said."""

    def __init__(self) -> None:
        super().__init__("a valid token is needed: Authorization: Bearer TOKEN")


class ForbiddenError(CallerError):
    """A token is genuine, and not for this."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"this token is not for that: it needs the scope {scope}")


class TooManyRequestsError(CallerError):
    """More requests came than one token, or one address, may make."""

    def __init__(self, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"too many requests; try again in {max(1, round(retry_after_seconds))} s")


def status_of(error: CallerError) -> HTTPStatus:
    """The status by which HTTP tells what a caller can do about an error."""
    match error:
        case UnauthenticatedError():
            return HTTPStatus.UNAUTHORIZED
        case ForbiddenError():
            return HTTPStatus.FORBIDDEN
        case TooManyRequestsError():
            return HTTPStatus.TOO_MANY_REQUESTS
        case BusyError() | ClosedError():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case StoreError():
            return HTTPStatus.INSUFFICIENT_STORAGE
        case _ if isinstance(error, _NOT_THERE):
            return HTTPStatus.NOT_FOUND
        case _ if isinstance(error, _IN_THE_WAY):
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case _:
            return HTTPStatus.BAD_REQUEST


def install(app: FastAPI) -> None:
    """Let an app answer errors in the shapes of its faces."""

    @app.exception_handler(CallerError)
    async def answer_caller(request: Request, error: CallerError) -> Response:
        return _answer(request, status_of(error), str(error), headers=_headers_of(error), path=_path_of(error))

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        path, message = _first_problem(error.errors())
        return _answer(request, HTTPStatus.BAD_REQUEST, message, path=path)

    @app.exception_handler(HTTPException)
    async def answer_http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        said = status.phrase.lower() if error.detail == status.phrase else str(error.detail)
        headers = error.headers
        if status is HTTPStatus.METHOD_NOT_ALLOWED and (methods := app.state.routes.methods_of(request.scope)):
            # The router names the methods of one route; several may have this path.
            headers = {"Allow": ", ".join(methods)}
        return _answer(request, status, said, headers=headers)


def error_body(path: str, status: HTTPStatus, message: str, *, at: str | None = None) -> tuple[bytes, str]:
    """The body of an error on a face, and its media type. `at` is where in the request it is."""
    if path.startswith("/v1/"):
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": message,
        }
        if at is not None:
            problem["path"] = at
        return orjson.dumps(problem), "application/problem+json"
    if path.startswith("/v2/"):
        return orjson.dumps({"statusCode": status.value, "success": False, "error": message}), "application/json"
    return orjson.dumps({"error": message}), "application/json"


def _answer(
    request: Request,
    status: HTTPStatus,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    path: str | None = None,
) -> Response:
    body, media_type = error_body(request.url.path, status, message, at=path)
    return Response(body, status, headers=headers, media_type=media_type)


def _headers_of(error: CallerError) -> dict[str, str] | None:
    match error:
        case UnauthenticatedError():
            return {"WWW-Authenticate": "Bearer"}
        case TooManyRequestsError():
            return {"Retry-After": str(max(1, round(error.retry_after_seconds)))}
        case BusyError() | ClosedError():
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
        case _:
            return None


def _path_of(error: CallerError) -> str | None:
    if isinstance(error, DefinitionError):
        return error.path
    path = getattr(error, "path", None)
    return path if isinstance(path, str) else None


def _first_problem(problems: Sequence[Mapping[str, object]]) -> tuple[str, str]:
    """Where the first of some problems is, and what it is; of further ones, how many."""
    first = problems[0]
    place = first["loc"]
    assert isinstance(place, tuple)
    path = ".".join(str(part) for part in place[1:]) or str(place[0])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    context = first.get("ctx")
    if first["type"] == "json_invalid" and isinstance(context, Mapping):
        return str(place[0]), f"the body is no JSON: {context.get('error')}"
    message = str(first["msg"])
    return path, f"{path}: {message[0].lower()}{message[1:]}{more}"
