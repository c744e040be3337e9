"""A store as it was at an instant, for one cursor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from engine.plan import Catalog
from engine.storage.connection import store_errors
from engine.storage.history.contacts import rewind_contacts
from engine.storage.history.later import read_later_entries
from engine.storage.history.owners import rewind_events, rewind_identities
from engine.storage.history.present import present_of
from engine.storage.history.subscriptions import rewind_subscriptions
from engine.storage.instants import stored_instant
from engine.storage.store import Store, zones_of_contacts


@dataclass(frozen=True, slots=True)
class Moment:
    """What a store was at `as_of` (UTC), for the statements of `cursor`.

    `exact_since` (UTC; None: the beginning) is from when on that is known exactly. `has_later_changes`: the store knows
    of changes after `as_of`, and they are undone. Every contact that the cursor sees has an id below `capacity`.
    `lists` says when each list had been deleted; `default_zone` is that of contacts that have none. `has_all_ids` says
    that every id below `capacity` is a contact; if not, who is there is to be asked. `contact_count` of them are there
    now. `writers_wait`: nobody writes, and it does not end with the first statement that fails.
    """

    cursor: duckdb.DuckDBPyConnection
    as_of: datetime
    exact_since: datetime | None
    has_later_changes: bool
    lists: Mapping[str, datetime | None]
    default_zone: str
    capacity: int
    contact_count: int
    has_all_ids: bool
    writers_wait: bool

    def catalog(self, *, has_zones: bool = True) -> Catalog:
        """What plans depend on: the lists, and the time zones that contacts have, which only their own days need."""
        zones = zones_of_contacts(self.cursor, self.default_zone) if has_zones else {0: self.default_zone}
        return Catalog(self.lists, zones)

    @property
    def is_exact(self) -> bool:
        """Whether contacts are what an evaluation at that instant would have seen."""
        return is_exact(self.as_of, self.exact_since)


def is_exact(as_of: datetime, exact_since: datetime | None) -> bool:
    """Whether an instant lies where history is known."""
    return exact_since is None or as_of >= exact_since


def has_changed_since(store: Store, cursor: duckdb.DuckDBPyConnection, at: datetime) -> bool:
    """Whether anything but events came in after an instant, as a transaction that writes sees it."""
    return present_of(store, cursor, store.change_count).has_later_changes(cursor, stored_instant(at))


@contextmanager
def moment_of(
    store: Store, as_of: datetime, *, contact_id: int | None = None, writers_wait: bool = False
) -> Iterator[Moment]:
    """A cursor that sees contacts, subscriptions, identities and the owners of events as they were at `as_of`.

    It sees one state of the store, whatever is written while the block runs: by a transaction, which ends with the
    first statement that fails; with `writers_wait` without one, because the caller has seen to it that nobody writes.
    Where the store knows of nothing later they are the tables themselves, which costs one look at the newest entries.
    Else temporary views of their names stand in front of them, with later changes undone; with `contact_id`, those of
    this contact alone, and of others nothing is to be asked. Raises: StoreError.
    """
    at, change_count = stored_instant(as_of), store.change_count
    with store_errors(store.path), store.cursor() as cursor:
        if not writers_wait:
            cursor.execute("BEGIN")
        present = present_of(store, cursor, change_count)
        is_past = present.has_later_changes(cursor, at)
        is_known = present.exact_since is None or at >= present.exact_since
        if is_past or not is_known:
            _rewind(cursor, f"{store.database}.main", at, contact_id, is_known=is_known)
        yield Moment(
            cursor,
            as_of,
            None if present.exact_since is None else present.exact_since.replace(tzinfo=UTC),
            is_past,
            _lists(cursor, at) if is_past else present.lists,
            store.default_zone,
            present.capacity,
            present.contact_count,
            is_known and not is_past and present.contact_count == present.capacity,
            writers_wait,
        )


def _rewind(
    cursor: duckdb.DuckDBPyConnection, tables: str, at: datetime, contact_id: int | None, *, is_known: bool
) -> None:
    """Put the temporary views in front of the tables."""
    read_later_entries(cursor, at, contact_id)
    rewind_contacts(cursor, tables, at, is_known=is_known)
    rewind_subscriptions(cursor, tables, at, is_known=is_known)
    rewind_identities(cursor, tables, at)
    rewind_events(cursor, tables, at)


def _lists(cursor: duckdb.DuckDBPyConnection, at: datetime) -> Mapping[str, datetime | None]:
    """All lists, with the instant at which each had been deleted."""
    rows = cursor.execute(
        """
        SELECT lists.id, CASE WHEN e.list_id IS NULL THEN lists.deleted_at ELSE e.deleted_at END
        FROM lists LEFT JOIN (
            FROM earlier_lists WHERE until_at > $1
            QUALIFY row_number() OVER (PARTITION BY list_id ORDER BY sequence, until_at) = 1
        ) AS e ON e.list_id = lists.id
        """,
        [at],
    ).fetchall()
    return {list_id: None if deleted_at is None else deleted_at.replace(tzinfo=UTC) for list_id, deleted_at in rows}
