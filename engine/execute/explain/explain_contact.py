"""Explaining a contact of a store as it was at an instant; nothing else of the store is read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from engine.definition import Segment
from engine.definition.walk import queries_of
from engine.errors import NotExplainedError, NotYetContactError
from engine.execute.contact_export import known_contact_id
from engine.execute.explain.explanation import Explanation, explained
from engine.execute.explain.reading import read_contact_values
from engine.storage import Store
from engine.storage.history import moment_of
from engine.storage.history.owners import owner_at
from engine.storage.instants import stored_instant
from engine.storage.segments import stored_with_named


def explain_contact(store: Store, segment_id: str, email: str, *, as_of: datetime) -> Explanation:
    """Why the contact of an e-mail (normalised) is in a segment at `as_of`, or not, and when that changes.

    Raises: UnknownSegmentError, UnknownContactError, NotYetContactError; NotExplainedError if a query of an analyst
    decides it.
    """
    identity = f"email:{email}"
    with store.reading() as cursor:
        segments = stored_with_named(cursor, segment_id)
        _refuse_queries(segments)
        contact_id = owner_at(cursor, identity, stored_instant(as_of))
        if contact_id is None:
            known_contact_id(cursor, identity)
            raise NotYetContactError(email, as_of)
    with moment_of(store, as_of, contact_id=contact_id) as moment:
        trees = [segment.tree for segment in segments]
        moment.cursor.execute("BEGIN TRANSACTION READ ONLY")  # all that is read is of one state
        try:
            values = read_contact_values(moment.cursor, contact_id, trees, moment.catalog(has_zones=False))
        finally:
            moment.cursor.execute("ROLLBACK")
    if values is None:
        raise NotYetContactError(email, as_of)
    return explained(email, segments, values, as_of, exact_since=moment.exact_since)


def _refuse_queries(segments: Iterable[Segment]) -> None:
    for segment in segments:
        if queries_of(segment.tree):
            raise NotExplainedError(segment.id)
