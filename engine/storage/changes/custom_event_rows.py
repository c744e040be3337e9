"""The custom events that a group of writes reads and changes: all versions of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import duckdb
import pyarrow as pa

from engine.storage.arrow_rows import INCOMING, contact_ids, incoming, insert, instants, table_of, texts
from engine.storage.changes.event_ids import EventIds, id_hashes
from engine.storage.changes.text_hashes import Hashes
from engine.storage.changes.timeline_rows import move_events

Key = tuple[str, str]
"""Name and external id of a custom event."""

_MONEY = pa.decimal128(38, 9)


@dataclass(frozen=True, slots=True)
class CustomEventRow:
    """One version of a custom event. Instants are naive, in UTC; `properties` is JSON text.

    `original_contact_id` is whose it was before a merge: no part of what it says.
    """

    contact_id: int
    event_name: str
    external_id: str
    occurred_at: datetime
    goal_type: str | None = None
    goal_name: str | None = None
    goal_value: Decimal | None = None
    properties: str | None = None
    deleted_at: datetime | None = None
    original_contact_id: int | None = field(default=None, compare=False)


_COLUMNS = tuple(CustomEventRow.__slots__)


class CustomEventRows:
    """Custom events by name and external id, each with its versions by instant."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, known: EventIds | None) -> None:
        self._cursor, self._known = cursor, known
        self._versions: dict[Key, dict[datetime, CustomEventRow]] = {}
        self._stored: set[Key] = set()
        self._changed: set[Key] = set()
        self._moved: set[int] = set()

    def load(self, keys: Sequence[Key]) -> None:
        """Read all versions of events. `known` must have been given."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._versions]
        if not missing:
            return
        assert self._known is not None
        may_have = self._known.may_have(key_hashes(missing)).tolist()
        for key in missing:
            self._versions[key] = {}
        suspects = [key for key, may in zip(missing, may_have, strict=True) if may]
        if suspects:
            for row in self._rows(suspects):
                self._versions[row.event_name, row.external_id][row.occurred_at] = row
                self._stored.add((row.event_name, row.external_id))

    def versions(self, key: Key) -> list[CustomEventRow]:
        """The versions of an event as they are now, oldest first; none if there is no such event."""
        self.load([key])
        return [row for _, row in sorted(self._versions[key].items())]

    def put(self, row: CustomEventRow) -> None:
        """Add a version, or replace the one of the same instant."""
        key = (row.event_name, row.external_id)
        self.load([key])
        known = self._versions[key].get(row.occurred_at)
        if known is not None and known.contact_id == row.contact_id:
            row = replace(row, original_contact_id=known.original_contact_id)
        self._versions[key][row.occurred_at] = row
        self._changed.add(key)

    def move(self, from_ids: Collection[int], to_id: int) -> None:
        """Let the events of some contacts be another contact's."""
        move_events(self._cursor, "custom_events", from_ids, to_id)
        self._moved.add(to_id)
        for versions in self._versions.values():
            for at, row in versions.items():
                if row.contact_id in from_ids:
                    original = row.contact_id if row.original_contact_id is None else row.original_contact_id
                    versions[at] = replace(row, contact_id=to_id, original_contact_id=original)

    @property
    def touched(self) -> set[int]:
        """The contacts whose events were changed."""
        changed = {row.contact_id for key in self._changed for row in self._versions[key].values()}
        return changed | self._moved

    @property
    def new_keys(self) -> list[Key]:
        """The events that were not there before."""
        return [key for key in self._changed if key not in self._stored]

    def write(self, ingested_at: datetime) -> bool:
        """Write what changed, each version with the instant at which the next one took its place."""
        if not self._changed:
            return False
        stored = [key for key in self._changed if key in self._stored]
        if stored:
            with incoming(self._cursor, _keys_table(stored)):
                self._cursor.execute(
                    f"""
                    DELETE FROM custom_events USING {INCOMING} AS k
                    WHERE custom_events.event_name = k.event_name AND custom_events.external_id = k.external_id
                    """
                )
        rows: list[CustomEventRow] = []
        superseded_at: list[datetime | None] = []
        for key in self._changed:
            versions = self.versions(key)
            rows.extend(versions)
            superseded_at.extend([*(row.occurred_at for row in versions[1:]), None])
        columns = {name: texts([getattr(row, name) for row in rows]) for name in _COLUMNS}
        columns["contact_id"] = contact_ids([row.contact_id for row in rows])
        columns["original_contact_id"] = contact_ids([row.original_contact_id for row in rows])
        columns["occurred_at"] = instants([row.occurred_at for row in rows])
        columns["deleted_at"] = instants([row.deleted_at for row in rows])
        columns["superseded_at"] = instants(superseded_at)
        columns["goal_value"] = (_MONEY, [row.goal_value for row in rows])
        columns["ingested_at"] = instants([ingested_at] * len(rows))
        insert(self._cursor, "custom_events", table_of(columns))
        return True

    def _rows(self, keys: Collection[Key]) -> Iterable[CustomEventRow]:
        with incoming(self._cursor, _keys_table(keys)):
            names = ", ".join(_COLUMNS)
            query = f"SELECT {names} FROM custom_events SEMI JOIN {INCOMING} USING (event_name, external_id)"
            return [CustomEventRow(*values) for values in self._cursor.execute(query).fetchall()]


def key_hashes(keys: Sequence[Key]) -> Hashes:
    """The hash of each key, for `EventIds`."""
    return id_hashes([f"{name}:{external_id}" for name, external_id in keys])


def loaded_keys(cursor: duckdb.DuckDBPyConnection) -> EventIds:
    """The keys of all custom events."""
    return EventIds(_key_batches(cursor))


def _key_batches(cursor: duckdb.DuckDBPyConnection) -> Iterable[Sequence[str]]:
    query = "SELECT event_name || ':' || external_id FROM custom_events"
    with cursor.sql(query).to_arrow_reader(1_000_000) as reader:
        for batch in reader:
            yield batch.column(0)


def _keys_table(keys: Collection[Key]) -> pa.Table:
    columns = {"event_name": texts([name for name, _ in keys]), "external_id": texts([key for _, key in keys])}
    return table_of(columns)
