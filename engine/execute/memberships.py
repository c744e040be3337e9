"""Memberships as the store keeps them: one bitmap per segment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa

from engine.execute.contact_set import ContactSet
from engine.execute.transitions import Cause, Difference, write_transitions
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


def forget_segment(cursor: duckdb.DuckDBPyConnection, segment_id: str, *, version: int, as_of: datetime) -> None:
    """Let everybody leave a segment that is deleted, within the caller's transaction."""
    membership = read_memberships(cursor).get(segment_id)
    if membership is not None:
        members = membership.members
        nobody = ContactSet.none(members.capacity)
        if members.size:
            left = Difference(segment_id, version, as_of, members, nobody, Cause.DEFINITION)
            write_transitions(cursor, [left], recorded_at=as_of)
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
            nobody = ContactSet.none(capacity)
            differences.append(Difference(item.segment_id, item.version, as_of, gone, nobody, Cause.DELETE))
    if left:
        write_transitions(cursor, differences, recorded_at=as_of)
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
