"""What timeline events and custom events mean, in plain Python: the judge of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from tests.contact_model_lists import tighten
from tests.contact_world import Entry, RefusedWrite, World, same

STATUS_OF_KIND = {"bounce_email": "bounced", "complain_email": "complained", "unsubscribe_email": "unsubscribed"}
EVENT_FIELDS = [item.name for item in fields(Entry) if item.name not in {"at", "changes"}]


def record(world: World, given: Mapping[str, Any]) -> str:
    """An event of the timeline, and what it says of subscriptions. `occurred_at` is a datetime of UTC."""
    if given["kind"].startswith("custom_event."):
        raise RefusedWrite("InvalidValueError")
    number = world.contact_of(given.get("email") or given.get("contact"))
    values = {name: value for name, value in given.items() if name not in {"email", "contact"}}
    entry = Entry(contact=number, at=world.now, **values)
    for other in world.timeline:
        if entry.id is not None and other.id == entry.id:
            if is_same_event(entry, other):
                return "unchanged"
            raise RefusedWrite("EventConflictError")
    world.timeline.append(entry)
    if entry.kind in STATUS_OF_KIND and entry.occurred_at <= world.now:
        _change_subscriptions(world, entry)
    return "created"


def is_same_event(one: Entry, other: Entry) -> bool:
    return all(same(getattr(one, name), getattr(other, name)) for name in EVENT_FIELDS)


def _change_subscriptions(world: World, entry: Entry) -> None:
    properties = entry.properties or {}
    bounce_type = str(properties.get("bounce_type", properties.get("type", ""))).lower()
    if entry.kind == "bounce_email" and bounce_type not in {"hard", "permanent"}:
        return
    named = entry.entity_id if entry.entity_type == "list" else properties.get("list_id")
    for list_id in [named] if named else sorted(world.subscriptions_of(entry.contact)):
        if list_id in world.lists:
            tighten(world, entry.contact, list_id, STATUS_OF_KIND[entry.kind], entry.occurred_at)


# --- custom events ----------------------------------------------------------------------------------------------------


def record_custom(world: World, given: Mapping[str, Any]) -> str:
    """A custom event, or another version of it: the same name and external id at another instant."""
    number = world.contact_of(given["email"])
    key = (given["event_name"], given["external_id"])
    versions = world.custom_events.get(key, {})
    latest = versions[max(versions)] if versions else None
    if latest is not None and latest["contact"] != number:
        raise RefusedWrite("InvalidWriteError")
    version = {
        "contact": number,
        "goal_value": given.get("goal_value"),
        "properties": given.get("properties"),
        "deleted_at": latest["deleted_at"] if latest else None,
    }
    if same_version(versions.get(given["occurred_at"]), version):
        return "unchanged"
    world.custom_events.setdefault(key, {})[given["occurred_at"]] = version
    count_once(world)
    return "updated" if versions else "created"


def same_version(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    return one is not None and all(same(one[name], other[name]) for name in other)


def delete_custom(world: World, event_name: str, external_id: str, *, restored: bool) -> str:
    """An event counts in none of its versions any more, or again in all."""
    versions = world.custom_events.get((event_name, external_id))
    if not versions:
        raise RefusedWrite("UnknownCustomEventError")
    latest = versions[max(versions)]
    if (latest["deleted_at"] is None) == restored:
        return "unchanged"
    for version in versions.values():
        version["deleted_at"] = None if restored else world.now
    kind, operation = ("event.restored", "restore") if restored else ("event.deleted", "delete")
    told = {"entity_type": "custom_event", "entity_id": f"{event_name}:{external_id}", "operation": operation}
    world.add_entry(latest["contact"], kind, world.now, **told)
    return "updated" if restored else "deleted"


def count_once(world: World) -> None:
    """What is a custom event is no event of the timeline as well."""
    world.timeline = [entry for entry in world.timeline if not is_custom_event(world, entry)]


def is_custom_event(world: World, entry: Entry) -> bool:
    return any(entry.kind == f"custom_event.{name}" and entry.entity_id == key for name, key in world.custom_events)


def superseded_at(versions: Mapping[datetime, Any], at: datetime) -> datetime | None:
    """When the next version took over."""
    return min((other for other in versions if other > at), default=None)
