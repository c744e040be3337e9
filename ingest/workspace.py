"""A workspace: a folder that keeps contacts, what happens to them, segments, and who is in which."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from engine.errors import CallerError
from engine.execute import OnStep
from engine.execute.contact import ContactCard, contact_card, segments_of
from engine.execute.contact_export import known_contact_id
from engine.execute.contact_records import shown_fields
from engine.execute.explain import Explanation, explain_contact
from engine.execute.live import Live
from engine.execute.memberships import Membership, stored_memberships
from engine.execute.recompute import Recompute, recompute
from engine.execute.remembered import remembered_memberships
from engine.storage import Store, StoreSettings
from engine.storage.content_hash import content_hash
from engine.storage.workspace_folder import make_workspace, opened_workspace
from ingest.arguments import Instant, as_dataset, as_default_timezone, as_instant
from ingest.contact_methods import ContactMethods
from ingest.csv_import.imports import Imports
from ingest.dataset import Dataset
from ingest.dataset.column_types.email import contact_email
from ingest.events import Events
from ingest.fields import Fields
from ingest.importing import ImportReport, import_dataset
from ingest.keeping_methods import KeepingMethods
from ingest.known_identities import KnownIdentities
from ingest.lists import Lists
from ingest.load import OnTable
from ingest.mails import Mails
from ingest.planning_methods import PlanningMethods
from ingest.question_methods import QuestionMethods
from ingest.record_methods import RecordMethods
from ingest.segment_methods import SegmentMethods
from ingest.tags import Tags
from ingest.transition_methods import TransitionMethods
from ingest.webhooks import Webhooks
from ingest.writer import Clock, Writer, utc_now
from ingest.writes.contact_address import Contact, read_address
from ingest.writes.contact_document import read_contact
from ingest.writes.upsert import Upsert, UpsertAndTell
from ingest.writes.write import Outcome, Write, Written

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What came of an upsert, and the contact as it is then: see `ContactRecord`, and `record_of` for all of it."""

    outcome: Outcome
    contact_id: int
    fields: Mapping[str, object]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a workspace did since it was opened, and what waits.

    `lag_seconds`: for how long something is written that memberships do not follow yet; 0 where they do.
    """

    commit_count: int
    write_count: int
    waiting_count: int
    lag_seconds: float


class Workspace(
    ContactMethods,
    SegmentMethods,
    RecordMethods,
    TransitionMethods,
    PlanningMethods,
    QuestionMethods,
    KeepingMethods,
):
    """An open workspace. Close it, or use it in `with`.

    It is held by this process alone while it is open, unless it was opened to be read only. `clock` says when what is
    written was written.
    """

    def __init__(
        self, path: Path, store: Store, held: ExitStack, *, clock: Clock = utc_now, live: bool = False
    ) -> None:
        self.path = path
        self.defining = threading.Lock()
        """Held by who looks at lists or segments and then defines one: nobody comes in between."""
        self._store, self._held, self._clock = store, held, clock
        self._writer = Writer(store, clock=clock)
        self._known_identities = KnownIdentities(store, self._writer)
        held.callback(self._writer.close)
        self.events, self.fields = Events(self._writer), Fields(self._writer)
        self._lists, self._tags = Lists(store, self._writer), Tags(store, self._writer)
        self.webhooks = Webhooks(store, self._writer, clock)
        self.mails = Mails(store, self._writer, self._lists, clock)
        self.imports = Imports(store, self.fields, self._lists, clock)
        self._live = Live(store, clock=clock) if live else None
        if self._live is not None:
            held.callback(self._live.close)
            self._live.start()
        self._memberships: tuple[int, Mapping[str, Membership]] | None = None

    @classmethod
    def create(cls, path: str | Path, *, timezone: str = "UTC") -> None:
        """Make a workspace in a new folder. `timezone` is of segments and contacts that have none of their own.

        Raises: DefinitionError for a zone that is not IANA's, StoreError for a folder that cannot be made.
        """
        make_workspace(Path(path), default_zone=as_default_timezone(timezone), created_at=datetime.now(UTC))

    @classmethod
    def open(
        cls, path: str | Path, *, read_only: bool = False, live: bool = False, memory_bytes: int | None = None
    ) -> Self:
        """A workspace that exists. `memory_bytes` bounds the tables in memory; half of the machine's by default.

        With `live`, memberships follow what is written, and the clock, by themselves: see docs/live.md.
        Raises: StoreError if it is no workspace, or another process holds it; CallerError for `live` of one that is
        only read.
        """
        if live and read_only:
            raise CallerError("live: memberships cannot be kept up to date in a workspace that is only read")
        with ExitStack() as stack:
            settings = StoreSettings(memory_bytes=memory_bytes)
            store = stack.enter_context(opened_workspace(Path(path), settings, read_only=read_only))
            return cls(Path(path), store, stack.pop_all(), live=live)

    @property
    def timezone(self) -> str:
        """The zone of segments and contacts that have none of their own."""
        return self._store.default_zone

    @property
    def exact_since(self) -> datetime | None:
        """From when on (UTC) it is known exactly what contacts were; None: from the beginning. See docs/history.md."""
        ((at,),) = self._store.rows("SELECT exact_since FROM workspace")
        return None if at is None else at.replace(tzinfo=UTC)

    @property
    def lists(self) -> Lists:
        """The lists, and who is on them."""
        return self._lists

    @property
    def tags(self) -> Tags:
        """The tags of contacts."""
        return self._tags

    def import_dataset(self, dataset: str | Path | Dataset, *, on_table: OnTable | None = None) -> ImportReport:
        """Bring a dataset folder in, all of it or nothing; the same one once more changes nothing.

        Rules: see `ingest.importing.import_dataset`. Raises: DatasetError, BadRowError, StoreError.
        """
        opened = as_dataset(dataset, custom_fields=self.fields.in_use)
        return import_dataset(self._store, opened, clock=self._clock, on_table=on_table)

    def upsert(self, contact: Mapping[str, object]) -> Outcome:
        """Create a contact, or give a known one the values that are given; durable when it returns.

        Keys: see `docs/contacts.md`. Raises: CallerError for a value that is not valid, BusyError.
        """
        return self._writer.write_one(Upsert(read_contact(contact, self._writer.custom_fields)))

    def upsert_many(self, contacts: Sequence[Mapping[str, object]]) -> list[Written]:
        """The same for many at once. Rows: one result per contact, in order; one that is not valid fails alone."""
        return self._write_each(
            lambda contact, path: Upsert(read_contact(contact, self._writer.custom_fields, path=path)),
            contacts,
            "contacts",
        )

    def upsert_and_read(self, contact: Mapping[str, object]) -> ReadBack:
        """The same as `upsert`, and what the contact is then. Raises: CallerError as `upsert` does, BusyError."""
        document = read_contact(contact, self._writer.custom_fields)
        (written,) = self._writer.write([UpsertAndTell(Upsert(document))])
        if written.error is not None:
            raise written.error
        assert written.row is not None
        assert written.contact_id is not None
        fields = shown_fields(written.row, self.fields.in_use)
        return ReadBack(written.outcome, written.contact_id, fields, tuple(sorted(written.row["tags"] or ())))

    def _write_each(self, read: Callable[[T, str], Write], items: Sequence[T], name: str) -> list[Written]:
        """Read and commit items; what is not valid fails alone."""
        return self._writer.write_each(read, items, name)

    def recompute(self, as_of: Instant = None, *, in_full: bool = False, on_step: OnStep | None = None) -> Recompute:
        """Compute all segments at one instant, and keep who is in and who entered and left, all or nothing.

        `as_of` is an RFC 3339 text or an aware datetime; now if not given. Only those are looked at of whom something
        was written, or whom time may have moved; with `in_full` everybody is, which gives the same members.
        Raises: CallerError, StoreError.
        """
        instant = None if as_of is None else as_instant(as_of)
        return recompute(
            self._store,
            as_of=lambda: instant or self._clock(),
            clock=self._clock,
            in_full=in_full,
            on_step=on_step,
        )

    def wait_until_current(self, timeout_seconds: float | None = None) -> bool:
        """Wait until members are what all writes make of them that were answered before; whether they are.

        Raises: CallerError where memberships are not kept up to date: see `open`.
        """
        if self._live is None:
            raise CallerError("this workspace is not live: open it with live=True, or call recompute()")
        return self._live.wait_until_current(timeout_seconds)

    def contact(self, email: str, *, event_count: int = 20) -> ContactCard:
        """A contact's profile, lists, segments and last events. Raises: UnknownContactError."""
        return contact_card(self._store, contact_email(email), self._read_memberships(), event_count=event_count)

    def segments_of(self, contact: Contact) -> tuple[str, ...]:
        """The ids of the segments that a contact is in, as last computed, sorted. Raises: UnknownContactError."""
        memberships = self._read_memberships()
        with self._store.cursor() as cursor:
            return segments_of(known_contact_id(cursor, read_address(contact)), memberships)

    def explain(self, segment_id: str, contact: Contact, *, as_of: Instant = None) -> Explanation:
        """Why a contact is in a segment at an instant, or not, and when that changes if nothing else happens.

        It has the truth at every node of the definition, and what decided it. Nothing but this contact is read.
        Raises: UnknownSegmentError, UnknownContactError, NotYetContactError, CallerError.
        """
        return explain_contact(self._store, segment_id, read_address(contact), as_of=as_instant(as_of))

    def figures(self) -> Figures:
        """What the workspace did since it was opened, and what waits."""
        lag = 0.0 if self._live is None else self._live.lag_seconds
        return Figures(*self._writer.figures, lag)

    @property
    def next_change_at(self) -> datetime | None:
        """When (UTC) time alone may next move somebody; None where that is not known, an hour ahead at least."""
        return None if self._live is None else self._live.next_change_at

    def content_hash(self) -> str:
        """A hash of all contacts, events, lists and subscriptions, whatever order and files they came in.

        64 hexadecimal digits. Reads everything.
        """
        return content_hash(self._store)

    def close(self) -> None:
        """Give the workspace back. Calling it twice is fine."""
        self._held.close()

    def _known_memberships(self) -> Mapping[str, Membership] | None:
        """The stored memberships, if they were read after the last change of them."""
        read = self._memberships
        if read is None or read[0] != self._store.membership_change_count:
            return remembered_memberships(self._store, self._store.membership_change_count)
        return read[1]

    def _read_memberships(self) -> Mapping[str, Membership]:
        """The stored memberships, read once after each change of them."""
        change_count, read = self._store.membership_change_count, self._memberships
        if read is None or read[0] != change_count:
            known = remembered_memberships(self._store, change_count) or stored_memberships(self._store)
            read = self._memberships = (change_count, known)
        return read[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
