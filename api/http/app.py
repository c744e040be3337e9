"""The application: every route behind one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI

from api.http import errors, health, rpc
from api.http.gate import Gate, Limits
from api.http.metrics import Metrics
from api.http.rates import Rate, Rates
from api.http.tokens import Tokens
from api.http.workspaces import Workspaces

THREADS = 64
"""So many requests are worked on at once; writes of as many share a commit."""

DESCRIPTION = """
Customer segmentation on a columnar store: contacts and events in, who is in which segment out.

Every request but those of the public pages has a token of one workspace: `Authorization: Bearer TOKEN`.
"""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server may be told. `token_rate`: requests per second and token."""

    limits: Limits = field(default_factory=Limits)
    token_rate: int = 5_000


def create_app(workspaces: Workspaces, tokens: Tokens, settings: ServerSettings | None = None) -> FastAPI:
    """The application over open workspaces; the caller closes them after the last request."""
    wanted = settings or ServerSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield

    app = FastAPI(
        title="populace",
        version=version("populace"),
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_tags=[*rpc.TAGS, health.TAG],
    )
    metrics = Metrics(workspaces)
    app.state.workspaces, app.state.tokens, app.state.metrics = workspaces, tokens, metrics
    app.state.rates = Rates(of_tokens=Rate(wanted.token_rate))
    errors.install(app)
    app.add_middleware(Gate, limits=wanted.limits, metrics=metrics)
    for router in (rpc.router, health.router):
        app.include_router(router)
    return app
