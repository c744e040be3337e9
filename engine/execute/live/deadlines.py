"""When time alone may next move somebody: known ahead, so that nobody need look for it again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import TypeVar

import duckdb
import numpy as np

from engine.compile.crossings import CrossingQuery, all_crossings, crossing_queries
from engine.definition import Segment
from engine.definition.tree import have_days_of_contacts
from engine.execute.contact_set import ContactIds
from engine.execute.incremental.crossers import Crossers, crossers, crossers_in, instant, microseconds
from engine.execute.incremental.some_contacts import SomeContacts
from engine.plan import Catalog
from engine.plan.crossings import Crossings
from engine.plan.jumps import smooth_crossings

Item = TypeVar("Item", int, str)

_numbers = count(1)

MOST_AHEAD = timedelta(hours=1)
"""So far ahead deadlines are known: finding them reads all events once."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of time, and the queries that find whom windows cross something of in it."""

    name: str
    crossings: Crossings
    queries: tuple[CrossingQuery, ...]


@dataclass(frozen=True, slots=True)
class Deadline:
    """Contacts whom time may move at an instant (UTC), and segments of which all contacts are to be looked at then."""

    at: datetime
    contact_ids: ContactIds
    segment_ids: frozenset[str]


class Deadlines:
    """All instants after `known_since` and up to `known_until` at which time may move somebody.

    Whoever is touched is added again, with what is known of the contact then: what was known before does no harm.
    """

    def __init__(self, segments: Sequence[Segment], *, known_since: datetime) -> None:
        self.segments = list(segments)
        self.known_until = known_since
        self.has_zones = have_days_of_contacts(segments)
        self._zone_ids: frozenset[int] = frozenset()
        self._pieces: list[_Piece] = []
        self._found = Crossers.united([])
        self._position = 0
        self._added: list[tuple[int, int]] = []
        self._in_full: list[tuple[int, str]] = []

    def look_ahead(self, cursor: duckdb.DuckDBPyConnection, catalog: Catalog, until: datetime) -> None:
        """Find those from `known_until` up to an instant, of all contacts that a cursor sees."""
        zone_ids = frozenset(catalog.zones)
        self._zone_ids = self._zone_ids & zone_ids if self._pieces else zone_ids  # those of every piece
        found = [Crossers(self._found.contact_ids[self._position :], self._found.crosses_at[self._position :])]
        for piece in smooth_crossings(self.segments, catalog, after=self.known_until, until=until):
            queries = tuple(crossing_queries(piece))
            self._pieces.append(_Piece(f"crossings_{next(_numbers)}", piece, queries))
            self._in_full += [(microseconds(piece.until), name) for name in piece.elsewhere]
            found.append(crossers(cursor, piece, queries))
        every = Crossers.united(found)
        order = np.argsort(every.crosses_at, kind="stable")
        self._found, self._position = Crossers(every.contact_ids[order], every.crosses_at[order]), 0
        self._in_full.sort()
        self.known_until = until

    def add(self, contacts: SomeContacts, as_of: datetime, contact_ids: ContactIds) -> bool:
        """Add those of some contacts: of which nothing but these is held, numbered in their order, as they are now.

        Whether that can be done: of a time zone that no contact had before nothing is known ahead.
        """
        if self.has_zones:
            zone_ids = contacts.rows("SELECT DISTINCT zone_id FROM contacts").column(0).to_pylist()
            if not self._zone_ids.issuperset(zone_ids):
                return False
        now = microseconds(as_of)
        for piece in self._pieces:
            if not piece.queries or piece.crossings.until <= as_of:
                continue
            contacts.prepare(piece.name, all_crossings(piece.queries))
            found = crossers_in(contacts.rows(f"EXECUTE {piece.name}"), piece.crossings, piece.queries)
            is_ahead = found.crosses_at > now
            numbers, instants = found.contact_ids[is_ahead], found.crosses_at[is_ahead]
            for at, contact_id in zip(instants.tolist(), contact_ids[numbers].tolist(), strict=True):
                heappush(self._added, (at, contact_id))
        return True

    @property
    def next_at(self) -> datetime:
        """The next one, or until when there is none."""
        return self.first_at or self.known_until

    @property
    def first_at(self) -> datetime | None:
        """The next one; None where none is known."""
        ahead = [items[0][0] for items in (self._added, self._in_full) if items]
        if self._position < len(self._found.crosses_at):
            ahead.append(int(self._found.crosses_at[self._position]))
        return instant(min(ahead)).replace(tzinfo=UTC) if ahead else None

    def due(self, until: datetime) -> list[Deadline]:
        """Those up to an instant, in order; they are not known any more then."""
        end = microseconds(until)
        self._pieces = [piece for piece in self._pieces if piece.crossings.until > until]
        stop = int(np.searchsorted(self._found.crosses_at, end, side="right"))
        at = self._found.crosses_at[self._position : stop]
        contact_ids = self._found.contact_ids[self._position : stop]
        self._position = max(stop, self._position)
        added = _popped(self._added, end)
        in_full = _popped(self._in_full, end)
        at = np.concatenate([at, np.array([item[0] for item in added], np.int64)])
        contact_ids = np.concatenate([contact_ids, np.array([item[1] for item in added], np.int32)])
        return [
            Deadline(
                instant(each).replace(tzinfo=UTC),
                np.unique(contact_ids[at == each]),
                frozenset(name for when, name in in_full if when == each),
            )
            for each in np.unique(np.concatenate([at, np.array([item[0] for item in in_full], np.int64)])).tolist()
        ]


def _popped(items: list[tuple[int, Item]], end: int) -> list[tuple[int, Item]]:
    """The first items of a heap, up to an instant."""
    found = []
    while items and items[0][0] <= end:
        found.append(heappop(items))
    return found
