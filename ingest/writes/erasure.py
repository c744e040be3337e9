"""Erasure: a contact is removed with all that says who it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from engine.execute.memberships import leave_all_segments
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.erasing import add_to_anonymous_totals, erase_rows
from engine.storage.webhook_types import CONTACT_DELETED
from ingest.writes.identity_changes import Identity
from ingest.writes.matching import known_contact, release_identity
from ingest.writes.suppression import suppress
from ingest.writes.write import CommittedAlone, Outcome


@dataclass(frozen=True, slots=True)
class Erase(CommittedAlone):
    """A contact that is to be forgotten; with `suppress` its e-mails must not come in again."""

    contact: str
    suppress: bool

    def needs(self) -> Needs:
        """The contact."""
        return Needs(identities=(self.contact,), contacts=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Remove it from every table; what it did stays as totals, and its number as one that was given."""
        contact_id = known_contact(changes, self.contact)
        changes.contacts.load_one(contact_id)
        identities = changes.identities.of_contacts([contact_id])
        known = [Identity.of(identity) for identity in identities]
        emails = {identity.value for identity in known if identity.kind == "email"}
        names = {name: changes.contacts.get(contact_id, name) for name in ("email", "external_id")}
        field = names["email"]
        if self.suppress:
            suppress(changes, sorted(emails | ({field} if field else set())))
        add_to_anonymous_totals(changes.cursor, contact_id)
        leave_all_segments(changes.cursor, contact_id, as_of=changes.now.replace(tzinfo=UTC))
        changes.keep_mail_numbers()
        erase_rows(changes.cursor, contact_id)
        for identity in identities:
            release_identity(changes, identity, contact_id)
        changes.retire(contact_id, merged_into=None, last_row=None)
        # Who keeps copies is to be told whose they are: until every webhook has it, and no longer.
        changes.tell(CONTACT_DELETED, contact_id, {"contact": names})
        changes.history_begins_now()
        return Outcome.DELETED
