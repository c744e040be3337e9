"""Where the next page of a listing begins, as a text that means something to this server alone."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.errors import InvalidValueError
from engine.execute.timeline_pages import Place, is_place


def cursor_text(place: object) -> str:
    """A place in a listing, as text of A-Z a-z 0-9 _ -."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def next_cursor(place: int | str | tuple[datetime, str] | None) -> str | None:
    """The text of where the next page begins; None on the last one."""
    if place is None:
        return None
    return cursor_text([place[0].isoformat(), place[1]] if isinstance(place, tuple) else place)


def number_of(cursor: str | None) -> int | None:
    """The place of a listing by number; None for its beginning. Raises: InvalidValueError."""
    if cursor is None:
        return None
    place = _place(cursor)
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < 2**63:
        raise _invalid(cursor)
    return place


def text_of(cursor: str | None) -> str | None:
    """The place of a listing by text; None for its beginning. Raises: InvalidValueError."""
    if cursor is None:
        return None
    place = _place(cursor)
    if not isinstance(place, str):
        raise _invalid(cursor)
    return place


def place_in_timeline_of(cursor: str | None) -> Place | None:
    """The place in a timeline; None for its beginning. Raises: InvalidValueError."""
    if cursor is None:
        return None
    match _place(cursor):
        case [str(at), str(text)] if is_place(text):
            try:
                instant = datetime.fromisoformat(at)
                return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC), text
            except (ValueError, OverflowError):  # the latter for an instant that is before or after all of UTC's
                raise _invalid(cursor) from None
        case _:
            raise _invalid(cursor)


def _place(cursor: str) -> Any:
    try:
        return orjson.loads(base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValueError):
        raise _invalid(cursor) from None


def _invalid(cursor: str) -> InvalidValueError:
    return InvalidValueError("cursor", cursor, "is no cursor: give what the page before had as next_cursor")
