"""What SQL sees of a workspace: the documented views, with the type and the meaning of every column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.definition.fields import CONTACT_FIELDS, FieldType


@dataclass(frozen=True, slots=True)
class PublishedColumn:
    """A column of a view: its DuckDB type, and what it holds. Instants are UTC."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class PublishedView:
    """A view: what one row is, its columns, and its rows as SQL over the base tables."""

    rows: str
    columns: tuple[PublishedColumn, ...]
    query: str


BASE = "base_"
"""How the names of the tables under the views begin; nobody is to name them."""

_TYPES = {
    FieldType.STRING: ("VARCHAR", "text"),
    FieldType.NUMBER: ("DOUBLE", "number"),
    FieldType.TIME: ("TIMESTAMP", "instant"),
    FieldType.JSON: ("VARCHAR", "JSON text; read it with ->> and a path"),
}
_MEANINGS = {
    "email": "the contact, trimmed and in lower case",
    "timezone": "as given, perhaps no IANA name",
    "phone": "in E.164 where it could be read, else as given",
    "profile": "JSON text of an object with the free keys; read it with ->> and a path",
    "lifetime_value": "in the workspace's currency",
}

_EMAIL = PublishedColumn("email", "VARCHAR", "the contact")

CONTACT_COLUMNS = (
    *(
        PublishedColumn(name, _TYPES[kind][0], _MEANINGS.get(name, _TYPES[kind][1]))
        for name, kind in CONTACT_FIELDS.items()
    ),
    PublishedColumn("phone_is_valid", "BOOLEAN", "whether the phone is in E.164; NULL where there is none"),
    PublishedColumn("tags", "VARCHAR[]", "list of tags"),
)
_CONTACT_NAMES = ", ".join(f"c.{column.name}" for column in CONTACT_COLUMNS)


def contacts_query(custom_keys: Iterable[str]) -> str:
    """The rows of the view `contacts`: the documented columns, then those of custom fields."""
    custom = "".join(f', c."{key}"' for key in custom_keys)
    return f"SELECT {_CONTACT_NAMES}{custom} FROM base_contacts AS c"


def segment_query(custom_keys: Iterable[str], segment_id: str) -> str:
    """The rows of the view of a segment. Ids have no character but a-z 0-9 _ -: none ends the quotes."""
    members = f"SELECT m.members FROM base_memberships AS m WHERE m.segment_id = '{segment_id}'"
    return f"{contacts_query(custom_keys)} WHERE get_bit(({members}), c.contact_id) = 1"


