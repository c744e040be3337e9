"""Subscriptions: who is on which list, as the rules let it change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.errors import (
    InvalidWriteError,
    PrivateListError,
    SubscriptionBlockedError,
    SuppressedContactError,
    UnknownListError,
)
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Mail, Needs
from engine.storage.changes.memory import ListRow
from engine.storage.changes.timeline_rows import TimelineRow, json_text
from engine.storage.subscription_rules import KIND_OF_EVENT_STATUS, Cause, MailKind, Step, next_step
from ingest.writes.contact_address import Address, address_needs, addressed_contact
from ingest.writes.contact_document import ContactDocument
from ingest.writes.matching import matched_contacts
from ingest.writes.suppression import check_none_suppressed
from ingest.writes.upsert import Upsert, create_contact
from ingest.writes.write import Outcome


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A known contact is to be on a list, because an application (`Cause.API`, `API_FORCED`) or an import says so."""

    address: Address
    list_id: str
    cause: Cause

    def needs(self) -> Needs:
        """The contact and its subscriptions."""
        if isinstance(self.address, str):
            return Needs(identities=(self.address,), subscriptions=True)
        return address_needs(self.address)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Follow the rules. Raises: UnknownListError, UnknownContactError; SubscriptionBlockedError but for imports."""
        live = live_list(changes, self.list_id)
        contact_id = addressed_contact(changes, self.address)
        is_new = changes.subscriptions.get(contact_id, self.list_id) is None
        step = _follow(changes, contact_id, live, self.cause)
        if step.is_blocked and self.cause is not Cause.IMPORT:
            name = str(self.address).partition(":")[2] or "the contact"
            raise SubscriptionBlockedError(name, self.list_id, str(step.status))
        if step.kind is None:
            return Outcome.BLOCKED if step.is_blocked else Outcome.UNCHANGED
        return Outcome.CREATED if is_new else Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class UpsertAndSubscribe:
    """A contact is to have some values, and be on lists, because an application says so: all of it, or nothing."""

    upsert: Upsert
    list_ids: tuple[str, ...]

    def needs(self) -> Needs:
        """The contact, if it is one, and its subscriptions."""
        return self.upsert.needs()._replace(subscriptions=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Look at every rule first. Raises: as `Upsert` and `Subscribe` do, InvalidWriteError for no e-mail."""
        lists = [live_list(changes, list_id) for list_id in self.list_ids]
        document = self.upsert.document
        found = matched_contacts(changes, document.identities)
        emails = [document.values.get("email")]
        for contact_id in found:
            changes.contacts.load_one(contact_id)
            if "email" not in document.values:
                emails.append(changes.contacts.get(contact_id, "email"))
            for row in lists:
                old = changes.subscriptions.get(contact_id, row.id)
                if old is not None and next_step(Cause.API, old.status, is_double_optin=row.is_double_optin).is_blocked:
                    raise SubscriptionBlockedError(str(emails[-1]), row.id, old.status)
        if not any(emails):
            raise InvalidWriteError("contact", "has no email: a list is for mails")
        outcome, contact_id = self.upsert.carried_out(changes)
        for row in lists:
            _follow(changes, contact_id, row, Cause.API)
        return outcome


