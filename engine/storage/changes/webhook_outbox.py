"""What a group of writes has to tell webhooks: the outbox, written with the changes themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import orjson

from engine.storage.arrow_rows import contact_ids, insert, instants, numbers, table_of, texts
from engine.storage.changes.timeline_rows import TimelineRow, json_text
from engine.storage.webhook_types import matches, type_of_kind


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """Something that happened to a contact. `occurred_at` is naive, in UTC; `data` is the JSON text of an object."""

    type: str
    contact_id: int
    occurred_at: datetime
    data: str


class WebhookOutbox:
    """What is told, in order: entries of the timeline by themselves, and what has none by `tell`."""

    def __init__(self, patterns: Collection[str]) -> None:
        self._patterns = patterns
        self._told: list[tuple[int, OutboxRow]] = []

    def wants(self, kind: str) -> bool:
        """Whether any webhook wants to be told of a type."""
        return bool(self._patterns) and matches(kind, self._patterns)

    @property
    def wants_any(self) -> bool:
        """Whether there is any webhook to be told."""
        return bool(self._patterns)

    def tell(self, row: OutboxRow, *, after: int) -> None:
        """Tell of something that came after so many entries of the timeline."""
        if self.wants(row.type):
            self._told.append((after, row))

    def move(self, from_ids: Collection[int], to_id: int) -> None:
        """Let what is told of some contacts be told of another one."""
        self._told = [
            (after, replace(row, contact_id=to_id) if row.contact_id in from_ids else row) for after, row in self._told
        ]

    def rows(self, direct: Sequence[TimelineRow], entries: Sequence[TimelineRow]) -> list[OutboxRow]:
        """All that is wanted, in order; `direct` are entries that came before all others."""
        if not self._patterns:
            return []
        rows = [row for entry in direct if (row := self._of_entry(entry)) is not None]
        told = iter(self._told)
        after, row = next(told, (-1, None))
        for number in range(len(entries) + 1):
            while row is not None and after == number:
                rows.append(row)
                after, row = next(told, (-1, None))
            if number < len(entries) and (found := self._of_entry(entries[number])) is not None:
                rows.append(found)
        return rows

    def _of_entry(self, entry: TimelineRow) -> OutboxRow | None:
        kind = type_of_kind(entry.kind)
        return OutboxRow(kind, entry.contact_id, entry.occurred_at, entry_data(entry)) if self.wants(kind) else None


def write_outbox(
    cursor: duckdb.DuckDBPyConnection, rows: Sequence[OutboxRow], *, first_sequence: int, recorded_at: datetime
) -> None:
    """Add rows to the outbox, with the next sequence numbers."""
    if rows:
        columns = {
            "sequence": numbers(range(first_sequence, first_sequence + len(rows))),
            "type": texts([row.type for row in rows]),
            "contact_id": contact_ids([row.contact_id for row in rows]),
            "occurred_at": instants([row.occurred_at for row in rows]),
            "recorded_at": instants([recorded_at] * len(rows)),
            "data": texts([row.data for row in rows]),
        }
        insert(cursor, "webhook_outbox", table_of(columns))


_ENTRY_TEXTS = ("id", "kind", "entity_type", "entity_id", "operation", "template_id")


def entry_data(entry: TimelineRow) -> str:
    """What is told of an entry of the timeline: what it has."""
    data: dict[str, object] = {name: value for name in _ENTRY_TEXTS if (value := getattr(entry, name)) is not None}
    for name in ("changes", "properties"):
        text = getattr(entry, name)
        # The sides of a merge are whole contacts, for populace's own use.
        if text is not None and not (name == "properties" and entry.kind == "contact.merged"):
            data[name] = orjson.Fragment(text)
    return json_text(data)
