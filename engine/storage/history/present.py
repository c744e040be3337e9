"""What every evaluation asks of a store before it begins, remembered until the store changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

import duckdb

from engine.storage.history.later import has_later_changes
from engine.storage.store import Store, lists_of


@dataclass(slots=True)
class Present:
    """A store as it is: `exact_since` (naive, UTC) as stored, and when (UTC) each list was deleted.

    All contacts, and all that ever were, have ids below `capacity`; `contact_count` of them are there.
    """

    exact_since: datetime | None
    lists: Mapping[str, datetime | None]
    contact_count: int
    capacity: int
    _quiet_since: datetime | None = field(default=None, init=False)
    _busy_until: datetime | None = field(default=None, init=False)

    def has_later_changes(self, cursor: duckdb.DuckDBPyConnection, at: datetime) -> bool:
        """Whether anything but events came in after an instant; the store is asked if earlier answers leave it open."""
        if self._quiet_since is not None and at >= self._quiet_since:
            return False
        if self._busy_until is not None and at <= self._busy_until:
            return True
        found = has_later_changes(cursor, at)
        if found:
            self._busy_until = at
        else:
            self._quiet_since = at
        return found


_remembered: WeakKeyDictionary[Store, tuple[tuple[str, int], Present]] = WeakKeyDictionary()


def present_of(store: Store, cursor: duckdb.DuckDBPyConnection, change_count: int) -> Present:
    """The store as the transaction of a cursor sees it; `change_count` is the store's before that began."""
    ((generation, exact_since),) = cursor.execute("SELECT generation, exact_since FROM workspace").fetchall()
    key = (generation, change_count)
    known = _remembered.get(store)
    if known is not None and known[0] == key:
        return known[1]
    present = _read(cursor, exact_since)
    _remembered[store] = (key, present)
    return present


def _read(cursor: duckdb.DuckDBPyConnection, exact_since: datetime | None) -> Present:
    query = "SELECT count(*), max(contact_id), (SELECT max(contact_id) FROM retired) FROM contacts"
    ((contact_count, *highest),) = cursor.execute(query).fetchall()
    capacity = 1 + max((number for number in highest if number is not None), default=-1)
    return Present(exact_since, lists_of(cursor), contact_count, capacity)
