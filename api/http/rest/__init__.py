"""Face C: `/v1/*`, resources of the token's workspace, errors as problem+json."""

from __future__ import annotations

from api.http.rest import contacts, events, fields, imports, lists, members, segments, sql, tags, templates, transitions
from api.http.rest.shapes import PREFIX

_MODULES = (contacts, events, imports, tags, fields, lists, templates, segments, members, transitions, sql)

TAGS = [module.TAG for module in _MODULES]

ROUTES = [route for module in _MODULES for route in module.router.routes]

PATIENT = frozenset(
    f"{PREFIX}{path}"
    for path in (
        *(sql.PATH, events.PATH, imports.PATH),
        *(transitions.PATH, transitions.STREAM_PATH, segments.PLAN_PATH),
    )
)
"""Paths that answer when there is something to say, or have limits of time of their own."""

STREAMS = frozenset({f"{PREFIX}{events.PATH}", f"{PREFIX}{imports.PATH}"})
"""Paths that read their bodies part by part."""
