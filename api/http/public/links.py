"""Links of mails: confirm a subscription, and end it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from anyio import to_thread
from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from api.http.json_route import json_router
from api.http.public.pages import failed_page, page
from api.http.rpc.shapes import Success
from api.http.shapes import PUBLIC_FAILURES, Strict
from api.http.workspaces import Workspaces
from engine.errors import CallerError, InvalidTokenError
from ingest.link_tokens import Purpose
from ingest.workspace import Workspace

MOST_FORM_BYTES = 64 * 1024

TAG = {"name": "links", "description": "Links of mails. What they carry is signed; no other token is needed."}

router = json_router("links", PUBLIC_FAILURES)

WorkspaceId = Annotated[str, Query(alias="wid", description="Id of the workspace.")]
LinkToken = Annotated[str, Query(description="What the link of the mail carries.")]


class OneClick(Strict):
    """What the link of a mail carries."""

    wid: str = Field(examples=["main"])
    email: str = Field(examples=["ada@example.com"])
    email_hmac: str = Field(max_length=128)
    lids: list[str] = Field(min_length=1, max_length=100, examples=[["news"]])


@router.get("/confirm", response_class=HTMLResponse)
def show_confirmation(request: Request, wid: WorkspaceId = "", token: LinkToken = "") -> HTMLResponse:
    """A page with one button: programs that open every link of a mail confirm nothing by it."""
    return _asking(request, wid, token, Purpose.CONFIRMATION)


@router.post("/confirm", response_class=HTMLResponse)
def confirm(request: Request, wid: WorkspaceId = "", token: LinkToken = "") -> HTMLResponse:
    """Confirm the subscription of the link; as often as it is used."""
    return _doing(request, wid, token, Purpose.CONFIRMATION)


@router.get("/unsubscribe", response_class=HTMLResponse)
def show_unsubscribe(request: Request, wid: WorkspaceId = "", token: LinkToken = "") -> HTMLResponse:
    """A page with one button."""
    return _asking(request, wid, token, Purpose.UNSUBSCRIBE)


@router.post("/unsubscribe", response_class=HTMLResponse)
def unsubscribe(request: Request, wid: WorkspaceId = "", token: LinkToken = "") -> HTMLResponse:
    """End the subscription of the link: by the button, or by a mail program in one click (RFC 8058)."""
    return _doing(request, wid, token, Purpose.UNSUBSCRIBE)


@router.post("/unsubscribe-oneclick")
def unsubscribe_in_one_click(body: OneClick, request: Request) -> Success:
    """End the subscriptions to some lists, as the link of a mail says."""
    workspaces: Workspaces = request.app.state.workspaces
    workspaces.get(body.wid).lists.unsubscribe_by_proof(body.email, body.email_hmac, body.lids)
    return Success()


def _asking(request: Request, workspace_id: str, token: str, purpose: Purpose) -> HTMLResponse:
    try:
        workspace = _workspace(request, workspace_id)
        held = workspace.lists.holder(purpose, token)
        name = workspace.lists.name_of(str(held.list_id))
    except CallerError as error:
        return failed_page(error)
    return page("link_asks", purpose=purpose.value, list_name=name)


def _doing(request: Request, workspace_id: str, token: str, purpose: Purpose) -> HTMLResponse:
    try:
        lists = _workspace(request, workspace_id).lists
        if purpose is Purpose.CONFIRMATION:
            lists.confirm(token)
        else:
            lists.unsubscribe_with(token)
        held = lists.holder(purpose, token)
        name, is_active = lists.name_of(str(held.list_id)), lists.is_active(held)
    except CallerError as error:
        return failed_page(error)
    return page("link_done", purpose=purpose.value, list_name=name, is_active=is_active)


def _workspace(request: Request, workspace_id: str) -> Workspace:
    """Raises: InvalidTokenError where there is none: a link says no more than that it is wrong."""
    workspaces: Workspaces = request.app.state.workspaces
    try:
        return workspaces.get(workspace_id)
    except CallerError:
        raise InvalidTokenError("the link is not complete; use the whole link of the mail") from None


async def form_values(request: Request) -> dict[str, list[str]]:
    """The fields of a form. Raises: InvalidTokenError for a body that is none."""
    body = await request.body()
    if len(body) > MOST_FORM_BYTES:
        raise InvalidTokenError("the form is too large")
    return await to_thread.run_sync(lambda: parse_qs(body.decode(errors="replace"), keep_blank_values=True))
