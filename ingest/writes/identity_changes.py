"""Identities given to a contact and taken from it, contacts merged by hand, and which identities merge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from engine.errors import InvalidValueError, InvalidWriteError, shown
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.identity_rows import identity_of
from engine.storage.changes.timeline_rows import TimelineRow
from ingest.values import RefusedValueError
from ingest.writes.contact_document import FIELD_IDENTITIES, IDENTITY_KIND, read_identity
from ingest.writes.field_changes import FieldChange
from ingest.writes.matching import contacts_to_merge, known_contact, release_identity
from ingest.writes.merging import merge_contacts
from ingest.writes.suppression import check_none_suppressed
from ingest.writes.upsert import write_fields
from ingest.writes.write import Outcome


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """By what a contact is known."""

    kind: str
    value: str

    @classmethod
    def of(cls, stored: str) -> Identity:
        """An identity from the form in which it is stored."""
        kind, _, value = stored.partition(":")
        return cls(kind, value)


@dataclass(frozen=True, slots=True)
class AddIdentity:
    """A further identity of a contact; its fields stay as they are."""

    contact: str
    identity: str

    def needs(self) -> Needs:
        """The contacts of both."""
        return Needs(identities=(self.contact, self.identity), contacts=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Give it, or merge with the contact that has it."""
        contact_id = known_contact(changes, self.contact)
        if changes.identities.owner(self.identity) == contact_id:
            return Outcome.UNCHANGED
        check_none_suppressed(changes, [self.identity])
        others = contacts_to_merge(changes, contact_id, [self.identity])
        if others:
            merge_contacts(changes, [contact_id, *others])
            return Outcome.MERGED
        changes.identities.give(self.identity, contact_id)
        _journal(changes, contact_id, self.identity, "add", "identity.added")
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class RemoveIdentity:
    """An identity that a contact is to have no more; a field that holds it loses its value."""

    contact: str
    identity: str

    def needs(self) -> Needs:
        """The contacts of both."""
        return Needs(identities=(self.contact, self.identity), contacts=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Take it, unless it is the last one."""
        contact_id = known_contact(changes, self.contact)
        if changes.identities.owner(self.identity) != contact_id:
            return Outcome.UNCHANGED
        removed = Identity.of(self.identity)
        if changes.identities.of_contacts([contact_id]) == [self.identity]:
            raise InvalidWriteError(
                removed.kind, "cannot be removed: nothing else names the contact; delete it instead"
            )
        changes.contacts.load_one(contact_id)
        if removed.kind in FIELD_IDENTITIES and changes.contacts.get(contact_id, removed.kind) == removed.value:
            write_fields(changes, contact_id, [FieldChange(removed.kind, removed.value, None)])
        else:
            release_identity(changes, self.identity, contact_id)
            _journal(changes, contact_id, self.identity, "remove", "identity.removed")
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class MergeContacts:
    """Contacts that somebody says are one person, whatever kinds of identity merge by themselves."""

    contacts: tuple[str, ...]

    def needs(self) -> Needs:
        """All of them."""
        return Needs(identities=self.contacts, contacts=True, subscriptions=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Merge them; nothing where they are one contact already."""
        found = sorted({known_contact(changes, identity) for identity in self.contacts})
        if len(found) == 1:
            return Outcome.UNCHANGED
        merge_contacts(changes, found)
        return Outcome.MERGED


@dataclass(frozen=True, slots=True)
class SetMergingIdentities:
    """The kinds of identity by which contacts merge from now on."""

    kinds: frozenset[str]

    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Keep them as a setting."""
        if changes.memory.merging_identities == self.kinds:
            return Outcome.UNCHANGED
        text = orjson.dumps(sorted(self.kinds)).decode()
        changes.execute("UPDATE settings SET value = $1 WHERE name = 'merging_identities'", [text])
        changes.needs_new_memory = True
        return Outcome.UPDATED


def read_kinds(kinds: object) -> frozenset[str]:
    """Kinds of identity. Raises: InvalidValueError."""
    if isinstance(kinds, str) or not isinstance(kinds, Iterable):
        raise InvalidValueError("kinds", kinds, "must be several kinds of identity, such as ['email', 'phone']")
    found = list(kinds)
    for kind in found:
        if not isinstance(kind, str) or not IDENTITY_KIND.fullmatch(kind):
            problem = "is no kind of identity: it has 1 to 32 characters of a-z 0-9 _, the first a letter"
            raise InvalidValueError("kinds", shown(kind), problem)
    return frozenset(found)


def identity_text(kind: str, value: object) -> str:
    """An identity as it is stored. Raises: InvalidValueError."""
    try:
        return read_identity(kind, value)
    except RefusedValueError as error:
        raise InvalidValueError("identity", identity_of(str(kind), str(value)), str(error)) from None


def _journal(changes: ChangeSet, contact_id: int, identity: str, operation: str, kind: str) -> None:
    entry = TimelineRow(contact_id, kind, changes.now, entity_type="identity", entity_id=identity, operation=operation)
    changes.timeline.add(entry)
