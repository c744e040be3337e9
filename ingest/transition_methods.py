"""The methods of a workspace that tell who entered and left its segments, and what they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa

from engine.errors import CallerError
from engine.execute.members import EMAIL_SCHEMA, email_batches
from engine.execute.transitions import (
    TRANSITION_SCHEMA,
    SizeChange,
    last_sequence,
    members_recorded,
    size_changes,
    transition_batches,
)
from engine.storage import Store
from engine.storage.segments import check_was_applied
from ingest.arguments import Instant, as_instant
from ingest.frames import frame_of


class TransitionMethods:
    """Mixed into a workspace, which has its store."""

    _store: Store

    def transitions(self, *, after: int = 0, segment_ids: Sequence[str] | None = None) -> pl.DataFrame:
        """Who entered and left, from the sequence number that follows `after` on; of all segments if none are given.

        Rows: one per transition, in order of `sequence`. Columns: sequence, segment_id, version, email, merged_into,
        change, cause, as_of, recorded_at: see docs/transitions.md. Raises: UnknownSegmentError.
        """
        batches = self.transition_batches(after=after, segment_ids=segment_ids)
        return frame_of(pa.Table.from_batches(batches, schema=TRANSITION_SCHEMA))

    def transition_batches(
        self, *, after: int = 0, segment_ids: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The same in batches, so many at most, all of one state of the workspace.

        Raises: CallerError, UnknownSegmentError.
        """
        if after < 0:
            raise CallerError(f"after: must be 0 or the sequence of a transition, got {after}")
        for segment_id in segment_ids or ():
            check_was_applied(self._store, segment_id)
        return transition_batches(self._store, after=after, segment_ids=segment_ids, limit=limit)

    @property
    def transition_epoch(self) -> int:
        """A number that is another one whenever there may be new transitions: cheap to look at."""
        return self._store.membership_change_count

    def last_transition(self) -> int:
        """The sequence number of the last transition; 0 where there is none."""
        with self._store.cursor() as cursor:
            return last_sequence(cursor)

    def size_history(self, segment_id: str) -> list[SizeChange]:
        """How the size of a segment developed: an item for each time and cause that changed its members.

        Raises: UnknownSegmentError.
        """
        check_was_applied(self._store, segment_id)
        return size_changes(self._store, segment_id)

    def members_recorded(self, segment_id: str, at: Instant) -> pl.DataFrame:
        """Who was in a segment at an instant, as the workspace had it then.

        Whoever is no contact any more is left out. Rows: one per member, sorted. Columns: email.
        Raises: UnknownSegmentError.
        """
        batches = self.member_batches_recorded(segment_id, at)
        return frame_of(pa.Table.from_batches(batches, schema=EMAIL_SCHEMA))

    def member_batches_recorded(self, segment_id: str, at: Instant) -> Iterator[pa.RecordBatch]:
        """The same in batches. Raises: UnknownSegmentError."""
        check_was_applied(self._store, segment_id)
        return email_batches(self._store, members_recorded(self._store, segment_id, as_instant(at)))
