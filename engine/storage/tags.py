"""Tags and how many contacts have them, as stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from engine.storage.store import Store


@dataclass(frozen=True, slots=True)
class TagState:
    """A tag, its colour (`#rrggbb`), and how many contacts have it.

    `created_at` (UTC) is when it was defined; None for a tag that only contacts have.
    """

    name: str
    color: str | None
    created_at: datetime | None
    contact_count: int


def stored_tags(store: Store) -> list[TagState]:
    """All tags that were defined or that a contact has, in order of name."""
    rows = store.rows(
        """
        SELECT coalesce(t.name, used.name), t.color, t.created_at, coalesce(used.contact_count, 0)
        FROM tags AS t FULL JOIN (
            SELECT name, count(*) AS contact_count
            FROM (SELECT unnest(list_distinct(tags)) AS name FROM contacts) GROUP BY name
        ) AS used ON used.name = t.name
        ORDER BY 1
        """
    )
    return [
        TagState(name, color, None if at is None else at.replace(tzinfo=UTC), count) for name, color, at, count in rows
    ]
