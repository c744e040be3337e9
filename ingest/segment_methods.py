"""The methods of a workspace about its segments: kept, looked at, tried out, and who is in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa

from engine.definition import Segment, read_segment
from engine.definition.expression import read_expression
from engine.definition.walk import queries_of
from engine.errors import CallerError, DefinitionError, NotComputedError, SegmentsFileError
from engine.execute import OnStep
from engine.execute.batch import at_moment, evaluate_moment
from engine.execute.contact_set import ContactSet
from engine.execute.forecast import MOST_DAYS, Forecast, OnDay, forecast
from engine.execute.members import EMAIL_SCHEMA, email_batches, email_batches_of, emails_from, some_emails
from engine.execute.memberships import Membership, forget_segment, status_of
from engine.execute.sql_conditions import Queries, check_queries_of
from engine.storage import Store
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
from ingest.arguments import Instant, Segments, as_instant, as_segments
from ingest.fields import Fields
from ingest.frames import frame_of


@dataclass(frozen=True, slots=True)
class SegmentState:
    """A segment of a workspace, and its members as last computed.

    `status`: `new` was not computed yet, `outdated` has the members of an earlier version, `failed` those of before it
    failed, `computed` those of this version. `size` and `as_of` (UTC) are None where it never was computed.
    """

    segment: Segment
    version: int
    created_at: datetime
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


class SegmentMethods(ABC):
    """Mixed into a workspace, which has its store, its fields and its memberships."""

    _store: Store
    fields: Fields

    @abstractmethod
    def _read_memberships(self) -> Mapping[str, Membership]:
        """The stored memberships."""

    def apply(self, segments: Segments, *, dry_run: bool = False) -> list[AppliedSegment]:
        """Keep the segments of a file or folder, or as `read_segment` gives them: all of them, or none.

        What is new or means something else becomes the next version; with `dry_run` nothing is stored.
        Raises: SegmentsFileError for a segment that is not valid, an id given twice, a list that is not there, a query
        that is refused.
        """
        read = as_segments(segments, default_timezone=self._store.default_zone, fields=self.fields.of_definitions)
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

    def member_emails(self, segment_id: str, *, limit: int, offset: int = 0) -> tuple[str, ...]:
        """Some of the members of a segment as last computed, in order of e-mail.

        Raises: UnknownSegmentError, NotComputedError.
        """
        state = self.segment(segment_id)
        if state.as_of is None:
            raise NotComputedError(segment_id, state.failure)
        return emails_from(self._store, self._read_memberships()[segment_id].members, limit=limit, offset=offset)

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

    def _found_by(self, expression: str) -> ContactSet:
        """Whom a filter finds now. Raises: DefinitionError."""
        fields = self.fields.of_definitions
        document = {"id": "filter", "tree": read_expression(expression, fields=fields)}
        read = [read_segment(document, default_timezone=self._store.default_zone, fields=fields)]

        try:
            others = {name: item.segment for name, item in stored_beside(self._store, read).items()}
        except SegmentsFileError as error:
            raise DefinitionError("filter", str(error).rpartition(": ")[2]) from None

        def work(moment: Moment) -> ContactSet:
            found = evaluate_moment(moment, read, queries=Queries(self._store), others=others)
            if found.failed:
                raise DefinitionError("filter", found.failed["filter"])
            return found.members["filter"]

        return run_interruptibly(self._store, lambda: at_moment(self._store, as_instant(None), work))

    def preview(
        self, segments: Segments, *, as_of: Instant = None, sample_size: int = 10, on_step: OnStep | None = None
    ) -> Preview:
        """How many members segments would have at an instant, and some of them; nothing is kept.

        Of an instant that has passed, contacts are as they were then: see docs/history.md.
        Raises: SegmentsFileError for a segment that is not valid, an id given twice, a list that is not there.
        """
        read = as_segments(segments, default_timezone=self._store.default_zone, fields=self.fields.of_definitions)
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


def _state(stored: StoredSegment, membership: Membership | None) -> SegmentState:
    is_computed = membership is not None and membership.as_of is not None
    return SegmentState(
        segment=stored.segment,
        version=stored.version,
        created_at=stored.created_at,
        applied_at=stored.applied_at,
        status=status_of(stored.version, membership),
        size=membership.members.size if membership is not None and is_computed else None,
        as_of=membership.as_of if membership is not None else None,
        failure=membership.failure if membership is not None else None,
    )
