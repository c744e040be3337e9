"""What importing a dataset into a world means, in plain Python: the judge of the real import.

Files know contacts by their e-mails, and merge none. `tests/import_model.py` knows more of files and nothing of what
single writes left; this one is about both together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.contact_model import add_contact, remember_when
from tests.contact_model_events import count_once, is_custom_event, is_same_event, same_version
from tests.contact_model_lists import REFUSED, tell_status
from tests.contact_world import Entry, Subscription, World, names_somebody, same

Row = Mapping[str, Any]
KIND_OF_STATUS = {"active": "list.subscribed", "pending": "list.pending"}


def take(world: World, dataset: Mapping[str, Sequence[Row]]) -> None:
    """Import a dataset: `contacts`, `lists`, `subscriptions`, `custom_events`, `timeline`, each perhaps absent."""
    world.unordered.add(world.now)
    contacts = [row for row in dataset.get("contacts", ()) if not _is_suppressed(world, row["email"])]
    _take_contacts(world, contacts)
    for row in _last(dataset.get("lists", ()), lambda row: row["id"]):
        new = {"is_public": False, "is_double_optin": False, "deleted_at": None}
        templates = dict.fromkeys(("welcome_template_id", "unsubscribe_template_id", "confirmation_template_id"))
        known = world.lists.setdefault(row["id"], {**new, **templates})
        known.update({name: value for name, value in row.items() if name != "id"})
    _take_subscriptions(world, dataset)
    for row in _last(_of_known(world, dataset, "custom_events"), _version_key):
        version = {name: row.get(name) for name in ("goal_value", "properties", "deleted_at")}
        versions = world.custom_events.setdefault((row["event_name"], row["external_id"]), {})
        version["contact"] = world.owners[f"email:{row['email']}"]
        if not same_version(versions.get(row["occurred_at"]), version):
            versions[row["occurred_at"]] = version
    _take_events(world, _of_known(world, dataset, "timeline"))
    count_once(world)


def _take_contacts(world: World, rows: Sequence[Row]) -> None:
    known: list[Row] = []
    new: list[Row] = []
    for row in _last(rows, lambda row: row["email"]):
        (known if f"email:{row['email']}" in world.owners else new).append(row)
    # A contact that has several e-mails may arrive under each; the last row counts.
    for row in _last(known, lambda row: world.owners[f"email:{row['email']}"]):
        _update(world, world.owners[f"email:{row['email']}"], row)
    for row in new:
        fields = {name: value for name, value in row.items() if name != "tags" and value is not None}
        number = add_contact(world, fields, list(row.get("tags") or ()))
        world.owners[f"email:{row['email']}"] = number
    for kind in ("external_id", "phone"):
        # What several contacts claim is the oldest one's, unless it is somebody's already.
        for number in sorted(world.contacts, key=lambda number: _age(world, number)):
            value = world.contacts[number].fields.get(kind)
            if names_somebody(kind, value):
                world.owners.setdefault(f"{kind}:{value}", number)


def _age(world: World, number: int) -> tuple[datetime, str]:
    fields = world.contacts[number].fields
    return fields.get("created_at", datetime(9999, 12, 31)), fields.get("email", "\uffff")


def _update(world: World, number: int, row: Row) -> None:
    """A row gives a known contact the columns that it has; its e-mail only says whom."""
    contact = world.contacts[number]
    given = {name: value for name, value in row.items() if name not in {"email", "tags"}}
    changed = {name: value for name, value in given.items() if not same(contact.fields.get(name), value)}
    said = {name: {"old": contact.fields.get(name), "new": value} for name, value in changed.items()}
    if "tags" in row and list(row["tags"] or ()) != contact.tags:
        said["tags"] = {"old": contact.tags or None, "new": row["tags"] or None}
        contact.tags = list(row["tags"] or ())
    if not said:
        return
    for name, value in changed.items():
        old = f"{name}:{contact.fields.get(name)}"
        if name in {"phone", "external_id"} and value is None and world.owners.get(old) == number:
            del world.owners[old]
    contact.fields = {name: value for name, value in {**contact.fields, **changed}.items() if value is not None}
    remember_when(contact, said, world.now)
    world.add_entry(number, "contact.updated", world.now, entity_type="contact", operation="update", changes=said)


def _take_subscriptions(world: World, dataset: Mapping[str, Sequence[Row]]) -> None:
    if "lists" not in dataset:
        for row in dataset.get("subscriptions", ()):  # of strangers, too: the rows say which lists there are
            templates = dict.fromkeys(("welcome_template_id", "unsubscribe_template_id", "confirmation_template_id"))
            new = {"name": row["list_id"], "is_public": False, "is_double_optin": False, "deleted_at": None}
            world.lists.setdefault(row["list_id"], {**new, **templates})
    rows = [row for row in _of_known(world, dataset, "subscriptions") if row["list_id"] in world.lists]
    for row in _last(rows, lambda row: (world.owners[f"email:{row['email']}"], row["list_id"])):
        number, list_id, status = world.owners[f"email:{row['email']}"], row["list_id"], row["status"]
        old = world.subscriptions.get((number, list_id))
        if old is None:
            world.subscriptions[number, list_id] = Subscription(status, row.get("created_at"), None)
            continue
        created_at, updated_at = row.get("created_at", old.created_at), old.updated_at
        if old.status in REFUSED or status == old.status:
            status = old.status
        else:
            statuses, updated_at = (old.status, status), world.now
            kind = KIND_OF_STATUS.get(status, f"list.{status}")
            tell_status(world, number, list_id, kind, statuses, "import", world.now)
        world.subscriptions[number, list_id] = Subscription(status, created_at, updated_at)


def _take_events(world: World, rows: Sequence[Row]) -> None:
    entries = [_entry(world, row) for row in rows]
    for entry in _last([entry for entry in entries if entry.id is not None], lambda entry: entry.id):
        known = [other for other in world.timeline if other.id == entry.id]
        if is_custom_event(world, entry):
            continue
        if not known or not is_same_event(known[0], entry):
            world.timeline = [other for other in world.timeline if other.id != entry.id]
            world.timeline.append(entry)
    arrived = Counter(repr(_without_at(entry)) for entry in entries if entry.id is None)
    here = Counter(repr(_without_at(entry)) for entry in world.timeline if entry.id is None)
    missing = arrived - here  # of equal ones the world keeps as many as arrived together at most
    for entry in entries:
        if entry.id is None and missing[repr(_without_at(entry))] > 0:
            missing[repr(_without_at(entry))] -= 1
            world.timeline.append(entry)


def _entry(world: World, row: Row) -> Entry:
    values = {name: value for name, value in row.items() if name != "email"}
    return Entry(contact=world.owners[f"email:{row['email']}"], at=world.now, **values)


def _without_at(entry: Entry) -> tuple[Any, ...]:
    return tuple(getattr(entry, name) for name in entry.__dataclass_fields__ if name != "at")


def _is_suppressed(world: World, email: str) -> bool:
    return email in world.suppressed


def _version_key(row: Row) -> tuple[Any, ...]:
    return row["event_name"], row["external_id"], row["occurred_at"]


def _of_known(world: World, dataset: Mapping[str, Sequence[Row]], table: str) -> list[Row]:
    return [row for row in dataset.get(table, ()) if f"email:{row['email']}" in world.owners]


def _last(rows: Sequence[Any], key: Callable[[Any], Any]) -> list[Any]:
    """The last row of each key, in the order of the rows."""
    places = {key(row): place for place, row in enumerate(rows)}
    return [row for place, row in enumerate(rows) if places[key(row)] == place]