@dataclass(frozen=True, slots=True)
class SubscribeByForm:
    """Somebody enters an e-mail into a public form: the answer is the same whoever it is and whatever comes of it."""

    document: ContactDocument
    list_id: str

    def needs(self) -> Needs:
        """The contact, if it is one, and its subscriptions."""
        return Needs(identities=self.document.identities, contacts=True, subscriptions=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Follow the rules; who is not known yet is created. Raises: UnknownListError, PrivateListError."""
        live = live_list(changes, self.list_id, public_only=True)
        (identity,) = self.document.identities
        contact_id = changes.identities.owner(identity)
        if contact_id is None:
            try:
                check_none_suppressed(changes, self.document.identities)
            except SuppressedContactError:
                return Outcome.ACCEPTED
            contact_id = create_contact(changes, self.document)
        _follow(changes, contact_id, live, Cause.FORM)
        return Outcome.ACCEPTED


@dataclass(frozen=True, slots=True)
class Confirm:
    """The holder of a confirmation link confirms."""

    contact_id: int
    list_id: str

    def needs(self) -> Needs:
        """The contact and its subscriptions."""
        return address_needs(self.contact_id)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Make a pending subscription active; every other one stays. Raises: UnknownListError, InvalidTokenError."""
        contact_id = addressed_contact(changes, self.contact_id)
        step = _follow(changes, contact_id, live_list(changes, self.list_id), Cause.CONFIRMATION)
        return Outcome.UNCHANGED if step.kind is None else Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """A contact is to get nothing more of a list: said by an application, or by the holder of a link."""

    address: Address
    list_id: str

    def needs(self) -> Needs:
        """The contact and its subscriptions."""
        return address_needs(self.address)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Follow the rules, on a deleted list as well: it may come back. Raises: UnknownListError and the like."""
        row = changes.known_list(self.list_id)
        if row is None:
            row = live_list(changes, self.list_id)
        step = _follow(changes, addressed_contact(changes, self.address), row, Cause.UNSUBSCRIBE)
        return Outcome.UNCHANGED if step.kind is None else Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class RemoveSubscription:
    """A contact is to be on a list no more, without a trace but in the timeline."""

    identity: str
    list_id: str

    def needs(self) -> Needs:
        """The contact and its subscriptions."""
        return Needs(identities=(self.identity,), subscriptions=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Remove the row. Raises: UnknownListError, UnknownContactError."""
        if changes.known_list(self.list_id) is None:
            live_list(changes, self.list_id)
        contact_id = addressed_contact(changes, self.identity)
        old = changes.subscriptions.get(contact_id, self.list_id)
        if old is None:
            return Outcome.UNCHANGED
        changes.subscriptions.put(contact_id, self.list_id, None)
        _journal(changes, contact_id, self.list_id, "list.removed", (old.status, None), "remove", changes.now)
        return Outcome.DELETED


@dataclass(frozen=True, slots=True)
class SetStatus:
    """A mailbox or its owner refused: what a provider tells of a subscription. `at` is naive, in UTC."""

    identity: str
    list_id: str
    status: str
    at: datetime | None

    def needs(self) -> Needs:
        """The contact and its subscriptions."""
        return Needs(identities=(self.identity,), subscriptions=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Tighten the status. Raises: UnknownListError, UnknownContactError."""
        if changes.known_list(self.list_id) is None:
            live_list(changes, self.list_id)
        contact_id = addressed_contact(changes, self.identity)
        is_changed = set_status(changes, contact_id, self.list_id, self.status, self.at or changes.now)
        return Outcome.UPDATED if is_changed else Outcome.UNCHANGED


def set_status(
    changes: ChangeSet, contact_id: int, list_id: str, status: str, at: datetime, *, operation: str = "event"
) -> bool:
    """Let an event of an instant (naive, UTC) make a subscription `unsubscribed`, `bounced` or `complained`.

    Returns whether it did: events only tighten a status, and an unsubscribe that is older than the last choice does
    nothing. A list that never was changes nothing, and nothing is mailed. An instant to come counts as now.
    """
    if changes.known_list(list_id) is None:
        return False
    at = min(at, changes.now)
    old = changes.subscriptions.get(contact_id, list_id)
    if not changes.subscriptions.tighten(contact_id, list_id, status, at):
        return False
    statuses = (None if old is None else old.status, status)
    _journal(changes, contact_id, list_id, KIND_OF_EVENT_STATUS[status], statuses, operation, at)
    return True


def live_list(changes: ChangeSet, list_id: str, *, public_only: bool = False) -> ListRow:
    """A list that was not deleted. Raises: UnknownListError; PrivateListError for a private one if `public_only`."""
    row = changes.live_list(list_id)
    if row is None:
        known = [item.id for item in changes.live_lists() if item.is_public or not public_only]
        raise UnknownListError(list_id, path="list_id", known=known)
    if public_only and not row.is_public:
        raise PrivateListError(list_id)
    return row


def _follow(changes: ChangeSet, contact_id: int, row: ListRow, cause: Cause) -> Step:
    """Let a subscription take its step, with the entry that says so, and the mail that it asks for."""
    old = changes.subscriptions.get(contact_id, row.id)
    step = changes.subscriptions.follow(contact_id, row.id, cause, is_double_optin=row.is_double_optin, at=changes.now)
    if step.kind is not None:
        statuses = (None if old is None else old.status, step.status)
        _journal(changes, contact_id, row.id, step.kind, statuses, cause, changes.now)
    if step.mail is not None and row.deleted_at is None:
        _send(changes, contact_id, row, step.mail)
    return step


def _send(changes: ChangeSet, contact_id: int, row: ListRow, mail: MailKind) -> None:
    """Have a mail sent that the list has a template for; a confirmation is asked for without one, too."""
    template_id = {
        MailKind.CONFIRMATION: row.confirmation_template_id,
        MailKind.WELCOME: row.welcome_template_id,
        MailKind.GOODBYE: row.unsubscribe_template_id,
    }[mail]
    if template_id is None and mail is not MailKind.CONFIRMATION:
        return
    changes.contacts.load_one(contact_id)
    if changes.contacts.get(contact_id, "email") is not None:
        changes.send(Mail(mail, contact_id, row.id, template_id))


def _journal(
    changes: ChangeSet,
    contact_id: int,
    list_id: str,
    kind: str,
    statuses: tuple[str | None, str | None],
    operation: str,
    at: datetime,
) -> None:
    old, new = statuses
    entry = TimelineRow(
        contact_id,
        kind,
        at,
        entity_type="list",
        entity_id=list_id,
        operation=operation,
        changes=json_text({"status": {"old": old, "new": new}}),
    )
    changes.timeline.add(entry)
