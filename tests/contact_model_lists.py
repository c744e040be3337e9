"""What writes mean to lists, subscriptions, mails and tags, in plain Python: the judge of the real ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from tests.contact_model import check_not_suppressed, create
from tests.contact_world import RESTRICTIVE_FIRST, Mail, RefusedWrite, Subscription, World, identity_of_address

TEMPLATE_OF = {
    "confirmation": "confirmation_template_id",
    "welcome": "welcome_template_id",
    "goodbye": "unsubscribe_template_id",
}
REFUSED = ("complained", "bounced", "unsubscribed")


# --- lists ------------------------------------------------------------------------------------------------------------


def save_list(world: World, list_id: str, given: Mapping[str, Any]) -> str:
    old = world.lists.get(list_id)
    if old is None:
        templates = dict.fromkeys(TEMPLATE_OF.values())
        new = {"name": list_id, "is_public": False, "is_double_optin": False, **templates, "deleted_at": None}
        world.lists[list_id] = {**new, **given}
        return "created"
    world.lists[list_id] = {**old, "deleted_at": None, **given}
    return "unchanged" if world.lists[list_id] == old else "updated"


def delete_list(world: World, list_id: str) -> str:
    live(world, list_id)["deleted_at"] = world.now
    return "deleted"


def live(world: World, list_id: str) -> dict[str, Any]:
    if list_id not in world.lists or world.lists[list_id]["deleted_at"] is not None:
        raise RefusedWrite("UnknownListError")
    return world.lists[list_id]


def known(world: World, list_id: str) -> dict[str, Any]:
    """A list, perhaps deleted."""
    if list_id not in world.lists:
        raise RefusedWrite("UnknownListError")
    return world.lists[list_id]


# --- subscriptions ----------------------------------------------------------------------------------------------------


def subscribe(world: World, address: Any, list_id: str, source: str) -> str:
    """`source`: api, api_forced or import."""
    live(world, list_id)
    number = world.contact_of(address)
    old = status_of(world, number, list_id)
    if old == "active":
        return "unchanged"
    if source == "import" and old in REFUSED:
        return "blocked"
    if source == "api" and old in {"bounced", "complained"}:
        raise RefusedWrite("SubscriptionBlockedError")
    kind = "list.resubscribed" if old in REFUSED else "list.subscribed"
    put_status(world, number, list_id, "active", kind, source)
    return "created" if old is None else "updated"


def subscribe_by_form(world: World, email: str, list_id: str) -> str:
    """What somebody enters into a form; the answer says nothing."""
    row = live(world, list_id)
    if not row["is_public"]:
        raise RefusedWrite("PrivateListError")
    identity = identity_of_address(email)
    if identity not in world.owners:
        try:
            check_not_suppressed(world, [identity])
        except RefusedWrite:
            return "accepted"
        create(world, {"email": identity[6:]}, [], [identity])
    number = world.owners[identity]
    old = status_of(world, number, list_id)
    if old is None and not row["is_double_optin"]:
        put_status(world, number, list_id, "active", "list.subscribed", "form")
        send(world, number, list_id, "welcome")
    elif old in {None, "unsubscribed"}:
        put_status(world, number, list_id, "pending", "list.pending", "form")
        send(world, number, list_id, "confirmation")
    elif old == "pending":
        send(world, number, list_id, "confirmation")
    return "accepted"


def confirm(world: World, number: int, list_id: str) -> str:
    """The holder of a link that was made for a contact confirms."""
    number = holder(world, number)
    live(world, list_id)
    if status_of(world, number, list_id) != "pending":
        return "unchanged"
    put_status(world, number, list_id, "active", "list.confirmed", "confirmation")
    send(world, number, list_id, "welcome")
    return "updated"


def unsubscribe_known(world: World, address: Any, list_id: str) -> str:
    """A contact is to get nothing more of a list, says an application."""
    known(world, list_id)
    return _unsubscribe(world, world.contact_of(address), list_id)


def unsubscribe_holder(world: World, number: int, list_id: str) -> str:
    """The holder of a link that was made for a contact unsubscribes."""
    known(world, list_id)
    return _unsubscribe(world, holder(world, number), list_id)


def _unsubscribe(world: World, number: int, list_id: str) -> str:
    old = status_of(world, number, list_id)
    if old in REFUSED:
        return "unchanged"
    put_status(world, number, list_id, "unsubscribed", "list.unsubscribed", "unsubscribe")
    if old == "active":
        send(world, number, list_id, "goodbye")
    return "updated"


def remove_subscription(world: World, address: Any, list_id: str) -> str:
    known(world, list_id)
    number = world.contact_of(address)
    row = world.subscriptions.pop((number, list_id), None)
    if row is None:
        return "unchanged"
    tell_status(world, number, list_id, "list.removed", (row.status, None), "remove", world.now)
    return "deleted"


def set_status(world: World, address: Any, list_id: str, status: str, at: datetime | None) -> str:
    known(world, list_id)
    number = world.contact_of(address)
    return "updated" if tighten(world, number, list_id, status, at or world.now) else "unchanged"


def tighten(world: World, number: int, list_id: str, status: str, at: datetime) -> bool:
    """What a provider tells of a subscription only makes its status more restrictive."""
    at = min(at, world.now)
    row = world.subscriptions.get((number, list_id))
    if row is not None:
        if RESTRICTIVE_FIRST.index(status) >= RESTRICTIVE_FIRST.index(row.status):
            return False
        chosen_at = row.updated_at or row.created_at
        if status == "unsubscribed" and chosen_at is not None and at < chosen_at:
            return False
    put_status(world, number, list_id, status, f"list.{status}", "event", at)
    return True


def put_status(
    world: World, number: int, list_id: str, status: str, kind: str, operation: str, at: datetime | None = None
) -> None:
    """A status with the entry that says so."""
    at = at or world.now
    old = world.subscriptions.get((number, list_id))
    tell_status(world, number, list_id, kind, (old.status if old else None, status), operation, at)
    world.subscriptions[number, list_id] = Subscription(status, old.created_at if old else at, at)


def tell_status(
    world: World,
    number: int,
    list_id: str,
    kind: str,
    statuses: tuple[str | None, str | None],
    operation: str,
    at: datetime,
) -> None:
    changes = {"status": {"old": statuses[0], "new": statuses[1]}}
    told = {"entity_type": "list", "entity_id": list_id, "operation": operation, "changes": changes}
    world.add_entry(number, kind, at, **told)


def status_of(world: World, number: int, list_id: str) -> str | None:
    row = world.subscriptions.get((number, list_id))
    return None if row is None else row.status


def holder(world: World, number: int) -> int:
    """Who a contact of old is now."""
    while number in world.gone:
        successor = world.gone[number]
        if successor is None:
            raise RefusedWrite("InvalidTokenError")
        number = successor
    return number


def send(world: World, number: int, list_id: str, mail: str) -> None:
    """Have something mailed: a confirmation even if there is no template, nothing to whom has no e-mail."""
    row = world.lists[list_id]
    template = row[TEMPLATE_OF[mail]]
    is_wanted = mail == "confirmation" or template is not None
    if is_wanted and row["deleted_at"] is None and "email" in world.contacts[number].fields:
        world.mails.append(Mail(number, mail, list_id, template))


# --- tags -------------------------------------------------------------------------------------------------------------


def define_tag(world: World, name: str, color: str | None) -> str:
    if name not in world.tags:
        world.tags[name] = color
        return "created"
    if world.tags[name] == color:
        return "unchanged"
    world.tags[name] = color
    return "updated"


def change_tags(world: World, address: Any, names: Collection[str], *, is_added: bool) -> str:
    contact = world.contacts[world.contact_of(address)]
    changed = [name for name in names if (name in contact.tags) != is_added]
    if not changed:
        return "unchanged"
    contact.tags = [*contact.tags, *changed] if is_added else [tag for tag in contact.tags if tag not in changed]
    contact.fields["updated_at"] = world.now
    for name in changed:
        kind, operation = ("tag.added", "add") if is_added else ("tag.removed", "remove")
        world.add_entry(contact.number, kind, world.now, entity_type="tag", entity_id=name, operation=operation)
    return "updated"


def rename_tag(world: World, old: str, new: str) -> str:
    check_tag(world, old)
    if old == new:
        return "unchanged"
    if is_tag(world, new):
        raise RefusedWrite("InvalidWriteError")
    if old in world.tags:
        world.tags[new] = world.tags.pop(old)
    _replace_tag(world, old, new, "tag.renamed", "rename")
    return "updated"


def merge_tag(world: World, tag: str, into: str) -> str:
    if tag == into:
        raise RefusedWrite("InvalidWriteError")
    check_tag(world, tag)
    check_tag(world, into)
    if tag in world.tags:
        color = world.tags.pop(tag)
        world.tags[into] = world.tags.get(into) or color
    _replace_tag(world, tag, into, "tag.merged", "merge")
    return "merged"


def delete_tag(world: World, name: str) -> str:
    check_tag(world, name)
    world.tags.pop(name, None)
    for contact in world.contacts.values():
        if name in contact.tags:
            contact.tags = [tag for tag in contact.tags if tag != name]
            contact.fields["updated_at"] = world.now
            told = {"entity_type": "tag", "entity_id": name, "operation": "delete"}
            world.add_entry(contact.number, "tag.removed", world.now, **told)
    return "deleted"


def _replace_tag(world: World, old: str, new: str, kind: str, operation: str) -> None:
    for contact in world.contacts.values():
        if old in contact.tags:
            contact.tags = list(dict.fromkeys(new if tag == old else tag for tag in contact.tags))
            contact.fields["updated_at"] = world.now
            changes = {"tag": {"old": old, "new": new}}
            told = {"entity_type": "tag", "entity_id": new, "operation": operation, "changes": changes}
            world.add_entry(contact.number, kind, world.now, **told)


def is_tag(world: World, name: str) -> bool:
    return name in world.tags or any(name in contact.tags for contact in world.contacts.values())


def check_tag(world: World, name: str) -> None:
    if not is_tag(world, name):
        raise RefusedWrite("UnknownTagError")
