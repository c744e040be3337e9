"""Invariants of segments: their versions, their members, and who entered and left."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from engine.definition import Segment, read_segment
from engine.definition.fields import FieldType
from engine.definition.references import references_of
from engine.definition.walk import queries_of
from engine.errors import DefinitionError, PopulaceError, StoreError
from engine.execute.batch import evaluate
from engine.execute.check.found import Found, Reading
from engine.execute.contact_set import ContactSet
from engine.execute.recompute import of_present_contacts
from engine.execute.transitions import Cause
from engine.storage.custom_fields import CustomFieldType, definition_fields


def segment_versions_are_unique(reading: Reading) -> Found:
    """A version of a segment is there once, and can be read."""
    violations = [
        f"segment {segment_id} version {version} is there {count} times"
        for segment_id, version, count in reading.cursor.execute(
            "SELECT id, version, count(*) FROM segments GROUP BY ALL HAVING count(*) > 1"
        ).fetchall()
    ]
    query = "SELECT id, version, definition FROM segments WHERE definition IS NOT NULL"
    fields = _fields(reading)
    for segment_id, version, definition in reading.cursor.execute(query).fetchall():
        try:
            is_same = read_segment(json.loads(definition), fields=fields).id == segment_id
        except (DefinitionError, ValueError) as error:
            violations.append(f"segment {segment_id} version {version}: {error}")
        else:
            if not is_same:
                violations.append(f"segment {segment_id} version {version} is the definition of another segment")
    return Found.of(violations)


def transitions_are_numbered(reading: Reading) -> Found:
    """Transitions are numbered from 1 on without gaps, and say as many contacts as their bitmaps hold.

    Each was written down at or after the one before it, for a cause that there is.
    """
    violations = []
    sequence = 1
    query = """
        SELECT first_sequence, segment_id, left_count, entered_count, cause,
            recorded_at IS NULL OR recorded_at < lag(recorded_at) OVER (ORDER BY first_sequence),
            left_members, entered_members
        FROM transitions ORDER BY first_sequence
    """
    for first, segment_id, left, entered, cause, is_misdated, *packed in reading.cursor.execute(query).fetchall():
        if first != sequence:
            violations.append(f"transition {first} of {segment_id} comes where {sequence} should")
        sets = [_unpacked(members) for members in packed]
        if [None if members is None else members.size for members in sets] != [left, entered]:
            violations.append(f"transition {first} of {segment_id} has bitmaps of other sizes than it says")
        if cause is not None and cause not in list(Cause):
            violations.append(f"transition {first} of {segment_id} has the unknown cause {cause}")
        if is_misdated:
            violations.append(f"transition {first} of {segment_id} was recorded before the one before it, or never")
        if left + entered == 0:
            violations.append(f"transition {first} of {segment_id} changes nothing")
        sequence = first + left + entered
    return Found.of(violations)


def replayed_transitions_are_the_members(reading: Reading) -> Found:
    """Whoever entered and did not leave is a member, nobody else is; nobody enters or leaves twice.

    Of the transitions that members are stored with: later ones are added whenever they are read.
    """
    violations = []
    stored: dict[str, ContactSet] = {}
    through: dict[str, int] = {}
    for segment_id, size, packed, sequence in reading.cursor.execute(
        "SELECT segment_id, size, members, coalesce(through_sequence, -1) FROM memberships"
    ).fetchall():
        members = ContactSet.none(0) if packed is None else _unpacked(packed)
        if segment_id in stored:
            violations.append(f"segment {segment_id} has two rows of members")
        if members is None:
            violations.append(f"segment {segment_id} has members that cannot be read")
            continue
        if members.size != size:
            violations.append(f"segment {segment_id} says {size} members and has {members.size}")
        stored[segment_id], through[segment_id] = members, sequence
    stored_then: dict[str, ContactSet] = {}
    replayed: dict[str, ContactSet] = {}
    query = "SELECT first_sequence, segment_id, left_members, entered_members FROM transitions ORDER BY first_sequence"
    for first, segment_id, *packed_sets in reading.cursor.execute(query).fetchall():
        left, entered = (_unpacked(packed) for packed in packed_sets)
        if left is None or entered is None:
            violations.append(f"transition {first} of {segment_id} cannot be read")
            continue
        before = replayed.get(segment_id, ContactSet.none(0))
        capacity = max(before.capacity, left.capacity, entered.capacity)
        before, left, entered = (members.widened(capacity) for members in (before, left, entered))
        if (left - before).size or (entered & before).size:
            violations.append(f"transition {first} of {segment_id}: somebody enters or leaves twice")
        replayed[segment_id] = (before - left) | entered
        if segment_id not in through or first <= through[segment_id]:
            stored_then[segment_id] = replayed[segment_id]
    for segment_id in stored.keys() | stored_then.keys():
        one, other = (members.get(segment_id, ContactSet.none(0)) for members in (stored, stored_then))
        count = _difference(one, other).size
        if count:
            violations.append(f"segment {segment_id}: {count} members are not those of its transitions")
    return Found.of(violations)


def members_are_those_of_a_recompute(reading: Reading) -> Found:
    """Members are those who are found by the version and at the instant of them, but for who changed since.

    A query of an analyst may compare contacts with each other: what it finds can change for those who did not.
    """
    violations: list[str] = []
    rows = reading.cursor.execute(
        """
        SELECT m.segment_id, m.as_of, m.members, s.definition
        FROM memberships AS m LEFT JOIN segments AS s ON s.id = m.segment_id AND s.version = m.version
        WHERE m.version IS NOT NULL AND m.as_of IS NOT NULL
        """
    ).fetchall()
    ((highest,),) = reading.cursor.execute(
        "SELECT coalesce(max(contact_id), -1) FROM (FROM contacts SELECT contact_id UNION ALL FROM touched)"
    ).fetchall()
    touched_ids = reading.cursor.sql("SELECT DISTINCT contact_id FROM touched WHERE contact_id >= 0").to_arrow_table()
    touched = ContactSet.of_ids(touched_ids.column(0).to_numpy(), highest + 1)
    left_out = 0
    segments_at: dict[datetime, list[Segment]] = defaultdict(list)
    members_of: dict[str, ContactSet] = {}
    fields = _fields(reading)
    for segment_id, as_of, packed, definition in rows:
        members = _now(reading, segment_id, packed)
        segment = _segment(definition, fields)
        if members is None or segment is None:
            violations.append(f"segment {segment_id} has no members or no definition that can be read")
        elif queries_of(segment.tree):
            left_out += 1
        else:
            segments_at[as_of.replace(tzinfo=UTC)].append(segment)
            members_of[segment_id] = members
    for as_of, found_segments in segments_at.items():
        segments = _complete(found_segments)
        try:
            evaluation = evaluate(reading.store, segments, as_of=as_of, writers_wait=True)
            capacity = max([highest + 1, *(members.capacity for members in evaluation.members.values())])
            evaluation = of_present_contacts(reading.cursor, evaluation, capacity)
        except StoreError:
            raise
        except (PopulaceError, IndexError, ValueError) as error:  # rows that other invariants name can be the cause
            violations.append(f"segments at {as_of.isoformat()} cannot be computed: {error}")
            continue
        for segment in segments:
            found = evaluation.members.get(segment.id)
            if found is None:
                violations.append(f"segment {segment.id} cannot be computed: {evaluation.failed.get(segment.id)}")
                continue
            different = _difference(members_of[segment.id], found)
            capacity = max(different.capacity, touched.capacity)
            wrong = different.widened(capacity) - touched.widened(capacity)
            if wrong.size:
                contact_ids = ", ".join(map(str, wrong.ids()[:3].tolist()))
                violations.append(f"segment {segment.id}: {wrong.size} contacts are wrong, such as {contact_ids}")
    notes = []
    if touched.size:
        notes.append(f"{touched.size:,} contacts changed since, and were left out")
    if left_out:
        notes.append(f"segments with SQL ({left_out:,}) were left out, and those that name them")
    return Found.of(violations, "; ".join(notes))


def _fields(reading: Reading) -> dict[str, FieldType]:
    """All fields that a stored definition may name; fields of an unknown type are another invariant's."""
    rows = reading.cursor.execute("SELECT key, type FROM custom_fields").fetchall()
    return definition_fields({key: CustomFieldType(kind) for key, kind in rows if kind in set(CustomFieldType)})


