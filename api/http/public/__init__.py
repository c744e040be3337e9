"""What people see without a token: forms, links of mails, the notification centre."""

from __future__ import annotations

from api.http.public import forms, links, preferences

_MODULES = (forms, links, preferences)

TAGS = [module.TAG for module in _MODULES]

PAGES = frozenset({"/confirm", "/unsubscribe", "/notification-center"})
"""Paths that answer people: what is wrong is said by a page, too."""

ROUTES = [route for module in _MODULES for route in module.router.routes]
