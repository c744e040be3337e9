"""All that a workspace knows, as plain data: what the functions of the `contact_model*` files change."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

IDENTITY_FIELDS = ("email", "phone", "external_id")
FIRST, LAST = datetime.min, datetime.max
RESTRICTIVE_FIRST = ("complained", "bounced", "unsubscribed", "active", "pending")


class RefusedWrite(Exception):
    """A write that must fail; `error` is the name of the class of its error."""

    def __init__(self, error: str) -> None:
        self.error = error
        super().__init__(error)


@dataclass
class Contact:
    """Fields that have a value: JSON as values, instants as datetimes of UTC. `given_at`: since when, if it is known.

    The free keys of the profile stand in `given_at` as `profile.KEY`.
    """

    number: int
    fields: dict[str, Any]
    tags: list[str]
    given_at: dict[str, datetime]


@dataclass(frozen=True)
class Subscription:
    status: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True)
class Entry:
    """One entry of the timeline; `at` is when it was written."""

    contact: int
    kind: str
    occurred_at: datetime
    at: datetime
    id: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    operation: str | None = None
    template_id: str | None = None
    properties: Any = None
    changes: Any = None


@dataclass(frozen=True)
class Mail:
    contact: int
    mail: str
    list_id: str
    template_id: str | None


@dataclass
class World:
    """All that a workspace knows. `now` is the instant of the next write; whoever writes sets it."""

    now: datetime
    next_number: int = 0
    contacts: dict[int, Contact] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    gone: dict[int, int | None] = field(default_factory=dict)
    merging_kinds: frozenset[str] = frozenset({"email", "phone"})
    suppressed: set[str] = field(default_factory=set)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[tuple[int, str], Subscription] = field(default_factory=dict)
    timeline: list[Entry] = field(default_factory=list)
    custom_events: dict[tuple[str, str], dict[datetime, dict[str, Any]]] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    tags: dict[str, str | None] = field(default_factory=dict)
    totals: Counter[tuple[str, str]] = field(default_factory=Counter)
    unordered: set[datetime] = field(default_factory=set)
    """The instants of writes that add entries in no order."""

    def add_entry(self, contact: int, kind: str, at: datetime, **more: Any) -> None:
        self.timeline.append(Entry(contact, kind, at, self.now, **more))

    def contact_of(self, address: Any) -> int:
        """The contact that a caller names by an e-mail or by an object."""
        identity = identity_of_address(address)
        if identity not in self.owners:
            raise RefusedWrite("UnknownContactError")
        return self.owners[identity]

    def identities(self, number: int) -> list[str]:
        return sorted(identity for identity, owner in self.owners.items() if owner == number)

    def release(self, identity: str, number: int) -> None:
        """A contact is known by an identity no more; files may have brought in another one that has it in a field."""
        kind, _, value = identity.partition(":")
        heirs = [c for c in self.contacts.values() if c.number != number and c.fields.get(kind) == value]
        del self.owners[identity]
        if kind in {"phone", "external_id"} and heirs:
            self.owners[identity] = min(heirs, key=lambda c: (c.fields.get("created_at", LAST), c.number)).number

    def subscriptions_of(self, number: int) -> dict[str, Subscription]:
        return {list_id: row for (owner, list_id), row in self.subscriptions.items() if owner == number}


def email_of(value: Any) -> str:
    if not isinstance(value, str) or "@" not in value:
        raise RefusedWrite("InvalidValueError")
    return value.strip().lower()


def identity_of_address(address: Any) -> str:
    """An e-mail, or an object with kind and value, as one text."""
    if isinstance(address, str):
        return f"email:{email_of(address)}"
    value = email_of(address["value"]) if address["kind"] == "email" else address["value"]
    return f"{address['kind']}:{value}"


def kind_of(identity: str) -> str:
    return identity.partition(":")[0]


def names_somebody(name: str, value: Any) -> bool:
    """Whether the value of a field is an identity: text that is no phone number is none."""
    return value is not None and (name != "phone" or value.startswith("+"))


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def text_of(value: Any) -> str:
    """What decides between two values that were given at the same instant."""
    return json.dumps(value, separators=(",", ":"), default=str)
