"""The segments of a store and their members, remembered by the process that changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import duckdb

from engine.execute.memberships import Membership, read_memberships
from engine.execute.transitions import last_sequence
from engine.storage import Store
from engine.storage.segments import StoredSegment, segments_of


@dataclass(frozen=True, slots=True)
class Remembered:
    """Segments as defined now, and memberships as stored, by segment id."""

    segments: Mapping[str, StoredSegment]
    memberships: Mapping[str, Membership]


_Key = tuple[int, ...]
_segments: WeakKeyDictionary[Store, tuple[_Key, dict[str, StoredSegment]]] = WeakKeyDictionary()
_memberships: WeakKeyDictionary[Store, tuple[_Key, Mapping[str, Membership]]] = WeakKeyDictionary()


def remembered(store: Store, cursor: duckdb.DuckDBPyConnection) -> Remembered:
    """What the transaction of a cursor, which writes, sees; read only if it is not what is remembered."""
    return Remembered(_segments_now(store, cursor), _memberships_now(store, cursor))


def remember(store: Store, memberships: Mapping[str, Membership], sequence: int) -> None:
    """Remember memberships as of the last transition that the caller's transaction wrote, once it is committed."""

    def committed() -> None:
        store.membership_change_count += 1
        _memberships[store] = ((store.membership_change_count, sequence), memberships)

    store.after_commit(committed)


def remembered_memberships(store: Store, change_count: int) -> Mapping[str, Membership] | None:
    """The memberships after so many changes of them; None if those are not remembered."""
    known = _memberships.get(store)
    return None if known is None or known[0][0] != change_count else known[1]


def _segments_now(store: Store, cursor: duckdb.DuckDBPyConnection) -> dict[str, StoredSegment]:
    # A definition is never changed: another version of it is one more row, and so is its end.
    query = "SELECT (SELECT count(*) FROM segments), (SELECT count(*) FROM custom_fields)"
    (key,) = cursor.execute(query).fetchall()
    known = _segments.get(store)
    if known is None or known[0] != key:
        known = _segments[store] = (key, segments_of(cursor))
    return known[1]


def _memberships_now(store: Store, cursor: duckdb.DuckDBPyConnection) -> Mapping[str, Membership]:
    # Nobody else writes now. Whoever moves a member numbers a transition; who does not says so by the count.
    key = (store.membership_change_count, last_sequence(cursor))
    known = _memberships.get(store)
    if known is None or known[0] != key:
        known = _memberships[store] = (key, read_memberships(cursor))
    return known[1]