VIEWS: Mapping[str, PublishedView] = MappingProxyType(
    {
        "contacts": PublishedView("one per contact", CONTACT_COLUMNS, contacts_query(())),
        "timeline": PublishedView(
            "one per event of a contact; a custom event is one event of the kind `custom_event.` and its name",
            (
                _EMAIL,
                PublishedColumn("kind", "VARCHAR", "what happened, such as `open_email`"),
                PublishedColumn("occurred_at", "TIMESTAMP", "instant"),
                PublishedColumn("id", "VARCHAR", "the event's own id; NULL where it has none"),
                PublishedColumn("entity_type", "VARCHAR", "what it happened to"),
                PublishedColumn("entity_id", "VARCHAR", "which one; of a custom event its external id"),
                PublishedColumn("operation", "VARCHAR", "what was done to it"),
                PublishedColumn("template_id", "VARCHAR", "the template of a message"),
                PublishedColumn("properties", "VARCHAR", "JSON text of an object; read it with ->> and a path"),
                PublishedColumn(
                    "changes", "VARCHAR", "JSON text: what changed, as `{field: {old, new}}`; NULL where nothing did"
                ),
                PublishedColumn("ingested_at", "TIMESTAMP", "instant at which the workspace took it in"),
            ),
            """
            SELECT c.email, e.kind, e.occurred_at, e.id, e.entity_type, e.entity_id, e.operation, e.template_id,
                e.properties, e.changes, e.ingested_at
            FROM (
                SELECT contact_id, kind, occurred_at, id, entity_type, entity_id, operation, template_id, properties,
                    changes, ingested_at
                FROM base_timeline
                UNION ALL
                SELECT contact_id, 'custom_event.' || event_name, occurred_at, NULL, 'custom_event', external_id, NULL,
                    NULL, properties, NULL, ingested_at
                FROM base_custom_events WHERE superseded_at IS NULL AND deleted_at IS NULL
            ) AS e JOIN base_contacts AS c ON c.contact_id = e.contact_id
            """,
        ),
        "custom_events": PublishedView(
            "one per custom event that was not deleted, in its latest version",
            (
                _EMAIL,
                PublishedColumn("event_name", "VARCHAR", "its name"),
                PublishedColumn("external_id", "VARCHAR", "its id, unique within its name"),
                PublishedColumn("occurred_at", "TIMESTAMP", "instant"),
                PublishedColumn(
                    "goal_type",
                    "VARCHAR",
                    "purchase, subscription, lead, signup, booking, trial or other; NULL where it is no goal",
                ),
                PublishedColumn("goal_name", "VARCHAR", "text"),
                PublishedColumn("goal_value", "DECIMAL(38,9)", "exact, in the workspace's currency"),
                PublishedColumn("properties", "VARCHAR", "JSON text of an object; read it with ->> and a path"),
            ),
            """
            SELECT c.email, e.event_name, e.external_id, e.occurred_at, e.goal_type, e.goal_name, e.goal_value,
                e.properties
            FROM base_custom_events AS e JOIN base_contacts AS c ON c.contact_id = e.contact_id
            WHERE e.superseded_at IS NULL AND e.deleted_at IS NULL
            """,
        ),
        "lists": PublishedView(
            "one per list that was not deleted",
            (
                PublishedColumn("id", "VARCHAR", "the list"),
                PublishedColumn("name", "VARCHAR", "text"),
                PublishedColumn("is_public", "BOOLEAN", "whether people can join by themselves"),
                PublishedColumn("is_double_optin", "BOOLEAN", "whether joining must be confirmed"),
            ),
            "SELECT l.id, l.name, l.is_public, l.is_double_optin FROM base_lists AS l WHERE l.deleted_at IS NULL",
        ),
        "subscriptions": PublishedView(
            "one per contact and list, of lists that were not deleted",
            (
                _EMAIL,
                PublishedColumn("list_id", "VARCHAR", "the list"),
                PublishedColumn("status", "VARCHAR", "active, pending, unsubscribed, bounced or complained"),
                PublishedColumn("created_at", "TIMESTAMP", "instant"),
            ),
            """
            SELECT c.email, s.list_id, s.status, s.created_at
            FROM base_subscriptions AS s
            JOIN base_contacts AS c ON c.contact_id = s.contact_id
            JOIN base_lists AS l ON l.id = s.list_id AND l.deleted_at IS NULL
            """,
        ),
        "segments": PublishedView(
            "one per segment",
            (
                PublishedColumn("id", "VARCHAR", "the segment"),
                PublishedColumn("name", "VARCHAR", "text"),
                PublishedColumn("color", "VARCHAR", "text"),
                PublishedColumn("timezone", "VARCHAR", "IANA name, or `contact` for each contact's own"),
                PublishedColumn("version", "INTEGER", "of its definition, from 1"),
                PublishedColumn("definition", "VARCHAR", "JSON text; read it with ->> and a path"),
                PublishedColumn("applied_at", "TIMESTAMP", "instant at which this version was applied"),
                PublishedColumn(
                    "status",
                    "VARCHAR",
                    "computed; outdated: the members are of an earlier version; new: not computed yet; failed",
                ),
                PublishedColumn("size", "INTEGER", "contacts; NULL where it was never computed"),
                PublishedColumn("as_of", "TIMESTAMP", "instant at which the members were computed"),
                PublishedColumn("failure", "VARCHAR", "why the last computation failed; NULL where it did not"),
            ),
            "SELECT * FROM base_segments",
        ),
        "memberships": PublishedView(
            "one per segment and member, as last computed",
            (
                PublishedColumn("segment_id", "VARCHAR", "the segment"),
                _EMAIL,
                PublishedColumn("as_of", "TIMESTAMP", "instant at which the members were computed"),
            ),
            """
            SELECT m.segment_id, c.email, m.as_of
            FROM base_memberships AS m JOIN base_contacts AS c ON get_bit(m.members, c.contact_id) = 1
            """,
        ),
    }
)
"""The views of schema `main`. Schema `segment` has one view per computed segment, with the columns of `contacts`.

`contacts` and those have the columns of custom fields, too: see `contacts_query`.
"""