def _segment(definition: str | None, fields: Mapping[str, FieldType]) -> Segment | None:
    """A stored definition; None for one that cannot be read."""
    try:
        return None if definition is None else read_segment(json.loads(definition), fields=fields)
    except (DefinitionError, ValueError):
        return None


def _now(reading: Reading, segment_id: str, packed: bytes | None) -> ContactSet | None:
    """The members of a segment as stored, with later transitions; None where these cannot be read."""
    members = _unpacked(packed)
    query = """
        SELECT left_members, entered_members FROM transitions JOIN memberships USING (segment_id)
        WHERE segment_id = $1 AND first_sequence > through_sequence ORDER BY first_sequence
    """
    for row in reading.cursor.execute(query, [segment_id]).fetchall():
        left, entered = map(_unpacked, row)
        if members is None or left is None or entered is None:
            return None
        members = members.after(left, entered)
    return members


def _unpacked(packed: bytes | None) -> ContactSet | None:
    """A stored bitmap; None for one that cannot be read."""
    try:
        return None if packed is None else ContactSet.unpacked(packed)
    except (OSError, ValueError):
        return None


def _complete(segments: list[Segment]) -> list[Segment]:
    """The segments without those that name one which is no more, or is of another instant: nothing can be said."""
    known = {segment.id for segment in segments}
    complete = [segment for segment in segments if {item.segment_id for item in references_of(segment)} <= known]
    return complete if len(complete) == len(segments) else _complete(complete)


def _difference(one: ContactSet, other: ContactSet) -> ContactSet:
    """Who is in one of the two."""
    capacity = max(one.capacity, other.capacity)
    one, other = one.widened(capacity), other.widened(capacity)
    return (one - other) | (other - one)
