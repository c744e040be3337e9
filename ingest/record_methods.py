"""The methods of a workspace that give contacts and what happened to them as records, one or page by page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.definition.vocabulary import SUBSCRIPTION_STATUSES
from engine.errors import InvalidValueError, UnknownContactError, one_of
from engine.execute.contact import segments_of
from engine.execute.contact_export import known_contact_id
from engine.execute.contact_listing import ContactFilter, ContactPage, list_contacts
from engine.execute.contact_records import ContactRecord, contact_records
from engine.execute.contact_set import ContactSet
from engine.execute.custom_event_records import CustomEventPage, CustomEventRecord, custom_event, custom_events
from engine.execute.memberships import Membership
from engine.execute.timeline_pages import Place, TimelinePage, timeline_page
from engine.storage import Store
from engine.storage.contact_lookup import successor_of
from engine.storage.segments import found_segment, stored_segments
from ingest.known_identities import KnownIdentities
from ingest.writes.contact_address import Contact, read_address

MOST_ON_A_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class IsMember:
    """Whether a contact is in a segment, as it was computed at `as_of` (UTC; None: never)."""

    is_member: bool
    as_of: datetime | None


class RecordMethods(ABC):
    """Mixed into a workspace, which has its store and its memberships.

    A contact is named by its e-mail, or by an object with `kind` and `value`. Pages have `limit` items at most, up to
    1,000.
    """

    _store: Store
    _known_identities: KnownIdentities

    @abstractmethod
    def _known_memberships(self) -> Mapping[str, Membership] | None:
        """The stored memberships, if they are in memory."""

    @abstractmethod
    def _read_memberships(self) -> Mapping[str, Membership]:
        """The stored memberships."""

    @abstractmethod
    def _found_by(self, expression: str) -> ContactSet:
        """Whom a filter finds now."""

    def record(self, contact: Contact) -> ContactRecord:
        """A contact with all its fields, tags, subscriptions and segments. Raises: UnknownContactError."""
        memberships = self._read_memberships()
        with self._store.reading() as cursor:
            contact_id = known_contact_id(cursor, read_address(contact))
            (record,) = contact_records(cursor, [contact_id], memberships)
        return record

    def record_of(self, contact_id: int) -> ContactRecord:
        """The same by the id of a contact that was just written, or merged into another one since.

        Raises: UnknownContactError if it was deleted since.
        """
        memberships = self._read_memberships()
        with self._store.reading() as cursor:
            now = successor_of(cursor, contact_id)
            if now is None:
                raise UnknownContactError(str(contact_id), kind="id")
            (record,) = contact_records(cursor, [now], memberships)
        return record

    def records(
        self,
        wanted: ContactFilter | None = None,
        *,
        where: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> ContactPage:
        """Contacts, newest first; `before` is what the page before gave as `next_before`.

        `where` is a filter such as `country = 'DE' and not has_tag('vip')`: see docs/http.md.
        Raises: InvalidValueError, UnknownListError, UnknownSegmentError, DefinitionError.
        """
        found = wanted or ContactFilter()
        if where is not None:
            found = replace(found, among=self._found_by(where))
        if found.list_status is not None and found.list_status not in SUBSCRIPTION_STATUSES:
            problem = f"is no status of a subscription: it can be {one_of(SUBSCRIPTION_STATUSES)}"
            raise InvalidValueError("list_status", found.list_status, problem)
        limit = _checked_limit(limit)
        return list_contacts(self._store, found, self._read_memberships(), before=before, limit=limit)

    def memberships(
        self, contacts: Sequence[Contact], segment_ids: Sequence[str] | None = None
    ) -> list[tuple[str, ...] | None]:
        """The segments that each of some contacts is in, as last computed, of these or of all; None for who is nobody.

        Rows: one per contact, in order; ids sorted. Raises: UnknownSegmentError, CallerError for a contact that is not
        named rightly.
        """
        identities = [read_address(contact, path=f"contacts[{number}]") for number, contact in enumerate(contacts)]
        known = self._known_identities.contact_ids(set(identities))
        memberships = self._read_memberships()
        for segment_id in segment_ids or ():
            if segment_id not in memberships:
                found_segment(stored_segments(self._store), segment_id)
        wanted = memberships if segment_ids is None else {n: memberships[n] for n in segment_ids if n in memberships}
        return [segments_of(known[name], wanted) if name in known else None for name in identities]

    def known_membership(self, contact: Contact, segment_id: str) -> IsMember | None:
        """Whether a contact is in a segment, as last computed, if that can be told from memory: without any waiting.

        Raises: CallerError for a contact that is not named rightly.
        """
        identity = read_address(contact)
        known, memberships = self._known_identities.in_memory([identity]), self._known_memberships()
        if known is None or memberships is None or segment_id not in memberships or identity not in known:
            return None
        membership = memberships[segment_id]
        return IsMember(membership.members.has(known[identity]), membership.as_of)

    def membership(self, contact: Contact, segment_id: str) -> IsMember:
        """Whether a contact is in a segment, as last computed. Raises: UnknownContactError, UnknownSegmentError."""
        identity = read_address(contact)
        known, memberships = self._known_identities.contact_ids([identity]), self._read_memberships()
        membership = memberships.get(segment_id)
        if membership is None:
            found_segment(stored_segments(self._store), segment_id)
        if identity not in known:
            kind, _, value = identity.partition(":")
            raise UnknownContactError(value, kind=kind)
        if membership is None:
            return IsMember(False, None)
        return IsMember(membership.members.has(known[identity]), membership.as_of)

    def contact_count(self) -> int:
        """How many contacts there are."""
        return self._store.row_count("contacts")

    def timeline(self, contact: Contact, *, before: Place | None = None, limit: int = 100) -> TimelinePage:
        """What happened to a contact, latest first; `before` is what the page before gave as `next_before`.

        Raises: UnknownContactError.
        """
        return timeline_page(self._store, read_address(contact), before=before, limit=_checked_limit(limit))

    def custom_event(self, event_name: str, external_id: str) -> CustomEventRecord:
        """A custom event as its latest version says. Raises: UnknownCustomEventError."""
        return custom_event(self._store, event_name, external_id)

    def custom_events(
        self, *, contact: Contact | None = None, event_name: str | None = None, limit: int = 100, offset: int = 0
    ) -> CustomEventPage:
        """The custom events of a contact, of a name, or both; latest first. Raises: UnknownContactError."""
        if offset < 0:
            raise InvalidValueError("offset", offset, "must not be negative")
        identity = None if contact is None else read_address(contact)
        limit = _checked_limit(limit)
        return custom_events(self._store, identity=identity, event_name=event_name, limit=limit, offset=offset)


def _checked_limit(limit: int) -> int:
    if not 1 <= limit <= MOST_ON_A_PAGE:
        raise InvalidValueError("limit", limit, f"must lie between 1 and {MOST_ON_A_PAGE:,}")
    return limit
