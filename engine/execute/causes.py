"""Why members are others than before: what was written, a definition, or nothing but time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import duckdb
import numpy as np
import numpy.typing as npt

from engine.definition import Segment
from engine.definition.references import with_referrers
from engine.definition.walk import queries_of
from engine.execute.contact_set import ContactIds, ContactSet
from engine.execute.memberships import Membership
from engine.execute.transitions import Cause, Difference
from engine.storage.segments import StoredSegment, versions_of


@dataclass(frozen=True, slots=True)
class Causes:
    """What happened since memberships were computed.

    `touched` are contacts of whom something was written, `merged` those who are another contact now. `redefined` are
    segments that mean something else, or name one that does; `asking_sql` those that have a query of an analyst, or
    name one that does: there the data of anybody can let somebody enter or leave. `has_writes`: there are new data.
    """

    touched: ContactSet
    merged: Callable[[], ContactSet]
    redefined: frozenset[str]
    asking_sql: frozenset[str]
    has_writes: bool

    @classmethod
    def of(
        cls,
        cursor: duckdb.DuckDBPyConnection,
        segments: Mapping[str, StoredSegment],
        before: Mapping[str, Membership],
        *,
        has_writes: bool = False,
    ) -> Causes:
        """The causes, within the transaction that computes the segments anew; `has_writes` beyond who is touched."""
        computed = {
            name: before[name].version
            for name, item in segments.items()
            if name in before and before[name].version not in (None, item.version)
        }
        versions = {name: version for name, version in computed.items() if version is not None}
        old = versions_of(cursor, versions) if versions else {}
        redefined = {name for name in computed if not _means_the_same(old.get(name), segments[name].segment)}
        latest = {name: item.segment for name, item in segments.items()}
        touched = _contacts(cursor, "SELECT contact_id FROM touched")
        return cls(
            touched=touched,
            merged=cache(lambda: _contacts(cursor, "SELECT contact_id FROM retired WHERE merged_into IS NOT NULL")),
            redefined=with_referrers(redefined, latest.values()),
            asking_sql=segments_asking_sql(latest.values()),
            has_writes=has_writes or touched.size > 0,
        )

    def differences(self, before: Membership | None, after: Membership) -> Iterator[Difference]:
        """Who left and who entered a segment that was computed, for each cause that there is."""
        assert after.version is not None
        assert after.as_of is not None
        old = ContactSet.none(0) if before is None else before.members
        if old is after.members:
            return
        if (before is None or before.version is None) and not old.size:
            if after.members.size:
                nobody = ContactSet.none(0)
                yield Difference(after.segment_id, after.version, after.as_of, nobody, after.members, Cause.FIRST_RUN)
            return
        capacity = max(old.capacity, after.members.capacity)
        old = old.widened(capacity)
        changed = (old ^ after.members.widened(capacity)).ids()
        if not len(changed):
            return
        was_in = old.flags_of(changed)
        rest = np.ones(len(changed), dtype=np.bool_)
        if before is None or before.version is None:
            parts = [(Cause.FIRST_RUN, rest)]
        else:
            merged = was_in & _are_in(self.merged(), changed) if was_in.any() else ~rest
            rest = ~merged
            if after.segment_id in self.redefined:
                others = [(Cause.DEFINITION, rest)]
            elif after.segment_id in self.asking_sql and self.has_writes:
                others = [(Cause.DATA, rest)]
            else:
                touched = _are_in(self.touched, changed)
                others = [(Cause.DATA, rest & touched), (Cause.TIME, rest & ~touched)]
            parts = [(Cause.MERGE, merged), *others]
        for cause, of_cause in parts:
            if of_cause.any():
                left, entered = (ContactSet.of_ids(changed[of_cause & side], capacity) for side in (was_in, ~was_in))
                yield Difference(after.segment_id, after.version, after.as_of, left, entered, cause)


def segments_asking_sql(segments: Collection[Segment]) -> frozenset[str]:
    """The ids of the segments that have a query of an analyst, or name one that does."""
    return with_referrers([segment.id for segment in segments if queries_of(segment.tree)], segments)


def _means_the_same(old: Segment | None, new: Segment) -> bool:
    """Whether two versions of a segment are the same but for their name and colour."""
    return old is not None and (old.tree, old.timezone) == (new.tree, new.timezone)


def _contacts(cursor: duckdb.DuckDBPyConnection, query: str) -> ContactSet:
    contact_ids = cursor.sql(query).to_arrow_table().column(0).to_numpy()
    return ContactSet.of_ids(contact_ids, 1 + int(contact_ids.max(initial=-1)))


def _are_in(contacts: ContactSet, contact_ids: ContactIds) -> npt.NDArray[np.bool_]:
    """Whether each of the contacts is in a set, which may end before it."""
    found = contact_ids < contacts.capacity
    found[found] = contacts.flags_of(contact_ids[found])
    return found
