"""Lists, and what they have to mail, as stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.definition.vocabulary import SUBSCRIPTION_STATUSES
from engine.storage.store import Store


@dataclass(frozen=True, slots=True)
class ListState:
    """A list that was not deleted; `counts` has how many subscriptions there are of each status. Instants are UTC."""

    id: str
    name: str
    is_public: bool
    is_double_optin: bool
    welcome_template_id: str | None
    unsubscribe_template_id: str | None
    confirmation_template_id: str | None
    description: str | None
    created_at: datetime | None
    updated_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail that waits to be sent: `mail` is confirmation, welcome or goodbye. `created_at` is of UTC."""

    sequence: int
    mail: str
    contact_id: int
    email: str
    list_id: str
    template_id: str | None
    created_at: datetime


def stored_lists(store: Store) -> list[ListState]:
    """All lists that were not deleted, in order of id."""
    rows = store.rows(
        f"""
        SELECT l.id, l.name, coalesce(l.is_public, false), coalesce(l.is_double_optin, false),
            l.welcome_template_id, l.unsubscribe_template_id, l.confirmation_template_id, l.description,
            l.created_at, l.updated_at,
            {", ".join(f"count(*) FILTER (s.status = '{status}')" for status in SUBSCRIPTION_STATUSES)}
        FROM lists AS l LEFT JOIN subscriptions AS s ON s.list_id = l.id
        WHERE l.deleted_at IS NULL GROUP BY ALL ORDER BY l.id
        """
    )
    names = ListState.__slots__[:-1]
    states = []
    for row in rows:
        stored = row[: len(names)]
        values: list[Any] = [item.replace(tzinfo=UTC) if isinstance(item, datetime) else item for item in stored]
        counts = dict(zip(SUBSCRIPTION_STATUSES, row[len(names) :], strict=True))
        states.append(ListState(**dict(zip(names, values, strict=True)), counts=counts))
    return states


def stored_name(store: Store, list_id: str) -> str | None:
    """The name of a list, also of one that was deleted; None where there never was one."""
    rows = store.rows("SELECT name FROM lists WHERE id = $1", [list_id])
    return rows[0][0] if rows else None


def stored_statuses(store: Store, contact_id: int) -> dict[str, str]:
    """The statuses of a contact's subscriptions, by list, deleted ones included."""
    return dict(store.rows("SELECT list_id, status FROM subscriptions WHERE contact_id = $1", [contact_id]))


def stored_email(store: Store, contact_id: int) -> str | None:
    """The e-mail of a contact, if it has one."""
    rows = store.rows("SELECT email FROM contacts WHERE contact_id = $1", [contact_id])
    return rows[0][0] if rows else None


def stored_mails(store: Store, *, after: int, limit: int) -> list[StoredMail]:
    """The mails with a number above `after`, in order, so many at most."""
    rows = store.rows(
        """
        SELECT o.sequence, o.mail, o.contact_id, c.email, o.list_id, o.template_id, o.created_at
        FROM outbox AS o JOIN contacts AS c USING (contact_id)
        WHERE o.sequence > $1 AND c.email IS NOT NULL ORDER BY o.sequence LIMIT $2
        """,
        [after, limit],
    )
    mails = (dict(zip(StoredMail.__slots__, row, strict=True)) for row in rows)
    return [StoredMail(**{**mail, "created_at": mail["created_at"].replace(tzinfo=UTC)}) for mail in mails]


def stored_secret(store: Store) -> str:
    """What signs the links of a workspace."""
    ((value,),) = store.rows("SELECT value FROM settings WHERE name = 'secret'")
    return str(json.loads(value))
