"""Memberships as the store keeps them: one bitmap per segment, and every change as a transition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa

from engine.execute.contact_set import ContactSet
from engine.storage import Store
from engine.storage.connection import store_errors
from engine.storage.instants import stored_instant


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a segment as they were last computed: of which version of its definition, at which instant (UTC).

    `failure` says why a later computation failed. A segment that never could be computed has no version and no instant.
    """

    segment_id: str
    version: int | None
    as_of: datetime | None
    members: ContactSet
    failure: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Who left and who entered a segment, seen by one computation."""

    segment_id: str
    version: int
    as_of: datetime
    left: ContactSet
    entered: ContactSet

    @property
    def size(self) -> int:
        """How many transitions it is."""
        return self.left.size + self.entered.size


def stored_memberships(store: Store) -> dict[str, Membership]:
    """The stored memberships, by segment id. Raises: StoreError."""
    with store_errors(store.path), store.cursor() as cursor:
        return read_memberships(cursor)


def read_memberships(cursor: duckdb.DuckDBPyConnection) -> dict[str, Membership]:
    """The same as a transaction sees them."""
    rows = cursor.execute("SELECT segment_id, version, as_of, members, failure FROM memberships").fetchall()
    return {
        segment_id: Membership(
            segment_id,
            version,
            None if as_of is None else as_of.replace(tzinfo=UTC),
            ContactSet.none(0) if members is None else ContactSet.unpacked(members),
            failure,
        )
        for segment_id, version, as_of, members, failure in rows
    }


def replace_memberships(cursor: duckdb.DuckDBPyConnection, memberships: Collection[Membership]) -> None:
    """Put these in the place of what is stored for their segments, within the caller's transaction."""
    _delete(cursor, [item.segment_id for item in memberships])
    rows = pa.table(
        {
            "segment_id": pa.array([item.segment_id for item in memberships], pa.string()),
            "version": pa.array([item.version for item in memberships], pa.int32()),
            "as_of": pa.array([_stored_instant_or_none(item.as_of) for item in memberships], pa.timestamp("us")),
            "size": pa.array([item.members.size for item in memberships], pa.int32()),
            "members": pa.array([item.members.packed() for item in memberships], pa.binary()),
            "failure": pa.array([item.failure for item in memberships], pa.string()),
        }
    )
    _insert(cursor, "memberships", rows)


def move_memberships(cursor: duckdb.DuckDBPyConnection, segment_ids: Collection[str], *, as_of: datetime) -> None:
    """Say that memberships are the same at another instant, without writing them anew."""
    if segment_ids:
        row = [stored_instant(as_of), list(segment_ids)]
        cursor.execute("UPDATE memberships SET as_of = $1 WHERE segment_id IN (SELECT unnest($2))", row)


def write_transitions(cursor: duckdb.DuckDBPyConnection, differences: Collection[Difference]) -> None:
    """Write down who left and entered, with the next sequence numbers, within the caller's transaction."""
    query = "SELECT coalesce(max(first_sequence + left_count + entered_count), 1) FROM transitions"
    ((sequence,),) = cursor.execute(query).fetchall()
    first_sequences = []
    for item in differences:
        first_sequences.append(sequence)
        sequence += item.size
    rows = pa.table(
        {
            "first_sequence": pa.array(first_sequences, pa.int64()),
            "segment_id": pa.array([item.segment_id for item in differences], pa.string()),
            "version": pa.array([item.version for item in differences], pa.int32()),
            "as_of": pa.array([stored_instant(item.as_of) for item in differences], pa.timestamp("us")),
            "left_count": pa.array([item.left.size for item in differences], pa.int32()),
            "entered_count": pa.array([item.entered.size for item in differences], pa.int32()),
            "left_members": pa.array([item.left.packed() for item in differences], pa.binary()),
            "entered_members": pa.array([item.entered.packed() for item in differences], pa.binary()),
        }
    )
    _insert(cursor, "transitions", rows)


def read_differences(cursor: duckdb.DuckDBPyConnection) -> list[Difference]:
    """All transitions, in order of sequence."""
    names = "segment_id, version, as_of, left_members, entered_members"
    rows = cursor.execute(f"SELECT {names} FROM transitions ORDER BY first_sequence").fetchall()
    return [
        Difference(segment_id, version, as_of.replace(tzinfo=UTC), *map(ContactSet.unpacked, (left, entered)))
        for segment_id, version, as_of, left, entered in rows
    ]


def forget_segment(cursor: duckdb.DuckDBPyConnection, segment_id: str, *, version: int, as_of: datetime) -> None:
    """Let everybody leave a segment that is deleted, within the caller's transaction."""
    membership = read_memberships(cursor).get(segment_id)
    if membership is not None:
        members = membership.members
        nobody = ContactSet.none(members.capacity)
        if members.size:
            write_transitions(cursor, [Difference(segment_id, version, as_of, left=members, entered=nobody)])
        _delete(cursor, [segment_id])


def leave_all_segments(cursor: duckdb.DuckDBPyConnection, contact_id: int, *, as_of: datetime) -> None:
    """Let a contact that is erased leave every segment that it is a member of, within the caller's transaction."""
    left = [item for item in read_memberships(cursor).values() if item.members.has(contact_id)]
    differences, memberships = [], []
    for item in left:
        capacity = item.members.capacity
        gone = ContactSet.of_ids(np.array([contact_id], np.int32), capacity)
        memberships.append(replace(item, members=item.members - gone))
        if item.version is not None:
            differences.append(Difference(item.segment_id, item.version, as_of, gone, ContactSet.none(capacity)))
    if left:
        write_transitions(cursor, differences)
        replace_memberships(cursor, memberships)


def _delete(cursor: duckdb.DuckDBPyConnection, segment_ids: list[str]) -> None:
    cursor.execute("DELETE FROM memberships WHERE segment_id IN (SELECT unnest($1))", [segment_ids])


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    cursor.register("rows_to_insert", rows)
    try:
        cursor.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows_to_insert")
    finally:
        cursor.unregister("rows_to_insert")


def _stored_instant_or_none(at: datetime | None) -> datetime | None:
    return None if at is None else stored_instant(at)


def status_of(version: int, membership: Membership | None) -> str:
    """What to expect of the stored members of a segment whose latest version is given."""
    if membership is None:
        return "new"
    if membership.failure is not None:
        return "failed"
    return "computed" if membership.version == version else "outdated"


Memberships = Mapping[str, Membership]
