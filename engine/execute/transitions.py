"""Transitions: who entered and left which segment, when and why, numbered without gaps."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from engine.execute.contact_names import MERGED_CTE
from engine.execute.contact_set import ContactIds, ContactSet, Packing
from engine.storage import Store
from engine.storage.connection import store_errors
from engine.storage.instants import stored_instant


class Cause(StrEnum):
    """Why somebody entered or left."""

    FIRST_RUN = "first_run"
    DEFINITION = "definition"
    DATA = "data"
    TIME = "time"
    MERGE = "merge"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Difference:
    """Who left and who entered a segment for one cause, seen by one computation; None: an older populace saw it."""

    segment_id: str
    version: int
    as_of: datetime
    left: ContactSet
    entered: ContactSet
    cause: Cause | None

    @property
    def size(self) -> int:
        """How many transitions it is."""
        return self.left.size + self.entered.size


_FIELDS: list[pa.Field[Any]] = [
    pa.field("sequence", pa.int64(), nullable=False),
    pa.field("segment_id", pa.string(), nullable=False),
    pa.field("version", pa.int32(), nullable=False),
    pa.field("email", pa.string()),
    pa.field("merged_into", pa.string()),
    pa.field("change", pa.string(), nullable=False),
    pa.field("cause", pa.string()),
    pa.field("as_of", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
]
TRANSITION_SCHEMA = pa.schema(_FIELDS)
"""One row per transition, in order of `sequence`.

