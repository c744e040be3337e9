"""Face A: `/api/*`, one path per thing to do, the workspace named in query or body."""

from __future__ import annotations

from fastapi import APIRouter

from api.http.rpc import contact_lists, contacts, custom_events, lists, segments, timeline

TAGS = [module.TAG for module in (contacts, lists, contact_lists, segments, timeline, custom_events)]

router = APIRouter(prefix="/api")
for _module in (contacts, lists, contact_lists, segments, timeline, custom_events):
    router.include_router(_module.router)
