"""What requests and answers of all faces have in common."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A part of a request: it has nothing that is not described."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Failure(BaseModel):
    """What went wrong: where, what, and what to do."""

    error: str = Field(examples=["contact.email: 'ada' is no e-mail address: it has no @"])


FAILURES: dict[int | str, dict[str, Any]] = {
    status.value: {"model": Failure, "description": description}
    for status, description in (
        (HTTPStatus.BAD_REQUEST, "The request is not valid; the message names where."),
        (HTTPStatus.UNAUTHORIZED, "There is no valid token."),
        (HTTPStatus.FORBIDDEN, "The token is not for this."),
        (HTTPStatus.NOT_FOUND, "There is no such thing, or it is of another workspace."),
        (HTTPStatus.REQUEST_TIMEOUT, "The body took too long."),
        (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large."),
        (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not said to be JSON."),
        (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is valid, and something stands in its way."),
        (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests with this token."),
        (HTTPStatus.INTERNAL_SERVER_ERROR, "A bug of populace; the message has its number in the log."),
        (HTTPStatus.SERVICE_UNAVAILABLE, "Too much waits to be written; try again in a moment."),
        (HTTPStatus.GATEWAY_TIMEOUT, "It took too long."),
        (HTTPStatus.INSUFFICIENT_STORAGE, "The disk, or the memory, does not suffice."),
    )
}
"""What every route may answer beside what it is for."""

_OF_TOKENS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
PUBLIC_FAILURES = {status: said for status, said in FAILURES.items() if status not in _OF_TOKENS}
"""The same where no token is needed."""

TREE_EXAMPLE = {
    "kind": "leaf",
    "leaf": {
        "source": "contacts",
        "contact": {
            "filters": [
                {"field_name": "country", "field_type": "string", "operator": "equals", "string_values": ["GB"]}
            ]
        },
    },
}
"""The tree of a segment, as examples have it."""
