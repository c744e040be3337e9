"""The notification centre: what a person gets, and wants to get."""

from __future__ import annotations

from anyio import to_thread
from fastapi import Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from api.http.json_route import json_router
from api.http.public.links import LinkToken, WorkspaceId, form_values
from api.http.public.pages import failed_page, page
from api.http.rpc.shapes import Success
from api.http.shapes import PUBLIC_FAILURES, Strict
from api.http.workspaces import Workspaces
from engine.errors import CallerError
from ingest.lists import Lists

TAG = {"name": "preferences", "description": "The notification centre, by the signed link of a mail."}

router = json_router("preferences", PUBLIC_FAILURES)


class Choice(BaseModel):
    """A list that the holder of the link may choose."""

    list_id: str
    name: str
    description: str | None
    status: str | None


class Choices(BaseModel):
    """What the holder of the link may choose: the public lists, and those that it is on."""

    email: str | None
    lists: list[Choice]


class Choose(Strict):
    """The lists that the holder of the link wants to be on, of those that it may choose; it leaves the others."""

    wid: str = Field(examples=["main"])
    token: str = Field(max_length=1024)
    list_ids: list[str] = Field(max_length=1_000, examples=[["news"]])


@router.get("/preferences")
def read_preferences(wid: WorkspaceId, token: LinkToken, request: Request) -> Choices:
    """What the holder of the link gets."""
    return Choices.model_validate(_lists(request, wid).choices(token), from_attributes=True)


@router.post("/preferences")
def save_preferences(body: Choose, request: Request) -> Success:
    """Say what the holder of the link wants to get."""
    _lists(request, body.wid).choose(body.token, body.list_ids)
    return Success()


@router.get("/notification-center", response_class=HTMLResponse)
def show_notification_center(request: Request, wid: WorkspaceId = "", token: LinkToken = "") -> HTMLResponse:
    """The page for people."""
    return _page(request, wid, token)


@router.post("/notification-center", response_class=HTMLResponse)
async def save_notification_center(request: Request, wid: WorkspaceId = "", token: LinkToken = "") -> HTMLResponse:
    """The form of the page: its fields `list` are the lists that the person wants to be on."""
    values = await form_values(request)
    return await to_thread.run_sync(_page, request, wid, token, values.get("list", []))


def _page(request: Request, workspace_id: str, token: str, list_ids: list[str] | None = None) -> HTMLResponse:
    try:
        lists = _lists(request, workspace_id)
        if list_ids is not None:
            lists.choose(token, list_ids)
        choices = lists.choices(token)
    except CallerError as error:
        return failed_page(error)
    shown = [
        {
            "id": choice.list_id,
            "name": choice.name,
            "description": choice.description,
            "is_subscribed": choice.is_subscribed,
            "is_refused": choice.is_refused,
        }
        for choice in choices.lists
    ]
    return page("notification_center", email=choices.email, lists=shown, is_saved=list_ids is not None)


def _lists(request: Request, workspace_id: str) -> Lists:
    workspaces: Workspaces = request.app.state.workspaces
    return workspaces.get(workspace_id).lists
