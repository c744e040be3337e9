"""Explaining a contact of a store: it is read as it is at one moment, and nothing else of the store is."""

from __future__ import annotations

from datetime import datetime

from engine.execute.contact_export import known_contact_id
from engine.execute.explain.explanation import Explanation, explained
from engine.execute.explain.reading import read_contact_values
from engine.storage import Store
from engine.storage.segments import stored_with_named


def explain_contact(store: Store, segment_id: str, email: str, *, as_of: datetime) -> Explanation:
    """Why the contact of an e-mail (normalised) is in a segment at `as_of`, or not, and when that changes.

    Raises: UnknownSegmentError, UnknownContactError.
    """
    with store.reading() as cursor:
        segments = stored_with_named(cursor, segment_id)
        contact_id = known_contact_id(cursor, f"email:{email}")
        trees = [segment.tree for segment in segments]
        values = read_contact_values(cursor, contact_id, trees, fallback_zone=store.default_zone)
    return explained(email, segments, values, as_of)
