"""Whether a server is alive, whether it can be asked, and what it measures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from api.http.workspaces import Workspaces

TAG = {"name": "health", "description": "Whether the server is alive, and what it measures. No token is needed."}

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """That a server is there."""

    status: str


class Readiness(BaseModel):
    """That a server takes requests, for how many workspaces, and whether memberships follow in all of them."""

    status: str
    workspaces: int
    is_current: bool


@router.get("/health")
async def read_health() -> Health:
    """Whether the process is alive."""
    return Health(status="ok")


@router.get("/ready")
async def read_readiness(request: Request) -> Readiness:
    """Whether workspaces are open, so that requests can be answered; `is_current` is false while one catches up."""
    workspaces: Workspaces = request.app.state.workspaces
    is_current = all(workspaces.get(name).figures().lag_seconds == 0 for name in workspaces.ids)
    return Readiness(status="ready", workspaces=len(workspaces.ids), is_current=is_current)


@router.get("/metrics", response_class=PlainTextResponse)
def read_metrics(request: Request) -> Response:
    """What Prometheus collects."""
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
