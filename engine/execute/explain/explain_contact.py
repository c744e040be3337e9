"""Explaining a contact of a store as it was at an instant; nothing else of the store is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from engine.definition import Segment
from engine.definition.tree import SqlCondition
from engine.definition.walk import queries_of
from engine.errors import NotYetContactError
from engine.execute.contact_export import known_contact_id
from engine.execute.contact_set import ContactSet
from engine.execute.explain.contact_values import ContactValues, Settled
from engine.execute.explain.explanation import Explanation, explained
from engine.execute.explain.reading import read_contact_values
from engine.execute.sql_conditions import Queries
from engine.storage import Store
from engine.storage.history import Moment, moment_of
from engine.storage.history.owners import owner_at
from engine.storage.instants import stored_instant
from engine.storage.segments import stored_with_named


def explain_contact(store: Store, segment_id: str, identity: str, *, as_of: datetime) -> Explanation:
    """Why the contact of an identity (as stored) is in a segment at `as_of`, or not, and when that changes.

    Raises: UnknownSegmentError, UnknownContactError, NotYetContactError; and where a query of an analyst has a part in
    it QueryFailedError, QueryLimitError, StoreError.
    """
    name = identity.partition(":")[2]
    with store.reading() as cursor:
        segments = stored_with_named(cursor, segment_id)
        contact_id = owner_at(cursor, identity, stored_instant(as_of))
        if contact_id is None:
            known_contact_id(cursor, identity)
            raise NotYetContactError(name, as_of)
    with moment_of(store, as_of, contact_id=contact_id) as moment:
        trees = [segment.tree for segment in segments]
        values = read_contact_values(moment.cursor, contact_id, trees, moment.catalog(has_zones=False))
        sets = query_sets(store, segments, moment)
    if values is None:
        raise NotYetContactError(name, as_of)
    values = with_queries(values, contact_id, sets)
    return explained(name, segments, values, as_of, exact_since=moment.exact_since)


def query_sets(store: Store, segments: Iterable[Segment], moment: Moment) -> dict[SqlCondition, ContactSet]:
    """Whom each query of an analyst finds: it is run as a whole, over all contacts."""
    queries = Queries(store)
    conditions = dict.fromkeys(condition for segment in segments for condition in queries_of(segment.tree))
    return {condition: queries.contacts_found(condition.query, moment) for condition in conditions}


def with_queries(values: ContactValues, contact_id: int, sets: Mapping[SqlCondition, ContactSet]) -> ContactValues:
    """The values of a contact, with whether each query finds it."""
    found: dict[Settled, bool] = {condition: contacts.has(contact_id) for condition, contacts in sets.items()}
    return replace(values, holds={**values.holds, **found})
