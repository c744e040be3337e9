"""Upsert: a contact that is new is created, one that is known gets the values that are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.errors import InvalidWriteError
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.identity_rows import identity_of
from engine.storage.changes.timeline_rows import TimelineRow, json_text
from ingest.writes.contact_document import FIELD_IDENTITIES, ContactDocument, is_e164
from ingest.writes.field_changes import FieldChange, changed_fields, changes_text
from ingest.writes.matching import matched_contacts, release_identity
from ingest.writes.merging import merge_contacts
from ingest.writes.suppression import check_none_suppressed
from ingest.writes.write import Outcome, Written


@dataclass(frozen=True, slots=True)
class Upsert:
    """A contact with the values that it is to have; what is not given stays as it is."""

    document: ContactDocument

    def needs(self) -> Needs:
        """The contacts that the identities are."""
        return Needs(identities=self.document.identities, contacts=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Create, update, or merge and then update."""
        return self.carried_out(changes)[0]

    def carried_out(self, changes: ChangeSet) -> tuple[Outcome, int]:
        """The same, and which contact it is then."""
        found = matched_contacts(changes, self.document.identities)
        check_none_suppressed(changes, self.document.identities)
        if not found:
            return Outcome.CREATED, create_contact(changes, self.document)
        if len(found) > 1:
            contact_id = merge_contacts(changes, found)
            update_contact(changes, contact_id, self.document)
            return Outcome.MERGED, contact_id
        (contact_id,) = found
        changes.contacts.load_one(contact_id)
        check_keeps_an_identity(changes, contact_id, self.document)
        is_changed = update_contact(changes, contact_id, self.document)
        return Outcome.UPDATED if is_changed else Outcome.UNCHANGED, contact_id


@dataclass(frozen=True, slots=True)
class UpsertAndTell:
    """The same, and what the contact is then: read once more it would cost more than the write."""

    upsert: Upsert

    def needs(self) -> Needs:
        """What the upsert needs."""
        return self.upsert.needs()

    def apply(self, changes: ChangeSet) -> Written:
        """Create, update, or merge and then update."""
        outcome, contact_id = self.upsert.carried_out(changes)
        return Written(outcome, row=changes.contacts.row(contact_id), contact_id=contact_id)


def create_contact(changes: ChangeSet, document: ContactDocument) -> int:
    """Add a contact, with the entry that says so; its id."""
    given = {name: value for name, value in document.values.items() if value is not None}
    created_at = given.get("created_at") or changes.now
    derived = {"zone_id": 0, **derived_values(changes, given)}
    values = {"updated_at": changes.now, **given, **derived, "created_at": created_at}
    if document.tags:
        values["tags"] = list(document.tags)
    contact_id = changes.contacts.add(values)
    for identity in document.identities:
        changes.identities.give(identity, contact_id)
    fields = [FieldChange(name, None, value) for name, value in given.items()]
    if document.tags:
        fields.append(FieldChange("tags", None, list(document.tags)))
    _journal(changes, contact_id, "created", created_at, changes_text(changes, fields))
    return contact_id


def update_contact(changes: ChangeSet, contact_id: int, document: ContactDocument) -> bool:
    """Give a contact the values of a document, with the entry that says what changed; whether anything did."""
    fields = changed_fields(changes, contact_id, document.values)
    if document.tags is not None:
        old_tags = changes.contacts.get(contact_id, "tags") or []
        if sorted(old_tags) != sorted(document.tags):
            fields.append(FieldChange("tags", old_tags or None, list(document.tags) or None))
    new_identities = [i for i in document.identities if changes.identities.owner(i) != contact_id]
    if not fields and not new_identities:
        return False
    write_fields(changes, contact_id, fields, updated_at=document.values.get("updated_at"))
    for identity in new_identities:
        changes.identities.give(identity, contact_id)
    _journal_identities(changes, contact_id, new_identities, document)
    return True


def write_fields(
    changes: ChangeSet, contact_id: int, fields: list[FieldChange], *, updated_at: datetime | None = None
) -> None:
    """Change fields of a contact, with the entry that says so, and the instant of the change: now if not given."""
    if not fields:
        return
    at = updated_at or changes.now
    values = {change.name: change.new for change in fields}
    _drop_identities(changes, contact_id, fields)
    replaced = None
    if "updated_at" not in values:
        replaced = json_text({"updated_at": changes.contacts.get(contact_id, "updated_at")})
    changes.contacts.change(contact_id, {**values, **derived_values(changes, values), "updated_at": at})
    _journal(changes, contact_id, "updated", at, changes_text(changes, fields), replaced)


def derived_values(changes: ChangeSet, values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that follow from others."""
    derived: dict[str, Any] = {}
    if "timezone" in values:
        derived["zone_id"] = changes.memory.zones.get(values["timezone"], 0)
    if "phone" in values:
        derived["phone_is_valid"] = None if values["phone"] is None else is_e164(values["phone"])
    return derived


def check_keeps_an_identity(changes: ChangeSet, contact_id: int, document: ContactDocument) -> None:
    """Raises: InvalidWriteError if removing values would leave a contact that nothing can name."""
    nulls = [name for name in FIELD_IDENTITIES if document.values.get(name, "") is None]
    if not nulls:
        return
    removed = {identity_of(name, old) for name in nulls if (old := changes.contacts.get(contact_id, name)) is not None}
    if removed and not {*changes.identities.of_contacts([contact_id]), *document.identities} - removed:
        names = " and ".join(sorted(identity.partition(":")[0] for identity in removed))
        raise InvalidWriteError(names, "cannot be removed: nothing else names the contact; delete it, or give another")


def _drop_identities(changes: ChangeSet, contact_id: int, fields: list[FieldChange]) -> None:
    """What is removed names the contact no more; what is replaced still does."""
    for change in fields:
        if change.name in FIELD_IDENTITIES and change.new is None and change.old is not None:
            identity = identity_of(change.name, change.old)
            if changes.identities.owner(identity) == contact_id:
                release_identity(changes, identity, contact_id)


def _journal(
    changes: ChangeSet, contact_id: int, what: str, at: datetime, text: str, replaced: str | None = None
) -> None:
    entry = TimelineRow(
        contact_id,
        f"contact.{what}",
        at,
        entity_type="contact",
        operation=what.removesuffix("d"),
        changes=text,
        old_values=replaced,
    )
    changes.timeline.add(entry)


def _journal_identities(changes: ChangeSet, contact_id: int, identities: list[str], document: ContactDocument) -> None:
    """Entries for identities that no field says."""
    if not identities:
        return
    of_fields = {identity_of(name, str(document.values[name])) for name in FIELD_IDENTITIES if name in document.values}
    for identity in identities:
        if identity not in of_fields:
            entry = TimelineRow(
                contact_id, "identity.added", changes.now, entity_type="identity", entity_id=identity, operation="add"
            )
            changes.timeline.add(entry)
