"""The lists of a workspace: who is on them, the links that let people decide, and what is to be mailed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from engine.errors import (
    InvalidTokenError,
    InvalidValueError,
    InvalidWriteError,
    PrivateListError,
    UnknownContactError,
    UnknownListError,
    one_of,
    shown,
)
from engine.storage import Store
from engine.storage.changes.identity_rows import identity_of
from engine.storage.contact_lookup import contact_of_identity, stored_successor
from engine.storage.instants import stored_instant
from engine.storage.lists import (
    ListState,
    stored_email,
    stored_lists,
    stored_mails,
    stored_name,
    stored_secret,
    stored_statuses,
)
from engine.storage.subscription_rules import STATUS_OF_EVENTS, Cause, MailKind
from ingest.arguments import Instant, as_instant
from ingest.link_tokens import LinkTokens, Purpose, TokenHolder
from ingest.values import contact_email
from ingest.writer import Writer
from ingest.writes.contact_address import Contact, read_address
from ingest.writes.contact_document import read_contact
from ingest.writes.kept import KEPT, Kept
from ingest.writes.lists import DeleteList, MarkSent, SaveList, read_list_id, read_list_values
from ingest.writes.subscriptions import (
    Confirm,
    RemoveSubscription,
    SetStatus,
    Subscribe,
    SubscribeByForm,
    Unsubscribe,
    UpsertAndSubscribe,
)
from ingest.writes.upsert import Upsert
from ingest.writes.write import Outcome, Written

MOST_MAILS = 10_000

Source = Literal["api", "import", "form"]

_LINK_OF_MAIL = {MailKind.CONFIRMATION: Purpose.CONFIRMATION, MailKind.WELCOME: Purpose.UNSUBSCRIBE}


@dataclass(frozen=True, slots=True)
class OutboxMail:
    """A mail to be sent. `mail`: confirmation, welcome or goodbye.

    `token` is for the link of the mail: that of a confirmation confirms, that of a welcome mail unsubscribes; a goodbye
    has none. Its time runs from now on. `template_id` is None where the list has no confirmation template.
    """

    sequence: int
    mail: str
    email: str
    list_id: str
    template_id: str | None
    token: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListChoice:
    """A list that a contact may choose, and its status on it; None where it never was on it."""

    list_id: str
    name: str
    description: str | None
    status: str | None

    @property
    def is_subscribed(self) -> bool:
        """Whether it is on the list, or would be once it has confirmed."""
        return self.status in {"active", "pending"}

    @property
    def is_refused(self) -> bool:
        """Whether its mailbox, or a complaint, keeps it off the list."""
        return self.status in {"bounced", "complained"}


@dataclass(frozen=True, slots=True)
class ListChoices:
    """What a contact may choose; `email` is None where it has none."""

    email: str | None
    lists: tuple[ListChoice, ...]


class Lists:
    """Reads and writes lists. A contact is an e-mail, or an object with `kind` and `value`.

    Every write is durable when it returns. Rules: docs/lists.md.
    """

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store, self._writer = store, writer

    # --- lists --------------------------------------------------------------------------------------------------------

    def save(
        self,
        list_id: str,
        *,
        name: str | Kept = KEPT,
        is_public: bool | Kept = KEPT,
        is_double_optin: bool | Kept = KEPT,
        welcome_template_id: str | Kept | None = KEPT,
        unsubscribe_template_id: str | Kept | None = KEPT,
        confirmation_template_id: str | Kept | None = KEPT,
        description: str | Kept | None = KEPT,
    ) -> Outcome:
        """Create a list, or change what is given of one; one that was deleted is back, with its subscriptions.

        A new list is private, single opt-in, and called by its id. Raises: InvalidValueError.
        """
        given = {
            "name": name,
            "is_public": is_public,
            "is_double_optin": is_double_optin,
            "welcome_template_id": welcome_template_id,
            "unsubscribe_template_id": unsubscribe_template_id,
            "confirmation_template_id": confirmation_template_id,
            "description": description,
        }
        return self._writer.write_one(SaveList(read_list_id(list_id), read_list_values(given)))

    def delete(self, list_id: str) -> Outcome:
        """Delete a list: its subscriptions stay on record, and count no longer. Raises: UnknownListError."""
        return self._writer.write_one(DeleteList(list_id))

    def all(self) -> list[ListState]:
        """All lists, in order of id."""
        return stored_lists(self._store)

    def get(self, list_id: str) -> ListState:
        """One list. Raises: UnknownListError."""
        known = {state.id: state for state in self.all()}
        if list_id not in known:
            raise UnknownListError(list_id, path="list_id", known=known)
        return known[list_id]

    def name_of(self, list_id: str) -> str:
        """The name of a list, also of one that was deleted. Raises: UnknownListError."""
        name = stored_name(self._store, list_id)
        return self.get(list_id).name if name is None else name

    # --- subscriptions ------------------------------------------------------------------------------------------------

    def subscribe(self, contact: Contact, list_id: str, *, source: Source = "api", force: bool = False) -> Outcome:
        """Have a contact on a list.

        `api`: active at once, even after an unsubscribe; what bounced or complained is refused unless `force`d.
        `import`: the same, but whatever was refused is left as it is (outcome `blocked`). `form`: by the rules of
        public forms; the answer is `accepted` whoever it is, and an e-mail that is no contact becomes one.
        Raises: UnknownListError, PrivateListError, UnknownContactError, SubscriptionBlockedError.
        """
        return self._writer.write_one(self._subscribe(contact, list_id, source, force=force))

    def upsert_and_subscribe(self, contact: Mapping[str, object], list_ids: Collection[str]) -> None:
        """Create or change a contact, and have it on lists, active at once: all of it, or nothing.

        Raises: CallerError for a contact that is not valid or has no e-mail, UnknownListError;
        SubscriptionBlockedError where a list bounced or was complained of.
        """
        document = read_contact(contact, self._writer.custom_fields)
        self._writer.write_one(UpsertAndSubscribe(Upsert(document), tuple(dict.fromkeys(list_ids))))

    def check_known(self, list_ids: Sequence[str], *, path: str) -> None:
        """Raises: UnknownListError for a list that is not there; `path` is that of the ids in what was given."""
        known = {state.id for state in self.all()} if list_ids else set()
        for number, list_id in enumerate(list_ids):
            if list_id not in known:
                raise UnknownListError(list_id, path=f"{path}[{number}]", known=known)

    def subscribe_by_form(self, contact: Mapping[str, object], list_ids: Collection[str]) -> None:
        """Do what a public form asks for; nothing tells who it is. Of a contact that is there nothing is changed.

        Raises: CallerError for what is not valid, UnknownListError, PrivateListError; then nothing is done.
        """
        document = read_contact(contact, self._writer.custom_fields)
        if set(document.identities) != {identity_of("email", str(document.values.get("email")))}:
            raise InvalidWriteError("contact", "must be known by its e-mail: a form can ask for nothing else")
        known = {state.id: state for state in self.all()}
        public = [state.id for state in known.values() if state.is_public]
        for number, list_id in enumerate(list_ids):
            if list_id not in known:
                raise UnknownListError(list_id, path=f"list_ids[{number}]", known=public)
            if not known[list_id].is_public:
                raise PrivateListError(list_id)
        for written in self._writer.write([SubscribeByForm(document, list_id) for list_id in dict.fromkeys(list_ids)]):
            if written.error is not None:
                raise written.error

    def subscribe_many(
        self, subscriptions: Sequence[Mapping[str, object]], *, source: Literal["api", "import"] = "import"
    ) -> list[Written]:
        """The same for many, each an object with `contact` and `list_id`. Rows: one result per item, in order."""
        cause = _cause(source)

        def read(item: Mapping[str, object], path: str) -> Subscribe:
            if not isinstance(item, Mapping) or set(item) != {"contact", "list_id"}:
                raise InvalidWriteError(path, f"must be an object with contact and list_id, not {shown(item)}")
            return Subscribe(read_address(item["contact"], path=f"{path}.contact"), str(item["list_id"]), cause)

        return self._writer.write_each(read, subscriptions, "subscriptions")

    def unsubscribe(self, contact: Contact, list_id: str) -> Outcome:
        """Have a contact off a list, and say goodbye. Raises: UnknownListError, UnknownContactError."""
        return self._writer.write_one(Unsubscribe(read_address(contact), list_id))

    def remove(self, contact: Contact, list_id: str) -> Outcome:
        """Remove a subscription, a refusal included: an import may subscribe the contact again.

        Raises: UnknownListError, UnknownContactError.
        """
        return self._writer.write_one(RemoveSubscription(read_address(contact), list_id))

    def set_status(self, contact: Contact, list_id: str, status: str, *, at: Instant = None) -> Outcome:
        """Take in that a subscription became unsubscribed, bounced or complained at an instant; now if not given.

        A status is only ever tightened. Raises: InvalidValueError, UnknownListError, UnknownContactError.
        """
        if status not in STATUS_OF_EVENTS:
            raise InvalidValueError(
                "status", status, f"is not what an event can say: it can be {one_of(STATUS_OF_EVENTS)}"
            )
        stored_at = None if at is None else stored_instant(as_instant(at))
        return self._writer.write_one(SetStatus(read_address(contact), list_id, status, stored_at))

    def _subscribe(self, contact: Contact, list_id: str, source: Source, *, force: bool) -> Subscribe | SubscribeByForm:
        if force and source != "api":
            raise InvalidWriteError("force", f"is for source 'api', not for {shown(source)}")
        if source != "form":
            return Subscribe(read_address(contact), list_id, Cause.API_FORCED if force else _cause(source))
        identity = read_address(contact)
        kind, _, email = identity.partition(":")
        if kind != "email":
            raise InvalidWriteError("contact", "must be an e-mail: a form can ask for nothing else")
        return SubscribeByForm(read_contact({"email": email}, {}), list_id)

    # --- links --------------------------------------------------------------------------------------------------------

    def token(self, purpose: Purpose | str, contact: Contact, list_id: str | None = None) -> str:
        """What a link carries that lets a contact confirm, unsubscribe, or see its lists.

        `list_id` is needed but for the notification centre. Raises: UnknownContactError, UnknownListError.
        """
        wanted = _purpose(purpose)
        if (list_id is None) != (wanted is Purpose.NOTIFICATION_CENTER):
            raise InvalidWriteError("list_id", "must be given for a confirmation or an unsubscribe, and only for these")
        if list_id is not None:
            self.get(list_id)
        identity = read_address(contact)
        contact_id = contact_of_identity(self._store, identity)
        if contact_id is None:
            kind, _, value = identity.partition(":")
            raise UnknownContactError(value, kind=kind)
        return self._tokens.token(wanted, TokenHolder(contact_id, list_id), at=datetime.now(UTC))

    def holder(self, purpose: Purpose | str, token: str, *, valid_days: float | None = None) -> TokenHolder:
        """Whom a token was made for, as the contact is known now. Raises: InvalidTokenError, ExpiredTokenError."""
        held = self._read(_purpose(purpose), token, valid_days)
        contact_id = stored_successor(self._store, held.contact_id)
        if contact_id is None:
            raise InvalidTokenError("token: its contact was deleted")
        return TokenHolder(contact_id, held.list_id)

    def confirm(self, token: str, *, valid_days: float | None = None) -> Outcome:
        """Make a pending subscription active, and say welcome; every other one stays as it is.

        The token works for 7 days if not said otherwise.
        Raises: InvalidTokenError, ExpiredTokenError, UnknownListError.
        """
        held = self._read(Purpose.CONFIRMATION, token, valid_days)
        return self._writer.write_one(Confirm(held.contact_id, str(held.list_id)))

    def is_active(self, held: TokenHolder) -> bool:
        """Whether the holder of a link is on its list."""
        return stored_statuses(self._store, held.contact_id).get(str(held.list_id)) == "active"

    def unsubscribe_with(self, token: str, *, valid_days: float | None = None) -> Outcome:
        """Do what the holder of an unsubscribe link asks for; as often as it is used.

        The token works for 365 days if not said otherwise. Raises: InvalidTokenError, ExpiredTokenError.
        """
        held = self._read(Purpose.UNSUBSCRIBE, token, valid_days)
        return self._writer.write_one(Unsubscribe(held.contact_id, str(held.list_id)))

    def choices(self, token: str) -> ListChoices:
        """What the holder of a notification centre link may choose: the public lists, and those that it is on.

        Raises: InvalidTokenError, ExpiredTokenError.
        """
        contact_id = self.holder(Purpose.NOTIFICATION_CENTER, token).contact_id
        statuses = stored_statuses(self._store, contact_id)
        return ListChoices(
            stored_email(self._store, contact_id),
            tuple(
                ListChoice(state.id, state.name, state.description, statuses.get(state.id))
                for state in self.all()
                if state.is_public or statuses.get(state.id) in {"active", "pending"}
            ),
        )

    def choose(self, token: str, list_ids: Collection[str]) -> None:
        """Have the holder of a notification centre link on these of the lists that it may choose, and off the others.

        Who holds the link has the mailbox: nothing is to be confirmed. What bounced or complained stays so.
        Raises: InvalidTokenError, ExpiredTokenError, UnknownListError for a list that is not there to be chosen.
        """
        choices = {choice.list_id: choice for choice in self.choices(token).lists}
        for list_id in list_ids:
            if list_id not in choices:
                raise UnknownListError(list_id, path="list_ids", known=choices)
        contact_id = self.holder(Purpose.NOTIFICATION_CENTER, token).contact_id
        writes: list[Subscribe | Unsubscribe] = []
        for list_id, choice in choices.items():
            if list_id in list_ids and not choice.is_subscribed:
                writes.append(Subscribe(contact_id, list_id, Cause.IMPORT if choice.is_refused else Cause.API))
            elif list_id not in list_ids and choice.is_subscribed:
                writes.append(Unsubscribe(contact_id, list_id))
        for written in self._writer.write(writes):
            if written.error is not None:
                raise written.error

    def email_proof(self, email: str) -> str:
        """What a link carries beside an e-mail to show that this workspace made it."""
        return self._tokens.proof(contact_email(email))

    def unsubscribe_by_proof(self, email: str, proof: str, list_ids: Collection[str]) -> None:
        """Do what the holder of a one-click link asks for; of lists and contacts that are gone there is nothing to do.

        Raises: InvalidTokenError.
        """
        address = contact_email(email)
        if not self._tokens.proves(proof, address):
            raise InvalidTokenError("email_hmac: is not of this e-mail and workspace; use the whole link")
        writes = [Unsubscribe(identity_of("email", address), list_id) for list_id in dict.fromkeys(list_ids)]
        for written in self._writer.write(writes):
            if written.error is not None and not isinstance(written.error, UnknownContactError | UnknownListError):
                raise written.error

    def _read(self, purpose: Purpose, token: str, valid_days: float | None) -> TokenHolder:
        return self._tokens.holder(purpose, token, at=datetime.now(UTC), valid_days=valid_days)

    @cached_property
    def _tokens(self) -> LinkTokens:
        return LinkTokens(stored_secret(self._store))

    # --- mails --------------------------------------------------------------------------------------------------------

    def outbox(self, *, after: int = 0, limit: int = 100) -> list[OutboxMail]:
        """What is to be mailed, oldest first: mails with a number above `after`, so many at most."""
        if not 1 <= limit <= MOST_MAILS:
            raise InvalidValueError("limit", limit, f"must lie between 1 and {MOST_MAILS:,}")
        now = datetime.now(UTC)
        mails = []
        for row in stored_mails(self._store, after=after, limit=limit):
            purpose = _LINK_OF_MAIL.get(MailKind(row.mail))
            holder = TokenHolder(row.contact_id, row.list_id)
            token = None if purpose is None else self._tokens.token(purpose, holder, at=now)
            mail = OutboxMail(row.sequence, row.mail, row.email, row.list_id, row.template_id, token, row.created_at)
            mails.append(mail)
        return mails

    def mark_sent(self, sequences: Iterable[int]) -> Outcome:
        """Remove mails from the outbox, by their numbers; those that are gone already do no harm."""
        return self._writer.write_one(MarkSent(tuple(sequences)))


def _cause(source: str) -> Cause:
    if source not in {"api", "import"}:
        raise InvalidValueError("source", source, "is not a source: it can be api, import or (for one contact) form")
    return Cause(source)


def _purpose(purpose: str) -> Purpose:
    try:
        return Purpose(purpose)
    except ValueError:
        raise InvalidValueError("purpose", purpose, f"is none: it can be {one_of([*Purpose])}") from None
