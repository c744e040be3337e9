"""`POST /subscribe`: somebody enters an e-mail into a form, and is told the same whoever it is."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Request
from pydantic import Field

from api.http.json_route import json_router
from api.http.rates import Rates
from api.http.rpc.shapes import Asked, Success
from api.http.shapes import PUBLIC_FAILURES
from api.http.workspaces import Workspaces
from engine.errors import InvalidWriteError
from ingest.values import contact_email
from ingest.workspace import Workspace

ANSWER_SECONDS = 0.25
"""Every answer takes a multiple of this, and a little more: how long it took to find out who it is cannot be told."""

NOISE_SECONDS = 0.05
"""The little more is up to this, by chance: it hides what clocks and a busy machine would still tell."""

TAG = {"name": "forms", "description": "Public forms. No token is needed."}

router = json_router("forms", PUBLIC_FAILURES)


class SubscribeByForm(Asked):
    """An e-mail that is to be on public lists; other values are taken of who is no contact yet."""

    contact: dict[str, Any] = Field(examples=[{"email": "ada@example.com"}])
    list_ids: Annotated[list[str], Field(min_length=1, max_length=50, examples=[["news"]])]


@router.post("/subscribe")
async def subscribe(body: SubscribeByForm, request: Request) -> Success:
    """Ask to be on public lists; where they are double opt-in, a mail asks to confirm.

    Every valid request has the same answer, in the same time, whatever is known of the e-mail.
    """
    started = time.monotonic()
    rates: Rates = request.app.state.rates
    rates.of_addresses.take("" if request.client is None else request.client.host)
    workspaces: Workspaces = request.app.state.workspaces
    workspace = await to_thread.run_sync(workspaces.get, body.workspace_id)
    email = body.contact.get("email")
    if not isinstance(email, str):
        raise InvalidWriteError("contact.email", "must be given: a form asks for an e-mail")
    rates.of_emails.take(f"{body.workspace_id} {contact_email(email)}")
    await to_thread.run_sync(_subscribe, workspace, body)
    parts = int((time.monotonic() - started) / ANSWER_SECONDS) + 1
    noise = secrets.SystemRandom().uniform(0, NOISE_SECONDS)
    await asyncio.sleep(started + parts * ANSWER_SECONDS + noise - time.monotonic())
    return Success()


def _subscribe(workspace: Workspace, body: SubscribeByForm) -> None:
    workspace.lists.subscribe_by_form(body.contact, body.list_ids)
