"""A workspace: a folder that keeps contacts, what happens to them, segments, and who is in which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import polars as pl
import pyarrow as pa

from engine.definition import Segment
from engine.definition.walk import queries_of
from engine.errors import CallerError, NotComputedError
from engine.execute import OnStep
from engine.execute.batch import at_moment, evaluate_moment
from engine.execute.contact import ContactCard, contact_card, find_contact, segments_of
from engine.execute.explain import Explanation, explain_contact
from engine.execute.forecast import MOST_DAYS, Forecast, OnDay, forecast
from engine.execute.live import Live
from engine.execute.members import EMAIL_SCHEMA, email_batches, email_batches_of, some_emails
from engine.execute.memberships import Membership, forget_segment, status_of, stored_memberships
from engine.execute.recompute import Recompute, recompute
from engine.execute.remembered import remembered_memberships
from engine.execute.sql_conditions import Queries, check_queries_of
from engine.storage import Store, StoreSettings
from engine.storage.content_hash import content_hash
from engine.storage.history import Moment, is_exact
from engine.storage.interruption import run_interruptibly
from engine.storage.segments import (
    AppliedSegment,
    Change,
    StoredSegment,
    apply_segments,
    delete_segment,
    found_segment,
    stored_beside,
    stored_segments,
)
from engine.storage.workspace_folder import make_workspace, opened_workspace
from ingest.arguments import Instant, Segments, as_dataset, as_default_timezone, as_instant, as_segments
from ingest.contact_methods import ContactMethods
from ingest.dataset import Dataset
from ingest.dataset.column_types.email import contact_email
from ingest.events import Events
from ingest.fields import Fields
from ingest.frames import frame_of
from ingest.importing import ImportReport, import_dataset
from ingest.keeping_methods import KeepingMethods
from ingest.lists import Lists
from ingest.load import OnTable
from ingest.planning_methods import PlanningMethods
from ingest.question_methods import QuestionMethods
from ingest.tags import Tags
from ingest.transition_methods import TransitionMethods
from ingest.writer import Clock, Writer, utc_now
from ingest.writes.contact_document import read_contact
from ingest.writes.upsert import Upsert
from ingest.writes.write import Outcome, Write, Written

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SegmentState:
    """A segment of a workspace, and its members as last computed.

    `status`: `new` was not computed yet, `outdated` has the members of an earlier version, `failed` those of before it
    failed, `computed` those of this version. `size` and `as_of` (UTC) are None where it never was computed.
    """

    segment: Segment
    version: int
    applied_at: datetime
    status: str
    size: int | None
    as_of: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class SegmentPreview:
    """How many members a segment would have, and some of them; `failure` where it cannot be computed."""

    segment: Segment
    size: int
    sample: tuple[str, ...]
    failure: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """Segments computed at one instant (UTC) without being kept.

    `exact_since` (UTC; None: the beginning) is from when on it is known exactly what contacts were.
    """

    as_of: datetime
    exact_since: datetime | None
    contact_count: int
    segments: tuple[SegmentPreview, ...]

    @property
    def is_exact(self) -> bool:
        """Whether contacts are what was known of them at that instant."""
        return is_exact(self.as_of, self.exact_since)


class Workspace(ContactMethods, TransitionMethods, PlanningMethods, QuestionMethods, KeepingMethods):
    """An open workspace. Close it, or use it in `with`.

    It is held by this process alone while it is open, unless it was opened to be read only. `clock` says when what is
    written was written.
    """

    def __init__(
        self, path: Path, store: Store, held: ExitStack, *, clock: Clock = utc_now, live: bool = False
    ) -> None:
        self.path = path
        self._store, self._held, self._clock = store, held, clock
        self._writer = Writer(store, clock=clock)
        held.callback(self._writer.close)
        self.events, self.fields = Events(self._writer), Fields(self._writer)
        self._lists, self._tags = Lists(store, self._writer), Tags(store, self._writer)
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

    def _write_each(self, read: Callable[[T, str], Write], items: Sequence[T], name: str) -> list[Written]:
        """Read and commit items; what is not valid fails alone."""
        return self._writer.write_each(read, items, name)

    def apply(self, segments: Segments, *, dry_run: bool = False) -> list[AppliedSegment]:
        """Keep the segments of a file or folder, or as `read_segment` gives them: all of them, or none.

        What is new or means something else becomes the next version; with `dry_run` nothing is stored.
        Raises: SegmentsFileError for a segment that is not valid, an id given twice, a list that is not there, a query
        that is refused.
        """
        read = as_segments(segments, default_timezone=self.timezone, fields=self.fields.of_definitions)
        now = datetime.now(UTC)
        if any(queries_of(segment.tree) for segment in read):
            planned = apply_segments(self._store, read, applied_at=now, dry_run=True)
            changed = [item.segment for item in planned if item.change is not Change.UNCHANGED]
            check_queries_of(changed, self.fields.in_use)
        return apply_segments(self._store, read, applied_at=now, dry_run=dry_run)

    def segments(self) -> list[SegmentState]:
        """All segments, in order of id."""
        memberships = self._read_memberships()
        return [_state(stored, memberships.get(name)) for name, stored in stored_segments(self._store).items()]

    def segment(self, segment_id: str) -> SegmentState:
        """One segment. Raises: UnknownSegmentError."""
        stored = found_segment(stored_segments(self._store), segment_id)
        return _state(stored, self._read_memberships().get(segment_id))

    def delete_segment(self, segment_id: str) -> None:
        """Delete a segment; its members leave it. Raises: UnknownSegmentError; SegmentInUseError if others name it."""
        now = datetime.now(UTC)
        with self._store.transaction() as cursor:
            version = delete_segment(cursor, segment_id, deleted_at=now)
            forget_segment(cursor, segment_id, version=version, as_of=now)
        self._store.membership_change_count += 1

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

    def members(self, segment_id: str, *, as_of: Instant = None) -> pl.DataFrame:
        """The members of a segment as last computed, or those that it has at an instant, of which nothing is kept.

        Rows: one per member, sorted. Columns: email. Raises: UnknownSegmentError, NotComputedError.
        """
        return frame_of(pa.Table.from_batches(self.member_batches(segment_id, as_of=as_of), schema=EMAIL_SCHEMA))

    def member_batches(self, segment_id: str, *, as_of: Instant = None) -> Iterator[pa.RecordBatch]:
        """The same in batches. Raises: UnknownSegmentError, NotComputedError."""
        if as_of is not None:
            return iter(self._members_at(segment_id, as_instant(as_of)))
        state = self.segment(segment_id)
        if state.as_of is None:
            raise NotComputedError(segment_id, state.failure)
        return email_batches(self._store, self._read_memberships()[segment_id].members)

    def _members_at(self, segment_id: str, as_of: datetime) -> list[pa.RecordBatch]:
        """Who is found by a segment's latest version at an instant."""

        def work(moment: Moment) -> list[pa.RecordBatch]:
            stored = stored_segments(self._store)
            segment = found_segment(stored, segment_id).segment
            others = {name: item.segment for name, item in stored.items()}
            found = evaluate_moment(moment, [segment], queries=Queries(self._store), others=others)
            if segment_id in found.failed:
                raise NotComputedError(segment_id, found.failed[segment_id])
            return list(email_batches_of(moment.cursor, found.members[segment_id]))

        return run_interruptibly(self._store, lambda: at_moment(self._store, as_of, work))

    def contact(self, email: str, *, event_count: int = 20) -> ContactCard:
        """A contact's profile, lists, segments and last events. Raises: UnknownContactError."""
        return contact_card(self._store, contact_email(email), self._read_memberships(), event_count=event_count)

    def segments_of(self, email: str) -> tuple[str, ...]:
        """The ids of the segments that a contact is in, as last computed, sorted. Raises: UnknownContactError."""
        contact_id = find_contact(self._store, contact_email(email))
        return segments_of(contact_id, self._read_memberships())

    def explain(self, segment_id: str, email: str, *, as_of: Instant = None) -> Explanation:
        """Why a contact is in a segment at an instant, or not, and when that changes if nothing else happens.

        It has the truth at every node of the definition, and what decided it. Nothing but this contact is read.
        Raises: UnknownSegmentError, UnknownContactError, NotYetContactError, CallerError.
        """
        return explain_contact(self._store, segment_id, contact_email(email), as_of=as_instant(as_of))

    def forecast(
        self, segment_id: str, *, days: int = 30, as_of: Instant = None, on_day: OnDay | None = None
    ) -> Forecast:
        """How many members a segment has now and at the start of each of the next days, if nothing else happens.

        Each size is that of an evaluation at that instant; days start in the segment's zone, or in the workspace's
        where each contact has its own. `on_day` is told each instant before it is computed.
        Raises: UnknownSegmentError, CallerError.
        """
        if not 1 <= days <= MOST_DAYS:
            raise CallerError(f"days: must be 1 to {MOST_DAYS}, got {days}")
        instant = as_instant(as_of)
        return run_interruptibly(
            self._store, lambda: forecast(self._store, segment_id, as_of=instant, days=days, on_day=on_day)
        )

    def preview(
        self, segments: Segments, *, as_of: Instant = None, sample_size: int = 10, on_step: OnStep | None = None
    ) -> Preview:
        """How many members segments would have at an instant, and some of them; nothing is kept.

        Of an instant that has passed, contacts are as they were then: see docs/history.md.
        Raises: SegmentsFileError for a segment that is not valid, an id given twice, a list that is not there.
        """
        read = as_segments(segments, default_timezone=self.timezone, fields=self.fields.of_definitions)
        instant = as_instant(as_of)
        others = {name: item.segment for name, item in stored_beside(self._store, read).items()}
        check_queries_of(read, self.fields.in_use)

        def work(moment: Moment) -> Preview:
            found = evaluate_moment(moment, read, queries=Queries(self._store), others=others, on_step=on_step)
            previews = []
            for segment in read:
                members = found.members.get(segment.id)
                size = 0 if members is None else members.size
                sample = () if members is None else some_emails(moment.cursor, members, sample_size)
                previews.append(SegmentPreview(segment, size, sample, found.failed.get(segment.id)))
            return Preview(found.as_of, found.exact_since, found.contact_count, tuple(previews))

        return run_interruptibly(self._store, lambda: at_moment(self._store, instant, work))

    def content_hash(self) -> str:
        """A hash of all contacts, events, lists and subscriptions, whatever order and files they came in.

        64 hexadecimal digits. Reads everything.
        """
        return content_hash(self._store)

    def close(self) -> None:
        """Give the workspace back. Calling it twice is fine."""
        self._held.close()

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


def _state(stored: StoredSegment, membership: Membership | None) -> SegmentState:
    is_computed = membership is not None and membership.as_of is not None
    return SegmentState(
        segment=stored.segment,
        version=stored.version,
        applied_at=stored.applied_at,
        status=status_of(stored.version, membership),
        size=membership.members.size if membership is not None and is_computed else None,
        as_of=membership.as_of if membership is not None else None,
        failure=membership.failure if membership is not None else None,
    )
