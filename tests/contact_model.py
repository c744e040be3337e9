"""What single writes mean to contacts, in plain Python: the judge of the real ones. It shares no code with them.

The functions of this and the other `contact_model_*` files change a world as docs/contacts.md, docs/lists.md and the
issue say, or raise `RefusedWrite` with the name of the error and leave the world as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.contact_world import (
    FIRST,
    IDENTITY_FIELDS,
    LAST,
    RESTRICTIVE_FIRST,
    Contact,
    RefusedWrite,
    Subscription,
    World,
    email_of,
    identity_of_address,
    kind_of,
    names_somebody,
    same,
    text_of,
)

# --- upserts ----------------------------------------------------------------------------------------------------------


def upsert(world: World, given: Mapping[str, Any]) -> str:
    """A contact as an application gives it."""
    values = {name: value for name, value in given.items() if name not in {"tags", "identities"}}
    for name in ("created_at", "updated_at"):
        if values.get(name, "") is None:  # they are always there: null says nothing
            del values[name]
    if values.get("email") is not None:
        values["email"] = email_of(values["email"])
    identities = [f"{name}:{values[name]}" for name in IDENTITY_FIELDS if names_somebody(name, values.get(name))]
    identities += [identity_of_address(item) for item in given.get("identities", ())]
    if not identities:
        raise RefusedWrite("InvalidWriteError")
    tags = list(given["tags"] or ()) if "tags" in given else None
    found = {world.owners[identity] for identity in identities if identity in world.owners}
    reached = {world.owners[i] for i in identities if i in world.owners and kind_of(i) in world.merging_kinds}
    if len(found) > 1 and found != reached:
        raise RefusedWrite("IdentityConflictError")
    check_not_suppressed(world, identities)
    if not found:
        create(world, values, tags or [], identities)
        return "created"
    if len(found) > 1:
        change(world, merge(world, found), values, tags, identities)
        return "merged"
    (number,) = found
    check_somebody_stays_named(world, number, values, identities)
    return "updated" if change(world, number, values, tags, identities) else "unchanged"


def create(world: World, values: Mapping[str, Any], tags: list[str], identities: Iterable[str]) -> int:
    """A new contact, with the entry that says so."""
    fields = {name: value for name, value in values.items() if value is not None}
    created_at = fields.get("created_at", world.now)
    said = {name: {"old": None, "new": value} for name, value in fields.items()}
    if tags:
        said["tags"] = {"old": None, "new": tags}
    number = add_contact(world, {"updated_at": world.now, **fields, "created_at": created_at}, tags)
    remember_when(world.contacts[number], said, created_at)
    world.owners.update(dict.fromkeys(identities, number))
    world.add_entry(number, "contact.created", created_at, entity_type="contact", operation="create", changes=said)
    return number


def add_contact(world: World, fields: dict[str, Any], tags: list[str]) -> int:
    number = world.next_number
    world.next_number += 1
    world.contacts[number] = Contact(number, fields, tags, {})
    return number


def change(
    world: World, number: int, values: Mapping[str, Any], tags: list[str] | None, identities: Iterable[str]
) -> bool:
    """Give a known contact what it does not have yet; whether there was any."""
    contact = world.contacts[number]
    changed = {n: value for n, value in values.items() if not same(contact.fields.get(n), value)}
    said = {name: {"old": contact.fields.get(name), "new": value} for name, value in changed.items()}
    if tags is not None and set(tags) != set(contact.tags):
        said["tags"] = {"old": contact.tags or None, "new": tags or None}
        contact.tags = tags
    new_identities = [identity for identity in dict.fromkeys(identities) if world.owners.get(identity) != number]
    if said:
        at = values.get("updated_at") or world.now
        for name in IDENTITY_FIELDS:
            if changed.get(name, "") is None and world.owners.get(f"{name}:{contact.fields[name]}") == number:
                world.release(f"{name}:{contact.fields[name]}", number)
        contact.fields = {n: v for n, v in {**contact.fields, **changed, "updated_at": at}.items() if v is not None}
        remember_when(contact, said, at)
        world.add_entry(number, "contact.updated", at, entity_type="contact", operation="update", changes=said)
    for identity in new_identities:
        world.owners[identity] = number
        if not any(identity == f"{name}:{values.get(name)}" for name in IDENTITY_FIELDS):
            told = {"entity_type": "identity", "entity_id": identity, "operation": "add"}
            world.add_entry(number, "identity.added", world.now, **told)
    return bool(said or new_identities)


def remember_when(contact: Contact, said: Mapping[str, Any], at: datetime) -> None:
    """Since when a contact has what a write gave it."""
    for name, sides in said.items():
        if sides["new"] is not None:
            contact.given_at[name] = at
    if "profile" in said:
        old, new = said["profile"]["old"] or {}, said["profile"]["new"] or {}
        for key, value in new.items():
            if value is not None and not (key in old and same(old[key], value)):
                contact.given_at[f"profile.{key}"] = at


def check_somebody_stays_named(
    world: World, number: int, values: Mapping[str, Any], identities: Collection[str]
) -> None:
    """Something must name a contact after a write."""
    old = world.contacts[number].fields
    removed = {f"{n}:{old[n]}" for n in IDENTITY_FIELDS if n in values and values[n] is None and n in old}
    if removed and not {*world.identities(number), *identities} - removed:
        raise RefusedWrite("InvalidWriteError")


def check_not_suppressed(world: World, identities: Iterable[str]) -> None:
    if any(i not in world.owners and kind_of(i) == "email" and i[6:] in world.suppressed for i in identities):
        raise RefusedWrite("SuppressedContactError")


# --- merging ----------------------------------------------------------------------------------------------------------


def merge(world: World, numbers: Collection[int]) -> int:
    """Several contacts become the oldest of them."""
    sides = sorted((world.contacts[n] for n in numbers), key=lambda c: (c.fields.get("created_at", LAST), c.number))
    survivor, *others = sides
    told = [_side(world, contact) for contact in sides]
    fields, given_at = merged_values(sides)
    tags = sorted({tag for contact in sides for tag in contact.tags})
    said = {
        name: {"old": survivor.fields.get(name), "new": fields.get(name)}
        for name in sorted({*survivor.fields, *fields})
        if not same(survivor.fields.get(name), fields.get(name))
    }
    if set(tags) != set(survivor.tags):
        said["tags"] = {"old": survivor.tags or None, "new": tags}
    for other in others:
        _move(world, other.number, survivor.number)
    survivor.fields, survivor.tags, survivor.given_at = fields, tags, given_at
    told_more = {"entity_type": "contact", "operation": "merge", "properties": {"sides": told}, "changes": said}
    world.add_entry(survivor.number, "contact.merged", world.now, **told_more)
    return survivor.number


def merged_values(sides: Collection[Contact]) -> tuple[dict[str, Any], dict[str, datetime]]:
    """Of each field, and of each key of the profile, the value that was given last, and when that was."""
    given_at: dict[str, datetime] = {}

    def latest(name: str, candidates: Iterable[tuple[Contact, Any]]) -> Any:
        dated = [
            (c.given_at.get(name, c.fields.get("created_at", FIRST)), text_of(value), value) for c, value in candidates
        ]
        at, _, value = max(dated, key=lambda candidate: candidate[:2])
        given_at[name] = at
        return value

    fields = {}
    for name in {name for contact in sides for name in contact.fields} - {"created_at", "updated_at", "profile"}:
        fields[name] = latest(name, [(c, c.fields[name]) for c in sides if name in c.fields])
    profile = {}
    for key in {key for contact in sides for key in contact.fields.get("profile", {})}:
        found = [(c, c.fields["profile"][key]) for c in sides if c.fields.get("profile", {}).get(key) is not None]
        profile[key] = latest(f"profile.{key}", found) if found else None
    if profile:
        fields["profile"] = profile
    for name, choose in (("created_at", min), ("updated_at", max)):
        if instants := [contact.fields[name] for contact in sides if name in contact.fields]:
            fields[name] = choose(instants)
    return fields, given_at


def merge_known(world: World, addresses: Iterable[Any]) -> str:
    """Contacts that somebody says are one."""
    numbers = {world.contact_of(address) for address in addresses}
    if len(numbers) == 1:
        return "unchanged"
    merge(world, numbers)
    return "merged"


def _side(world: World, contact: Contact) -> dict[str, Any]:
    """A contact as the entry of a merge keeps it."""
    more: dict[str, Any] = {"tags": contact.tags} if contact.tags else {}
    more["identities"] = world.identities(contact.number)
    more["subscriptions"] = {list_id: row.status for list_id, row in world.subscriptions_of(contact.number).items()}
    return {**contact.fields, **more}


def _move(world: World, old: int, new: int) -> None:
    """All that is a contact's is another one's now."""
    del world.contacts[old]
    world.gone[old] = new
    world.owners = {identity: new if owner == old else owner for identity, owner in world.owners.items()}
    for list_id, row in world.subscriptions_of(old).items():
        del world.subscriptions[old, list_id]
        other = world.subscriptions.get((new, list_id))
        world.subscriptions[new, list_id] = row if other is None else _united(row, other)
    world.timeline = [replace(entry, contact=new) if entry.contact == old else entry for entry in world.timeline]
    world.mails = [replace(mail, contact=new) if mail.contact == old else mail for mail in world.mails]
    for versions in world.custom_events.values():
        for version in versions.values():
            if version["contact"] == old:
                version["contact"] = new


def _united(one: Subscription, other: Subscription) -> Subscription:
    created = [row.created_at for row in (one, other) if row.created_at]
    updated = [row.updated_at for row in (one, other) if row.updated_at]
    status = min(one.status, other.status, key=RESTRICTIVE_FIRST.index)
    return Subscription(status, min(created, default=None), max(updated, default=None))


# --- identities -------------------------------------------------------------------------------------------------------


def add_identity(world: World, address: Any, identity: str) -> str:
    number = world.contact_of(address)
    owner = world.owners.get(identity)
    if owner == number:
        return "unchanged"
    check_not_suppressed(world, [identity])
    if owner is not None:
        if kind_of(identity) not in world.merging_kinds:
            raise RefusedWrite("IdentityConflictError")
        merge(world, {number, owner})
        return "merged"
    world.owners[identity] = number
    told = {"entity_type": "identity", "entity_id": identity, "operation": "add"}
    world.add_entry(number, "identity.added", world.now, **told)
    return "updated"


def remove_identity(world: World, address: Any, identity: str) -> str:
    number = world.contact_of(address)
    if world.owners.get(identity) != number:
        return "unchanged"
    if world.identities(number) == [identity]:
        raise RefusedWrite("InvalidWriteError")
    kind, _, value = identity.partition(":")
    if kind in IDENTITY_FIELDS and world.contacts[number].fields.get(kind) == value:
        change(world, number, {kind: None}, None, [])
    else:
        world.release(identity, number)
        told = {"entity_type": "identity", "entity_id": identity, "operation": "remove"}
        world.add_entry(number, "identity.removed", world.now, **told)
    return "updated"


def set_merging_kinds(world: World, kinds: Iterable[str]) -> str:
    if world.merging_kinds == frozenset(kinds):
        return "unchanged"
    world.merging_kinds = frozenset(kinds)
    return "updated"


# --- erasure ----------------------------------------------------------------------------------------------------------


def erase(world: World, address: Any, *, suppress: bool) -> None:
    """Nothing of a contact stays but totals that name nobody."""
    number = world.contact_of(address)
    if suppress:
        world.suppressed |= {i[6:] for i in world.identities(number) if kind_of(i) == "email"}
    for entry in world.timeline:
        if entry.contact == number:
            world.totals[entry.kind, f"{entry.occurred_at:%Y-%m}"] += 1
    for (name, _), versions in world.custom_events.items():
        at = max(versions)
        if versions[at]["contact"] == number and versions[at]["deleted_at"] is None:
            world.totals[f"custom_event.{name}", f"{at:%Y-%m}"] += 1
    del world.contacts[number]
    world.gone[number] = None
    for identity in world.identities(number):
        world.release(identity, number)
    world.subscriptions = {key: row for key, row in world.subscriptions.items() if key[0] != number}
    world.timeline = [entry for entry in world.timeline if entry.contact != number]
    world.mails = [mail for mail in world.mails if mail.contact != number]
    for key, versions in list(world.custom_events.items()):
        kept = {at: version for at, version in versions.items() if version["contact"] != number}
        world.custom_events[key] = kept
        if not kept:
            del world.custom_events[key]


def unsuppress(world: World, email: str) -> str:
    if email not in world.suppressed:
        return "unchanged"
    world.suppressed.remove(email)
    return "updated"
