"""Pages for people: plain HTML without scripts, from templates in which every value is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi.responses import HTMLResponse
from liquid import Environment, FileSystemLoader
from liquid.template import BoundTemplate

from engine.errors import CallerError, ExpiredTokenError

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The address of such a page carries a token: it goes to nobody else, and nobody shows it in a frame."""


def page(name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page by its template."""
    return HTMLResponse(_template(name).render(**values), status, headers=HEADERS)


def failed_page(error: CallerError) -> HTMLResponse:
    """The page of a link that does not work, in words for people."""
    return page("link_failed", status=400, is_old=isinstance(error, ExpiredTokenError))


@cache
def _template(name: str) -> BoundTemplate:
    environment = Environment(autoescape=True, loader=FileSystemLoader(Path(__file__).parent / "templates"))
    return environment.get_template(f"{name}.html")
