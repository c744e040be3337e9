"""The segments that a store keeps: every version of every definition."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import duckdb

from engine.definition import Segment, check_fields_of, check_ids, check_lists_of, contact_fields_of, read_segment
from engine.definition.fields import FieldType
from engine.definition.references import check_references_of, references_of, referrers, with_referenced
from engine.errors import SegmentInUseError, UnknownSegmentError
from engine.storage.connection import store_errors
from engine.storage.custom_fields import definition_fields, fields_in_use, stored_fields
from engine.storage.instants import stored_instant
from engine.storage.store import Store, begin_generation


class Change(StrEnum):
    """What applying a segment does."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class AppliedSegment:
    """One segment of an apply, and the version that it has now."""

    segment: Segment
    change: Change
    version: int


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """The latest version of a segment; `created_at` is when the first one was applied. Instants are UTC."""

    segment: Segment
    version: int
    applied_at: datetime
    created_at: datetime


def stored_segments(store: Store) -> dict[str, StoredSegment]:
    """The latest version of every segment that was not deleted, by id, in order of id."""
    with store_errors(store.path), store.cursor() as cursor:
        return segments_of(cursor)


def versions_of(cursor: duckdb.DuckDBPyConnection, versions: Mapping[str, int]) -> dict[str, Segment]:
    """The segments of these ids as they were in these versions; those that had no definition are left out."""
    rows = cursor.execute(
        """
        SELECT definition FROM segments SEMI JOIN (SELECT unnest($1::VARCHAR[]) AS id, unnest($2::INTEGER[]) AS version)
            USING (id, version)
        WHERE definition IS NOT NULL
        """,
        [list(versions), list(versions.values())],
    ).fetchall()
    fields = _all_fields(cursor)
    read = (read_segment(json.loads(definition), fields=fields) for (definition,) in rows)
    return {segment.id: segment for segment in read}


def stored_with_named(cursor: duckdb.DuckDBPyConnection, segment_id: str) -> list[Segment]:
    """A segment and all that it names, directly or not, each after those that it names: it is the last one.

    Reads no other definitions. Raises: UnknownSegmentError.
    """
    fields = _all_fields(cursor)
    found: dict[str, Segment] = {}
    missing = {segment_id}
    while missing:
        query = "SELECT id, definition FROM segments WHERE list_contains($1::VARCHAR[], id) ORDER BY version"
        latest = dict(cursor.execute(query, [sorted(missing)]).fetchall())
        read = {
            name: read_segment(json.loads(text), fields=fields) for name, text in latest.items() if text is not None
        }
        if segment_id not in found | read:
            raise UnknownSegmentError(segment_id, known=segments_of(cursor))
        found |= read
        missing = {named.segment_id for segment in read.values() for named in references_of(segment)} - {*found}
    return with_referenced([found[segment_id]], found)


def check_was_applied(store: Store, segment_id: str) -> None:
    """Raises: UnknownSegmentError for a segment that never was; one that was deleted is known."""
    with store_errors(store.path), store.cursor() as cursor:
        if segment_id not in _latest_versions(cursor):
            raise UnknownSegmentError(segment_id, known=segments_of(cursor))


def found_segment(segments: dict[str, StoredSegment], segment_id: str) -> StoredSegment:
    """One of the segments. Raises: UnknownSegmentError."""
    if segment_id not in segments:
        raise UnknownSegmentError(segment_id, known=segments)
    return segments[segment_id]


def stored_beside(store: Store, segments: Sequence[Segment]) -> dict[str, StoredSegment]:
    """What `stored_segments` gives, once these segments, which may name them, can be computed on this store.

    Raises: SegmentsFileError for segments that cannot, or two under one id.
    """
    check_segments(store, segments)
    with store_errors(store.path), store.cursor() as cursor:
        _check_fields(cursor, segments)
        known = segments_of(cursor)
    _check_references(segments, known)
    return known


def apply_segments(
    store: Store, segments: Sequence[Segment], *, applied_at: datetime, dry_run: bool = False
) -> list[AppliedSegment]:
    """Keep segments: what is new or means something else becomes the next version; all of them, or none.

    With `dry_run` nothing is stored. Raises: SegmentsFileError.
    """
    check_segments(store, segments)
    with store.transaction() as cursor:
        return apply_within(cursor, segments, applied_at=applied_at, dry_run=dry_run)


