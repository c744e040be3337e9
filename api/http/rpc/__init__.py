"""Face A: `/api/*`, one path per thing to do, the workspace named in query or body."""

from __future__ import annotations

from api.http.rpc import contact_lists, contacts, custom_events, lists, segments, timeline, webhook_subscriptions

_MODULES = (contacts, lists, contact_lists, segments, timeline, custom_events, webhook_subscriptions)

TAGS = [module.TAG for module in _MODULES]

ROUTES = [route for module in _MODULES for route in module.router.routes]
