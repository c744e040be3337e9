"""Memberships as the store keeps them: one bitmap per segment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa

from engine.execute.contact_set import ContactSet, Packing
from engine.execute.transitions import Cause, Difference, last_sequence, write_transitions
from engine.storage import Store
from engine.storage.instants import stored_instant

MOST_LATER_ROWS = 32
"""With so many rows of transitions to be added to them, members are written anew."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a segment as they were last computed: of which version of its definition, at which instant (UTC).

    `failure` says why a later computation failed. A segment that never could be computed has no version and no instant.
    `of_past`: it was computed of an instant that had passed. `later_rows` says in how many rows of transitions a part
    of it is stored.
    """

    segment_id: str
    version: int | None
    as_of: datetime | None
    members: ContactSet
    failure: str | None
    of_past: bool = False
    later_rows: int = 0


def stored_memberships(store: Store) -> dict[str, Membership]:
    """The stored memberships, by segment id. Raises: StoreError."""
    with store.reading() as cursor:
        return read_memberships(cursor)


def read_memberships(cursor: duckdb.DuckDBPyConnection) -> dict[str, Membership]:
    """The same as a transaction sees them."""
    query = "SELECT segment_id, version, as_of, members, failure, of_past FROM memberships"
    found = {
        segment_id: Membership(
            segment_id,
            version,
            None if as_of is None else as_of.replace(tzinfo=UTC),
            ContactSet.none(0) if members is None else ContactSet.unpacked(members),
            failure,
            of_past,
        )
        for segment_id, version, as_of, members, failure, of_past in cursor.execute(query).fetchall()
    }
    return _with_later_rows(cursor, found)


def _with_later_rows(cursor: duckdb.DuckDBPyConnection, found: dict[str, Membership]) -> dict[str, Membership]:
    """The memberships with the transitions that came after what is stored of them."""
    ((first,),) = cursor.execute("SELECT min(through_sequence) FROM memberships").fetchall()
    rows = cursor.execute(
        """
        SELECT segment_id, left_members, entered_members FROM transitions JOIN memberships USING (segment_id)
        WHERE first_sequence > through_sequence AND first_sequence > $1 ORDER BY first_sequence
        """,
        [first],
    ).fetchall()
    for segment_id, *packed in rows:
        known = found[segment_id]
        members = known.members.after(*map(ContactSet.unpacked, packed))
        found[segment_id] = replace(known, members=members, later_rows=known.later_rows + 1)
    return found


def keep_memberships(
    cursor: duckdb.DuckDBPyConnection,
    before: Mapping[str, Membership],
    after: Collection[Membership],
    differences: Collection[Difference],
    packing: Packing | None = None,
) -> dict[str, Membership]:
    """Store what memberships have become, within the transaction that wrote the differences; as they are then.

    Where only members changed the transitions say so: members are written anew once there are many of those.
    """
    rows = Counter(item.segment_id for item in differences)
    kept = {
        name: replace(item, later_rows=rows[name] + (before[name].later_rows if name in before else 0))
        for item in after
        for name in (item.segment_id,)
    }
    anew = [item for item in kept.values() if _is_to_be_written(before.get(item.segment_id), item)]
    if anew:
        kept |= replace_memberships(cursor, anew, packing)
    written = {item.segment_id for item in anew}
    moved = defaultdict(list)
    for name, item in kept.items():
        if name not in written and item.as_of != before[name].as_of:
            moved[item.as_of].append(name)
    for as_of, names in moved.items():
        at = _stored_instant_or_none(as_of)
        if len(names) == len({*before, *kept}):  # several times faster
            cursor.execute("UPDATE memberships SET as_of = $1", [at])
        else:
            cursor.execute("UPDATE memberships SET as_of = $1 WHERE segment_id IN (SELECT unnest($2))", [at, names])
    return kept


def _is_to_be_written(before: Membership | None, after: Membership) -> bool:
    """Whether more than members changed, or they did so often."""
    if before is None or after.later_rows > MOST_LATER_ROWS:
        return True
    return (before.version, before.failure, before.of_past) != (after.version, after.failure, after.of_past)


def replace_memberships(
    cursor: duckdb.DuckDBPyConnection, memberships: Collection[Membership], packing: Packing | None = None
) -> dict[str, Membership]:
    """Put these in the place of what is stored for their segments, within the caller's transaction."""
    packed = (packing or Packing()).packed
    _delete(cursor, [item.segment_id for item in memberships])
    through = last_sequence(cursor)
    rows = pa.table(
        {
            "segment_id": pa.array([item.segment_id for item in memberships], pa.string()),
            "version": pa.array([item.version for item in memberships], pa.int32()),
            "as_of": pa.array([_stored_instant_or_none(item.as_of) for item in memberships], pa.timestamp("us")),
            "size": pa.array([item.members.size for item in memberships], pa.int32()),
            "members": pa.array([packed(item.members) for item in memberships], pa.binary()),
            "failure": pa.array([item.failure for item in memberships], pa.string()),
            "through_sequence": pa.repeat(pa.scalar(through, pa.int64()), len(memberships)),
            "of_past": pa.array([item.of_past for item in memberships], pa.bool_()),
        }
    )
    _insert(cursor, "memberships", rows)
    return {item.segment_id: replace(item, later_rows=0) for item in memberships}


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
