"""Routers whose JSON bodies are read strictly: UTF-8, no NaN, no bottomless nesting."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

_JSON_TYPES = ("application/json", "application/problem+json")


Responses = dict[int | str, dict[str, Any]]


def json_router(tag: str, responses: Responses | None = None, *, prefix: str = "") -> APIRouter:
    """A router of routes that take JSON; `responses` are those that each of them may give beside its own."""
    return APIRouter(prefix=prefix, tags=[tag], responses=responses, route_class=JsonRoute)


class JsonRequest(Request):
    """A request whose body is read as RFC 8259 has it."""

    async def json(self) -> Any:
        """The body as a value. Raises: orjson.JSONDecodeError, which FastAPI answers as an invalid request."""
        if not hasattr(self, "_json"):
            self._json = orjson.loads(await self.body())
        return self._json


class JsonRoute(APIRoute):
    """A route that takes JSON, if it takes a body at all."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        answer = super().get_route_handler()

        async def answer_json(request: Request) -> Response:
            if self.body_field is not None:
                given = request.headers.get("content-type", _JSON_TYPES[0]).partition(";")[0].strip().lower()
                if given not in _JSON_TYPES and not given.endswith("+json"):
                    problem = f"the body must be JSON: send Content-Type: application/json, not {given}"
                    raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, problem)
            return await answer(JsonRequest(request.scope, request.receive))

        return answer_json