def apply_within(
    cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment], *, applied_at: datetime, dry_run: bool = False
) -> list[AppliedSegment]:
    """The same within the caller's transaction, of segments that passed `check_segments`. Raises: SegmentsFileError."""
    _check_fields(cursor, segments)
    known, versions = segments_of(cursor), _latest_versions(cursor)
    _check_references(segments, known)
    applied = [_applied(segment, known.get(segment.id), versions.get(segment.id, 0)) for segment in segments]
    rows = [
        (item.segment.id, item.version, item.segment.document, stored_instant(applied_at))
        for item in applied
        if item.change is not Change.UNCHANGED
    ]
    if rows and not dry_run:
        cursor.executemany("INSERT INTO segments VALUES ($1, $2, $3, $4)", rows)
        begin_generation(cursor)
    return applied


def delete_segment(cursor: duckdb.DuckDBPyConnection, segment_id: str, *, deleted_at: datetime) -> int:
    """Delete a segment, within the caller's transaction; the version that says so. Its versions stay on record.

    Raises: UnknownSegmentError; SegmentInUseError if others name it.
    """
    known = segments_of(cursor)
    found_segment(known, segment_id)
    users = referrers(segment_id, (item.segment for item in known.values()))
    if users:
        raise SegmentInUseError(segment_id, users)
    version = _latest_versions(cursor)[segment_id] + 1
    row = [segment_id, version, stored_instant(deleted_at)]
    cursor.execute("INSERT INTO segments VALUES ($1, $2, NULL, $3)", row)
    begin_generation(cursor)
    return version


def segments_naming(cursor: duckdb.DuckDBPyConnection, field_name: str) -> list[str]:
    """The ids of the segments whose latest version looks at a field of contacts, in order."""
    return [name for name, item in segments_of(cursor).items() if field_name in contact_fields_of(item.segment.tree)]


def check_segments(store: Store, segments: Sequence[Segment]) -> None:
    """Refuse two segments under one id, and those that name a list which is not there. Raises: SegmentsFileError."""
    check_ids(segments)
    check_lists_of(segments, store.catalog(has_zones=False).lists)


def _check_references(segments: Sequence[Segment], known: Mapping[str, StoredSegment]) -> None:
    check_references_of(segments, {name: item.segment for name, item in known.items()})


def _check_fields(cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment]) -> None:
    check_fields_of(segments, definition_fields(fields_in_use(stored_fields(cursor))))


def _applied(segment: Segment, known: StoredSegment | None, version: int) -> AppliedSegment:
    if known is None:
        return AppliedSegment(segment, Change.NEW, version + 1)
    if known.segment == segment:
        return AppliedSegment(segment, Change.UNCHANGED, version)
    return AppliedSegment(segment, Change.CHANGED, version + 1)


def segments_of(cursor: duckdb.DuckDBPyConnection) -> dict[str, StoredSegment]:
    """The latest version of every segment that was not deleted, in order of id, as a transaction sees them."""
    rows = cursor.execute(
        """
        SELECT id, version, definition, applied_at, min(applied_at) OVER (PARTITION BY id) AS created_at FROM segments
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY version DESC) = 1
        ORDER BY id
        """
    ).fetchall()
    fields = _all_fields(cursor)
    return {
        segment_id: StoredSegment(
            read_segment(json.loads(definition), fields=fields),
            version,
            applied_at.replace(tzinfo=UTC),
            created_at.replace(tzinfo=UTC),
        )
        for segment_id, version, definition, applied_at, created_at in rows
        if definition is not None
    }


def _all_fields(cursor: duckdb.DuckDBPyConnection) -> dict[str, FieldType]:
    """All fields that a stored definition may name: one that was retired would still be read."""
    return definition_fields({item.key: item.type for item in stored_fields(cursor)})


def _latest_versions(cursor: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The latest version of every segment, those that say that it was deleted too."""
    return dict(cursor.execute("SELECT id, max(version) FROM segments GROUP BY id").fetchall())
