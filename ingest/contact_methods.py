"""What a workspace does with single contacts beside upserts: operations, identities, merging, export, erasure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from engine.definition import checked_timezone
from engine.errors import InvalidValueError, InvalidWriteError, shown
from engine.execute.contact_export import (
    export_contact,
    identities_of,
    known_contact_id,
    message_statistics,
    read_moment,
)
from engine.execute.memberships import Membership
from engine.execute.publish import remove_published
from engine.storage import Store
from ingest.values import RefusedValueError, contact_email, instant
from ingest.writer import Writer
from ingest.writes.contact_address import Contact, read_address
from ingest.writes.contact_document import read_contact
from ingest.writes.erasure import Erase
from ingest.writes.identity_changes import (
    AddIdentity,
    Identity,
    MergeContacts,
    RemoveIdentity,
    SetMergingIdentities,
    identity_text,
    read_kinds,
)
from ingest.writes.previews import ContactPreview, previewed_merge, previewed_upsert
from ingest.writes.profile_operations import ChangeProfile, read_operations
from ingest.writes.suppression import Unsuppress
from ingest.writes.write import Outcome, Written


class ContactMethods(ABC):
    """The part of a workspace that is about one contact at a time.

    A contact is named by its e-mail, or by an object with `kind` and `value`; profile operations take a text as an
    external id. All raise CallerError (its subclasses say what) for what the caller can fix.
    """

    _store: Store
    _writer: Writer

    @abstractmethod
    def _read_memberships(self) -> Mapping[str, Membership]:
        """The stored memberships."""

    # --- profile operations -------------------------------------------------------------------------------------------

    def change_profile(self, contact: Contact, operations: Mapping[str, object]) -> Outcome:
        """Apply operations to the profile of a contact, all of them or none; durable when it returns.

        `contact` is an external id, or an object with `kind` and `value`. Rules: see `docs/contacts.md`.
        """
        return self._writer.write_one(self._read_change({"contact": contact, "operations": operations}, ""))

    def change_profiles(self, changes: Sequence[Mapping[str, object]]) -> list[Written]:
        """The same for many, each an object with `contact` and `operations`.

        Rows: one result for each, in order; one that is not valid fails alone.
        """
        return self._writer.write_each(lambda item, path: self._read_change(item, f"{path}."), changes, "changes")

    def upsert_profiles(self, changes: Sequence[Mapping[str, object]]) -> list[Written]:
        """The same for many, each with a `created_at` if wanted; who is not a contact yet becomes one.

        Rows: one result for each, in order; one that is not valid fails alone, and makes nobody a contact.
        """

        def read(item: Mapping[str, object], path: str) -> ChangeProfile:
            rest = {name: value for name, value in item.items() if name != "created_at"}
            change = self._read_change(rest, f"{path}.")
            given = item.get("created_at")
            try:
                created_at = None if given is None else instant(given)
            except RefusedValueError as error:
                raise InvalidValueError(f"{path}.created_at", given, str(error)) from None
            return replace(change, creates=True, created_at=created_at)

        return self._writer.write_each(read, changes, "changes")

    def _read_change(self, change: object, prefix: str) -> ChangeProfile:
        if not isinstance(change, Mapping) or set(change) != {"contact", "operations"}:
            problem = f"must be an object with contact and operations, not {shown(change)}"
            raise InvalidWriteError(prefix.removesuffix("."), problem)
        contact = change["contact"]
        if isinstance(contact, str):
            contact = {"kind": "external_id", "value": contact}
        identity = read_address(contact, path=f"{prefix}contact")
        operations = read_operations(change["operations"], self._writer.custom_fields, path=f"{prefix}operations")
        return ChangeProfile(identity, operations)

    # --- identities and merging ---------------------------------------------------------------------------------------

    def identities(self, contact: Contact) -> tuple[Identity, ...]:
        """All by what a contact is known, sorted."""
        with read_moment(self._store) as cursor:
            found = identities_of(cursor, known_contact_id(cursor, read_address(contact)))
        return tuple(map(Identity.of, found))

    def add_identity(self, contact: Contact, kind: str, value: str) -> Outcome:
        """Let a contact be known by a further identity; one that another contact has merges the two, or is refused."""
        return self._writer.write_one(AddIdentity(read_address(contact), identity_text(kind, value)))

    def remove_identity(self, contact: Contact, kind: str, value: str) -> Outcome:
        """Let a contact be known by an identity no more; the last one cannot be removed."""
        return self._writer.write_one(RemoveIdentity(read_address(contact), identity_text(kind, value)))

    @property
    def merging_identities(self) -> tuple[str, ...]:
        """The kinds of identity by which contacts merge, sorted."""
        return self._writer.read(lambda changes: tuple(sorted(changes.memory.merging_identities)))

    def set_merging_identities(self, kinds: Iterable[str]) -> Outcome:
        """Say by which kinds of identity contacts merge from now on; contacts that are there stay as they are."""
        return self._writer.write_one(SetMergingIdentities(read_kinds(kinds)))

    def merge(self, contacts: Sequence[Contact]) -> Outcome:
        """Make one contact of several, whatever kinds of identity merge by themselves. It cannot be undone."""
        return self._writer.write_one(MergeContacts(_addresses(contacts)))

    def preview_merge(self, contacts: Sequence[Contact]) -> ContactPreview:
        """What merging contacts would give; nothing is changed."""
        identities = _addresses(contacts)
        return self._writer.read(lambda changes: previewed_merge(changes, identities))

    def preview_upsert(self, contact: Mapping[str, object]) -> ContactPreview:
        """What an upsert would do: whether it creates, updates or merges, with whom, and what it would give."""
        document = read_contact(contact, self._writer.custom_fields)
        return self._writer.read(lambda changes: previewed_upsert(changes, document))

    # --- what is known of a contact -----------------------------------------------------------------------------------

    def message_statistics(self, contact: Contact, *, timezone: str = "UTC") -> dict[str, dict[str, int]]:
        """How many messages were sent to a contact, by year and month of a time zone: `{"2016": {"10": 3}}`."""
        zone = checked_timezone(timezone, "timezone")
        with read_moment(self._store) as cursor:
            return message_statistics(cursor, known_contact_id(cursor, read_address(contact)), zone)

    def export_contact(self, contact: Contact) -> dict[str, object]:
        """Everything about a contact, as values that JSON has; the same again as long as nothing changes."""
        return export_contact(self._store, read_address(contact), self._read_memberships())

    # --- erasure ------------------------------------------------------------------------------------------------------

    def erase(self, contact: Contact, *, suppress: bool = False) -> None:
        """Remove a contact and all that says who it was; with `suppress` its e-mails cannot come in again.

        What it leaves: see `docs/contacts.md`. It cannot be undone.
        """
        self._writer.write_one(Erase(read_address(contact), suppress))
        self._store.membership_change_count += 1
        remove_published(self._store)
        self._store.checkpoint()

    def suppressed_count(self) -> int:
        """How many e-mails cannot come in again."""
        return self._store.row_count("suppressed")

    def unsuppress(self, email: str) -> Outcome:
        """Let an e-mail come in again; `unchanged` if it could."""
        return self._writer.write_one(Unsuppress(contact_email(email)))


def _addresses(contacts: Sequence[Contact]) -> tuple[str, ...]:
    if isinstance(contacts, str | Mapping):
        raise InvalidWriteError("contacts", f"must be several contacts, not {shown(contacts)}")
    return tuple(read_address(item, path=f"contacts[{number}]") for number, item in enumerate(contacts))