`email` is that of the contact now: its last one if it was merged into another, whose e-mail is `merged_into`; null if
it was deleted.
"""


def write_transitions(
    cursor: duckdb.DuckDBPyConnection,
    differences: Collection[Difference],
    *,
    recorded_at: datetime,
    packing: Packing | None = None,
) -> int:
    """Write down who left and entered, with the next sequence numbers, within the caller's transaction.

    Returns the number of the last transition.
    """
    if not differences:
        return last_sequence(cursor)
    packed = (packing or Packing()).packed
    last, latest = _last(cursor)
    sequence = last + 1
    first_sequences = []
    for item in differences:
        first_sequences.append(sequence)
        sequence += item.size
    # A clock that was set back does not let what comes later seem earlier.
    recorded = max(stored_instant(recorded_at), latest or datetime.min)
    rows = pa.table(
        {
            "first_sequence": pa.array(first_sequences, pa.int64()),
            "segment_id": pa.array([item.segment_id for item in differences], pa.string()),
            "version": pa.array([item.version for item in differences], pa.int32()),
            "as_of": pa.array([stored_instant(item.as_of) for item in differences], pa.timestamp("us")),
            "left_count": pa.array([item.left.size for item in differences], pa.int32()),
            "entered_count": pa.array([item.entered.size for item in differences], pa.int32()),
            "left_members": pa.array([packed(item.left) for item in differences], pa.binary()),
            "entered_members": pa.array([packed(item.entered) for item in differences], pa.binary()),
            "cause": pa.array([item.cause for item in differences], pa.string()),
            "recorded_at": pa.array([recorded] * len(differences), pa.timestamp("us")),
        }
    )
    cursor.register("rows_to_insert", rows)
    try:
        cursor.execute("INSERT INTO transitions BY NAME SELECT * FROM rows_to_insert")
    finally:
        cursor.unregister("rows_to_insert")
    return sequence - 1


def last_sequence(cursor: duckdb.DuckDBPyConnection) -> int:
    """The number of the last transition; 0 where there is none."""
    return _last(cursor)[0]


def _last(cursor: duckdb.DuckDBPyConnection) -> tuple[int, datetime | None]:
    """The number of the last transition, and when it was recorded. Both never fall, so that the last row has them.

    However many rows there are: statistics say where the last one begins, and only the block with it is read.
    """
    ((first,),) = cursor.execute("SELECT max(first_sequence) FROM transitions").fetchall()
    if first is None:
        return 0, None
    query = "SELECT first_sequence + left_count + entered_count - 1, recorded_at FROM transitions"
    ((sequence, recorded_at),) = cursor.execute(f"{query} WHERE first_sequence = $1", [first]).fetchall()
    return int(sequence), recorded_at


def read_differences(
    cursor: duckdb.DuckDBPyConnection, segment_id: str | None = None, *, until: datetime | None = None
) -> list[Difference]:
    """All transitions, in order of sequence: of one segment, and recorded until an instant, if these are given."""
    return [
        Difference(
            name,
            version,
            as_of.replace(tzinfo=UTC),
            ContactSet.unpacked(left),
            ContactSet.unpacked(entered),
            None if cause is None else Cause(cause),
        )
        for name, version, as_of, left, entered, cause in cursor.execute(
            """
            SELECT segment_id, version, as_of, left_members, entered_members, cause FROM transitions
            WHERE ($1 IS NULL OR segment_id = $1) AND ($2::TIMESTAMP IS NULL OR recorded_at <= $2)
            ORDER BY first_sequence
            """,
            [segment_id, None if until is None else stored_instant(until)],
        ).fetchall()
    ]


def members_recorded(store: Store, segment_id: str, at: datetime) -> ContactSet:
    """Who was in a segment at an instant as it was stored then."""
    with store_errors(store.path), store.cursor() as cursor:
        members = ContactSet.none(0)
        for item in read_differences(cursor, segment_id, until=at):
            members = members.after(item.left, item.entered)
        return members


@dataclass(frozen=True, slots=True)
class SizeChange:
    """The size of a segment after one computation, or write, changed its members for one cause."""

    recorded_at: datetime
    as_of: datetime
    version: int
    cause: Cause | None
    entered: int
    left: int
    size: int


def size_changes(store: Store, segment_id: str) -> list[SizeChange]:
    """How the size of a segment developed, in order; no member is read."""
    with store_errors(store.path), store.cursor() as cursor:
        rows = cursor.execute(
            """
            SELECT recorded_at, as_of, version, cause, entered_count, left_count,
                sum(entered_count - left_count) OVER (ORDER BY first_sequence)::BIGINT
            FROM transitions WHERE segment_id = $1 ORDER BY first_sequence
            """,
            [segment_id],
        ).fetchall()
    return [
        SizeChange(
            recorded_at.replace(tzinfo=UTC),
            as_of.replace(tzinfo=UTC),
            version,
            None if cause is None else Cause(cause),
            *counts,
        )
        for recorded_at, as_of, version, cause, *counts in rows
    ]


@dataclass(frozen=True, slots=True)
class TransitionPage:
    """Transitions of one segment, from one computation: contact by contact, first the `left_count` who left.

    Their sequence numbers begin with `first_sequence`. Instants are naive, in UTC.
    """

    first_sequence: int
    segment_id: str
    version: int
    as_of: datetime
    recorded_at: datetime
    cause: str | None
    contact_ids: ContactIds
    left_count: int


def transition_pages(
    cursor: duckdb.DuckDBPyConnection, *, after: int, segment_ids: Sequence[str] | None, limit: int | None
) -> Iterator[TransitionPage]:
    """The transitions with a sequence number above `after`, in order, so many at most."""
    # The row with the first of them begins at or before it; of those before that one none is looked at.
    query = "SELECT max(first_sequence) FROM transitions WHERE first_sequence <= $1 + 1"
    ((begin,),) = cursor.execute(query, [after]).fetchall()
    rows = cursor.execute(
        """
        SELECT first_sequence, segment_id, version, as_of, recorded_at, cause FROM transitions
        WHERE first_sequence >= $3 AND first_sequence + left_count + entered_count > $1 + 1
            AND ($2::VARCHAR[] IS NULL OR list_contains($2, segment_id))
        ORDER BY first_sequence
        """,
        [after, None if segment_ids is None else list(segment_ids), begin or 0],
    ).fetchall()
    left_over = sys.maxsize if limit is None else limit
    for first, segment_id, version, as_of, recorded_at, cause in rows:
        if not left_over:
            break
        query = "SELECT left_members, entered_members FROM transitions WHERE first_sequence = $1"
        ((left, entered),) = cursor.execute(query, [first]).fetchall()
        left_ids, entered_ids = ContactSet.unpacked(left).ids(), ContactSet.unpacked(entered).ids()
        seen = max(after + 1 - first, 0)
        contact_ids = np.concatenate([left_ids, entered_ids])[seen:][:left_over]
        left_over -= len(contact_ids)
        left_count = min(max(len(left_ids) - seen, 0), len(contact_ids))
        yield TransitionPage(first + seen, segment_id, version, as_of, recorded_at, cause, contact_ids, left_count)


def transition_batches(
    store: Store, *, after: int = 0, segment_ids: Sequence[str] | None = None, limit: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The transitions with a sequence number above `after`, in order, so many at most. Schema: TRANSITION_SCHEMA.

    They are those of one state of the store, whatever is written meanwhile. Of some segments alone, numbers have gaps.
    """
    with store.reading() as cursor:
        for page in transition_pages(cursor, after=after, segment_ids=segment_ids, limit=limit):
            size = len(page.contact_ids)
            changes = np.where(np.arange(size) < page.left_count, "left", "entered")
            yield pa.record_batch(
                [
                    pa.array(np.arange(page.first_sequence, page.first_sequence + size), pa.int64()),
                    pa.repeat(pa.scalar(page.segment_id, pa.string()), size),
                    pa.repeat(pa.scalar(page.version, pa.int32()), size),
                    *_emails(cursor, page.contact_ids),
                    pa.array(changes, pa.string()),
                    pa.repeat(pa.scalar(page.cause, pa.string()), size),
                    pa.repeat(pa.scalar(page.as_of, pa.timestamp("us")), size).cast(pa.timestamp("us", tz="UTC")),
                    pa.repeat(pa.scalar(page.recorded_at, pa.timestamp("us")), size).cast(pa.timestamp("us", tz="UTC")),
                ],
                schema=TRANSITION_SCHEMA,
            )


def emails_now(cursor: duckdb.DuckDBPyConnection, contact_ids: ContactIds) -> list[str | None]:
    """The e-mail of each contact, in order: its last one if it is another contact now, None if it is no more."""
    emails: list[str | None] = _emails(cursor, contact_ids)[0].to_pylist()
    return emails


def _emails(cursor: duckdb.DuckDBPyConnection, contact_ids: ContactIds) -> list[pa.Array[pa.StringScalar]]:
    """The e-mail of each contact, and of the one that it was merged into, in order."""
    places = pa.array(np.arange(len(contact_ids)), pa.int32())
    cursor.register("asked", pa.table({"place": places, "contact_id": pa.array(contact_ids, pa.int32())}))
    try:
        found = cursor.sql(
            f"""
            WITH RECURSIVE {MERGED_CTE},
            owners AS (
                SELECT merged.contact_id, c.email FROM merged JOIN contacts AS c ON c.contact_id = merged.owner_id
            )
            SELECT coalesce(c.email, r.last_row ->> '$.email') AS email, owners.email AS merged_into
            FROM asked LEFT JOIN contacts AS c USING (contact_id) LEFT JOIN retired AS r USING (contact_id)
                LEFT JOIN owners USING (contact_id)
            ORDER BY asked.place
            """
        ).to_arrow_table()
    finally:
        cursor.unregister("asked")
    return [column.combine_chunks().cast(pa.string()) for column in found.columns]
