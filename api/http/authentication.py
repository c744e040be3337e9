"""Who asks: the token of a request, and what it is good for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from api.http.errors import ForbiddenError, UnauthenticatedError
from api.http.rates import Rates
from api.http.tokens import Scope, Token, Tokens
from api.http.workspaces import UnknownWorkspaceError, Workspaces
from ingest.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, with a token that is good for what the route does."""

    token: Token
    workspaces: Workspaces

    def open_workspace(self) -> Workspace | None:
        """The workspace of the token, if it is open already: without any waiting."""
        return self.workspaces.opened(self.token.workspace_id)

    def workspace(self, workspace_id: str | None = None) -> Workspace:
        """The workspace of the token, which is the one that a request names, if it names one.

        Raises: UnknownWorkspaceError for every other one, whether it is there or not.
        """
        if workspace_id is not None and workspace_id != self.token.workspace_id:
            raise UnknownWorkspaceError
        return self.workspaces.get(self.token.workspace_id)


def caller_of(request: Request, text: str | None, scope: Scope) -> Caller:
    """Who asks with this text as token. Raises: UnauthenticatedError, ForbiddenError, TooManyRequestsError."""
    tokens: Tokens = request.app.state.tokens
    token = None if text is None else tokens.known(text)
    if token is None:
        raise UnauthenticatedError
    request.state.token_id, request.state.workspace_id = token.id, token.workspace_id
    rates: Rates = request.app.state.rates
    rates.of_tokens.take(token.id)
    if not token.allows(scope):
        raise ForbiddenError(scope)
    return Caller(token, request.app.state.workspaces)


def bearer_token(request: Request) -> str | None:
    """The token of a request, as its header has it."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() or None if scheme.lower() == "bearer" else None


class TokenWith(SecurityBase):
    """What a route depends on whose callers need a token with a scope; `read` finds its text."""

    def __init__(self, scope: Scope, *, read: Callable[[Request], str | None] = bearer_token) -> None:
        self.model = HTTPBearerModel(description="A token that `populace token create` printed.")
        self.scheme_name = "HTTPBearer"
        self._scope, self._read = scope, read

    async def __call__(self, request: Request) -> Caller:
        """Who asks. Raises: see `caller_of`."""
        return caller_of(request, self._read(request), self._scope)


Reader = Annotated[Caller, Depends(TokenWith(Scope.READ))]
Writer = Annotated[Caller, Depends(TokenWith(Scope.WRITE))]
Analyst = Annotated[Caller, Depends(TokenWith(Scope.SQL))]
Admin = Annotated[Caller, Depends(TokenWith(Scope.ADMIN))]
