"""What a workspace and a model world know, in one form that can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine.storage import Store
from tests.contact_model_events import superseded_at
from tests.contact_world import World

FIELDS = (
    "email",
    "phone",
    "external_id",
    "first_name",
    "orders_count",
    "custom_json_1",
    "profile",
    "created_at",
    "updated_at",
)
JSON_FIELDS = ("custom_json_1", "profile")
ENTRY_COLUMNS = ("kind", "occurred_at", "id", "entity_type", "entity_id", "operation", "template_id")
LIST_COLUMNS = (
    "name",
    "is_public",
    "is_double_optin",
    "welcome_template_id",
    "unsubscribe_template_id",
    "confirmation_template_id",
    "deleted_at",
)

State = dict[str, Any]


def state_of_world(world: World) -> State:
    """What a model world knows. Contacts go by their identities."""
    names = {number: tuple(world.identities(number)) for number in world.contacts}
    assert len({*names.values()}) == len(names)
    timeline: dict[tuple[str, ...], list[Any]] = {name: [] for name in names.values()}
    for entry in world.timeline:
        columns = [getattr(entry, name) for name in ENTRY_COLUMNS]
        timeline[names[entry.contact]].append((entry.at, columns, entry.properties, entry.changes))
    state: State = _plain(
        {
            "contacts": {names[n]: {**c.fields, "tags": sorted(c.tags)} for n, c in world.contacts.items()},
            "subscriptions": {
                (names[number], list_id): [row.status, row.created_at, row.updated_at]
                for (number, list_id), row in world.subscriptions.items()
            },
            "timeline": {name: _in_order(entries, world.unordered) for name, entries in timeline.items()},
            "custom_events": {
                (*key, at): [names[version["contact"]], version["goal_value"], version["properties"],
                             version["deleted_at"], superseded_at(versions, at)]
                for key, versions in world.custom_events.items()
                for at, version in versions.items()
            },
            "mails": [[mail.mail, names[mail.contact], mail.list_id, mail.template_id] for mail in world.mails],
            "lists": {list_id: [row[name] for name in LIST_COLUMNS] for list_id, row in world.lists.items()},
            "defined_tags": dict(world.tags),
            "totals": dict(world.totals),
            "numbers": sorted([*world.contacts, *world.gone]),
        }
    )  # fmt: skip
    return state


def state_of_store(store: Store, unordered: Iterable[datetime]) -> State:
    """What a store knows. `unordered` are the instants of writes that add entries in no order."""
    with store.cursor() as cursor:
        return _state_of(lambda query: cursor.execute(query).fetchall(), unordered)


def _state_of(rows: Callable[[str], list[Any]], unordered: Iterable[datetime]) -> State:
    names: dict[int, tuple[str, ...]] = {}
    for number, identities in rows("SELECT contact_id, list(identity ORDER BY identity) FROM identities GROUP BY 1"):
        names[number] = tuple(identities)
    contacts = {}
    for number, tags, phone_is_valid, *values in rows(
        f"SELECT contact_id, tags, phone_is_valid, {', '.join(FIELDS)} FROM contacts"
    ):
        row = dict(zip(FIELDS, values, strict=True))
        fields = {n: json.loads(v) if n in JSON_FIELDS else v for n, v in row.items() if v is not None}
        contacts[names[number]] = {**fields, "tags": sorted(tags or ())}
        assert phone_is_valid == (None if row["phone"] is None else row["phone"].startswith("+"))
    assert len(contacts) == len(names)
    timeline: dict[tuple[str, ...], list[Any]] = {name: [] for name in names.values()}
    names_of_entries = ", ".join(("contact_id", "ingested_at", "properties", "changes", *ENTRY_COLUMNS))
    for number, at, properties, changes, *columns in rows(f"SELECT {names_of_entries} FROM timeline ORDER BY sequence"):
        timeline[names[number]].append((at, columns, _loaded(properties), _loaded(changes)))
    subscriptions = rows("SELECT contact_id, list_id, status, created_at, updated_at FROM subscriptions")
    events = rows(
        """
        SELECT event_name, external_id, occurred_at, contact_id, goal_value, properties, deleted_at, superseded_at
        FROM custom_events
        """
    )
    mails = rows("SELECT mail, contact_id, list_id, template_id FROM outbox ORDER BY sequence")
    state: State = {
        "contacts": contacts,
        "subscriptions": {(names[number], list_id): values for number, list_id, *values in subscriptions},
        "timeline": {name: _in_order(entries, unordered) for name, entries in timeline.items()},
        "custom_events": {
            (name, external_id, at): [names[number], value, _loaded(properties), *more]
            for name, external_id, at, number, value, properties, *more in events
        },
        "mails": [[mail, names[number], list_id, template] for mail, number, list_id, template in mails],
        "lists": {
            list_id: [name, bool(is_public), bool(is_double), *more]
            for list_id, name, is_public, is_double, *more in rows(f"SELECT id, {', '.join(LIST_COLUMNS)} FROM lists")
        },
        "defined_tags": dict(rows("SELECT name, color FROM tags")),
        "totals": {
            (kind, f"{month:%Y-%m}"): count
            for kind, month, count in rows("SELECT kind, month, event_count FROM anonymous_totals")
        },
        "numbers": [
            number
            for (number,) in rows("SELECT contact_id FROM contacts UNION ALL SELECT contact_id FROM retired ORDER BY 1")
        ],
    }
    assert len(state["subscriptions"]) == len(subscriptions), "a subscription has two rows"
    assert len(state["custom_events"]) == len(events), "a version has two rows"
    plain: State = _plain(state)
    return plain


def differences(found: Any, expected: Any, place: str = "") -> list[str]:
    """Where two states differ, in words."""
    if isinstance(found, dict) and isinstance(expected, dict):
        lines = [f"{place}[{key!r}] is there: {found[key]}" for key in found if key not in expected]
        lines += [f"{place}[{key!r}] is missing: {expected[key]}" for key in expected if key not in found]
        common = [key for key in expected if key in found]
        return lines + [line for key in common for line in differences(found[key], expected[key], f"{place}[{key!r}]")]
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for number, (a, b) in pairs for line in differences(a, b, f"{place}[{number}]")]
    if isinstance(found, list) and isinstance(expected, list):
        lines = [f"{place} has {item}" for item in found if item not in expected]
        return lines + [f"{place} lacks {item}" for item in expected if item not in found] or [f"{place}: repeated"]
    return [] if found == expected else [f"{place}: {found} instead of {expected}"]


def _in_order(entries: list[Any], unordered: Iterable[datetime]) -> list[Any]:
    """Entries in the order of their writing; those of a write that adds them in no order are sorted."""
    assert [at for at, *_ in entries] == sorted(at for at, *_ in entries)
    shown = [
        (at, _plain([*columns, _shown_merge(properties), changes])) for at, columns, properties, changes in entries
    ]
    return [list(entry) for entry in sorted(shown, key=lambda e: (e[0], repr(e[1]) if e[0] in unordered else ""))]


def _shown_merge(properties: Any) -> Any:
    """The sides of a merge; when each value was given shows in what the next merge chooses."""
    return {"sides": properties["sides"]} if isinstance(properties, Mapping) and "sides" in properties else properties


def _loaded(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _plain(value: Any) -> Any:
    """A value in one spelling: instants as texts, numbers as floats, tags in order."""
    match value:
        case dict():
            plain = {_plain(key): _plain(item) for key, item in value.items()}
            if isinstance(plain.get("tags"), dict):  # in an entry: {"old": [...], "new": [...]}
                plain["tags"] = {side: tags and sorted(tags) for side, tags in plain["tags"].items()}
            elif isinstance(plain.get("tags"), list):
                plain["tags"] = sorted(plain["tags"])
            return dict(sorted(plain.items(), key=repr))
        case list():
            return [_plain(item) for item in value]
        case tuple():
            return tuple(_plain(item) for item in value)
        case datetime():
            return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
        case bool():
            return value
        case int() | Decimal():
            return float(value)
        case str():
            return value.replace(".000000Z", "Z")
        case _:
            return value
