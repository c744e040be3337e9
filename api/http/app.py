"""The application: every route behind one gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.routing import BaseRoute

from api.http import errors, health, hooks, profiles, public, rest, rpc
from api.http.gate import Gate, Limits
from api.http.idempotency import Keys
from api.http.metrics import Metrics
from api.http.rates import Rate, Rates
from api.http.rest.shapes import PROBLEM_TYPE
from api.http.routes import Routes
from api.http.shapes import Failure
from api.http.tokens import Tokens
from api.http.workspaces import Workspaces
from api.importer import Importer
from api.mail.mailer import Mailer
from api.mail.smtp import SmtpSettings
from api.webhooks.dispatcher import Dispatcher
from api.worker import Worker

THREADS = 64
"""So many requests are worked on at once; writes of as many share a commit."""

LAST_USED_SECONDS = 60.0
"""So often it is written down when tokens were used last."""

DESCRIPTION = """
Customer segmentation on a columnar store: contacts and events in, who is in which segment out.

Every request but those of the public pages has a token of one workspace: `Authorization: Bearer TOKEN`.
"""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server may be told.

    `token_rate`: requests per second and token. `forms_per_address`, `forms_per_email`: public forms per minute that
    come from one address, and that name one e-mail. `private_webhooks`: webhooks may lead into private networks.
    `mail`: how mails of lists go out, with links that begin with `public_url`; without it they wait to be fetched.
    """

    limits: Limits = field(default_factory=Limits)
    token_rate: int = 5_000
    forms_per_address: int = 60
    forms_per_email: int = 5
    private_webhooks: bool = False
    mail: SmtpSettings | None = None
    public_url: str = ""


def create_app(workspaces: Workspaces, tokens: Tokens, settings: ServerSettings | None = None) -> FastAPI:
    """The application over open workspaces; the caller closes them after the last request."""
    wanted = settings or ServerSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        writing = asyncio.create_task(_write_last_used(tokens))
        workers: list[Worker] = [Dispatcher(workspaces.all_open, allows_private=wanted.private_webhooks)]
        workers.append(Importer(workspaces.all_open))
        if wanted.mail is not None:
            workers.append(Mailer(workspaces.all_open, wanted.mail, wanted.public_url))
        for worker in workers:
            worker.start()
        with Keys(workspaces.root) as app.state.keys:
            yield
        writing.cancel()
        for worker in workers:
            await to_thread.run_sync(worker.stop)

    app = FastAPIOffline(  # its pages bring their scripts along: no token is typed beside one of somebody else
        redoc_url=None,
        title="populace",
        version=version("populace"),
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_tags=[*rest.TAGS, *rpc.TAGS, profiles.TAG, hooks.TAG, *public.TAGS, health.TAG],
    )
    metrics = Metrics(workspaces)
    app.state.workspaces, app.state.tokens, app.state.metrics = workspaces, tokens, metrics
    app.state.limits = wanted.limits
    app.state.private_webhooks = wanted.private_webhooks
    app.state.rates = Rates(
        of_tokens=Rate(wanted.token_rate),
        of_addresses=Rate(wanted.forms_per_address, 60),
        of_emails=Rate(wanted.forms_per_email, 60),
    )
    errors.install(app)
    app.add_middleware(Gate, limits=wanted.limits, metrics=metrics, patient=rest.PATIENT, streams=rest.STREAMS)
    routes = Routes(
        [
            *(*rest.ROUTES, *rpc.ROUTES, *public.ROUTES),
            *(*profiles.router.routes, *hooks.router.routes, *health.router.routes),
        ]
    )
    app.state.routes = routes
    app.router.routes.insert(0, routes)
    app.openapi = lambda: _document(app, routes.all)  # type: ignore[method-assign]  # as FastAPI's documentation has it
    return app


async def _write_last_used(tokens: Tokens) -> None:
    """Bring to disk now and then when tokens were used."""
    while True:
        await asyncio.sleep(LAST_USED_SECONDS)
        await to_thread.run_sync(tokens.write_last_used)


def _content_of_error(path: str, status: str) -> dict[str, Any]:
    """What the document says of the body of an error."""
    if path in public.PAGES and int(status) == HTTPStatus.BAD_REQUEST:
        return {"text/html": {"schema": {"type": "string"}}}
    if path.startswith("/v1/"):
        return {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    model = profiles.ProfileFailure if path.startswith("/v2/") else Failure
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def _document(app: FastAPI, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI document, with the media type that problems of `/v1/*` really have."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=routes, tags=app.openapi_tags
        )
        for path, operations in document["paths"].items():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    if int(status) >= HTTPStatus.BAD_REQUEST:
                        response["content"] = _content_of_error(path, status)
        app.openapi_schema = document
    return app.openapi_schema
