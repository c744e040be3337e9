"""Face A: `/api/*`, one path per thing to do, the workspace named in query or body."""

from __future__ import annotations

from fastapi import APIRouter

from api.http.rpc import contact_lists, contacts, custom_events, lists, segments, timeline, webhook_subscriptions

_MODULES = (contacts, lists, contact_lists, segments, timeline, custom_events, webhook_subscriptions)

TAGS = [module.TAG for module in _MODULES]

router = APIRouter(prefix="/api")
for _module in _MODULES:
    router.include_router(_module.router)
