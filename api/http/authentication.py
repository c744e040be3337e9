"""Who asks: the token of a request, and what it is good for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.http.errors import ForbiddenError, UnauthenticatedError
from api.http.rates import Rates
from api.http.tokens import Scope, Token, Tokens
from api.http.workspaces import UnknownWorkspaceError, Workspaces
from ingest.workspace import Workspace

_bearer = HTTPBearer(auto_error=False, description="A token that `populace token create` printed.")


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


BearerToken = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


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


def _caller_with(scope: Scope) -> Callable[[Request, HTTPAuthorizationCredentials | None], Awaitable[Caller]]:
    async def caller(request: Request, credentials: BearerToken) -> Caller:
        return caller_of(request, None if credentials is None else credentials.credentials, scope)

    return caller


Reader = Annotated[Caller, Depends(_caller_with(Scope.READ))]
Writer = Annotated[Caller, Depends(_caller_with(Scope.WRITE))]
Analyst = Annotated[Caller, Depends(_caller_with(Scope.SQL))]
Admin = Annotated[Caller, Depends(_caller_with(Scope.ADMIN))]
