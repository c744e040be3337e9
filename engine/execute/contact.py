"""One contact: the profile, lists, segments and last events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.definition.fields import CONTACT_FIELDS
from engine.errors import UnknownContactError
from engine.execute.memberships import Memberships
from engine.storage import Store
from engine.storage.contact_lookup import contact_of_identity
from engine.storage.custom_fields import fields_in_use, stored_fields


@dataclass(frozen=True, slots=True)
class Subscription:
    """A contact's status on a list."""

    list_id: str
    list_name: str
    status: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One thing that happened to a contact."""

    kind: str
    occurred_at: datetime
    entity_type: str | None
    entity_id: str | None
    properties: str | None


@dataclass(frozen=True, slots=True)
class ContactCard:
    """All that is known of a contact. Instants are UTC.

    `profile` holds the fields that have a value, custom ones too; `events` the last ones, latest first, of
    `event_count` in all.
    """

    email: str
    profile: Mapping[str, object]
    tags: tuple[str, ...]
    subscriptions: tuple[Subscription, ...]
    segment_ids: tuple[str, ...]
    event_count: int
    events: tuple[TimelineEvent, ...]


def _find_contact(store: Store, email: str) -> int:
    contact_id = contact_of_identity(store, f"email:{email}")
    if contact_id is None:
        raise UnknownContactError(email)
    return contact_id


def segments_of(contact_id: int, memberships: Memberships) -> tuple[str, ...]:
    """The segments that a contact is a member of, sorted."""
    return tuple(sorted(name for name, item in memberships.items() if item.members.has(contact_id)))


def contact_card(store: Store, email: str, memberships: Memberships, *, event_count: int) -> ContactCard:
    """All that is known of a contact, with so many of the last events. Raises: UnknownContactError."""
    contact_id = _find_contact(store, email)
    with store.cursor() as cursor:
        custom_fields = fields_in_use(stored_fields(cursor))
    names = (*CONTACT_FIELDS, *custom_fields, "tags")
    quoted = ", ".join(f'"{name}"' for name in names)
    (row,) = store.rows(f"SELECT {quoted} FROM contacts WHERE contact_id = $1", [contact_id])
    values = dict(zip(names, row, strict=True))
    tags = values.pop("tags") or []
    count, events = _events(store, contact_id, event_count)
    return ContactCard(
        email=email,
        profile={name: _utc(value) for name, value in values.items() if value is not None},
        tags=tuple(tags),
        subscriptions=tuple(_subscriptions(store, contact_id)),
        segment_ids=segments_of(contact_id, memberships),
        event_count=count,
        events=events,
    )


def _subscriptions(store: Store, contact_id: int) -> Iterable[Subscription]:
    rows = store.rows(
        """
        SELECT s.list_id, l.name, s.status, s.created_at
        FROM subscriptions AS s JOIN lists AS l ON l.id = s.list_id AND l.deleted_at IS NULL
        WHERE s.contact_id = $1 ORDER BY s.list_id
        """,
        [contact_id],
    )
    for list_id, name, status, created_at in rows:
        yield Subscription(list_id, name, status, None if created_at is None else created_at.replace(tzinfo=UTC))


def _events(store: Store, contact_id: int, most: int) -> tuple[int, tuple[TimelineEvent, ...]]:
    """How many events there are, and the last of them; events of the future, too, come first."""
    rows = store.rows(
        """
        WITH events AS (
            SELECT kind, occurred_at, entity_type, entity_id, properties FROM timeline WHERE contact_id = $1
            UNION ALL
            SELECT 'custom_event.' || event_name, occurred_at, 'custom_event', external_id, properties
            FROM custom_events WHERE contact_id = $1 AND superseded_at IS NULL AND deleted_at IS NULL
        )
        SELECT *, count(*) OVER () FROM events ORDER BY occurred_at DESC, kind, entity_id LIMIT $2
        """,
        [contact_id, max(most, 1)],
    )
    events = tuple(TimelineEvent(kind, at.replace(tzinfo=UTC), *rest) for kind, at, *rest, _ in rows)
    return (rows[0][-1] if rows else 0), events[:most]


def _utc(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
