"""A workspace that lives through a random world: rows that come in bit by bit, and a clock that goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import populace
from engine.definition.fields import JSON_FIELDS
from engine.execute import remembered
from engine.storage import StoreSettings
from engine.storage.store import begin_generation
from engine.storage.workspace_folder import opened_workspace
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.importing import import_dataset
from ingest.workspace import Workspace
from tests.definitions import Json
from tests.engine_under_test import custom_fields_of, write_dataset
from tests.strategies_palette import CUSTOM_FIELDS

KEPT = {"workspace", "zones", "settings", "custom_fields"}
"""The tables that stay as they are when a workspace is emptied for the next world."""


class Living(Workspace):
    """A workspace with a clock of its own, used for one world after the other."""

    now: datetime

    def begin(self, at: datetime) -> None:
        """Empty it, and begin at an instant."""
        self.now = at
        with self._store.transaction() as cursor:
            for (table,) in cursor.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall():
                if table not in KEPT:
                    cursor.execute(f"DELETE FROM {table}")
            cursor.execute("UPDATE workspace SET exact_since = NULL")
            begin_generation(cursor)
        remembered._segments.clear()  # only here rows of definitions ever go
        self._store.membership_change_count += 1

    def take(self, world: Mapping[str, Any]) -> None:
        """Import rows."""
        with TemporaryDirectory() as folder:
            write_dataset(world, Path(folder))
            fields = custom_fields_of(world)
            dataset = open_dataset(Path(folder), bad_rows=StopAtFirstBadRow(), custom_fields=fields)
            import_dataset(self._store, dataset, clock=lambda: self.now)

    def world(self) -> Json:
        """What it knows, as rows that the judge reads."""
        rows = {table: self._rows(table) for table in ("timeline", "custom_events", "subscriptions")}
        emails = {row["contact_id"]: row["email"] for row in self._rows("contacts")}
        return {
            "timezone": self.timezone,
            "custom_fields": [{"key": key, "type": kind} for key, kind in CUSTOM_FIELDS.items()],
            "contacts": self._rows("contacts"),
            "lists": self._rows("lists"),
            **{table: [{**row, "email": emails[row["contact_id"]]} for row in found] for table, found in rows.items()},
        }

    def _rows(self, table: str) -> list[Json]:
        documents = {*JSON_FIELDS, "properties", "all"}
        order = "ORDER BY sequence" if table in ("timeline", "custom_events") else ""
        with self._store.cursor() as cursor:
            found = cursor.execute(f"FROM {table} {order}")
            names = [column[0] for column in found.description or ()]
            return [
                {name: _plain(value, is_json=name in documents) for name, value in zip(names, row, strict=True)}
                for row in found.fetchall()
            ]

    def members_now(self) -> dict[str, set[str]]:
        """Segment id -> e-mails of the members, as stored."""
        return {state.segment.id: set(self.members(state.segment.id)["email"]) for state in self.segments()}


def _plain(value: Any, *, is_json: bool) -> Any:
    match value:
        case None:
            return None
        case str() if is_json:
            return json.loads(value)
        case datetime():
            return value.replace(tzinfo=UTC).isoformat()
        case date():
            return value.isoformat()
        case _:
            return float(value) if type(value).__name__ == "Decimal" else value


@cache
def living(zone: str) -> Living:
    """The workspace of a zone, which every world of that zone in turn lives in; its folder goes with the process."""
    folder = TemporaryDirectory(prefix="populace-living-")
    _KEPT.append(folder)
    path = Path(folder.name) / "shop"
    with populace.init(path, timezone=zone) as new:
        for key, kind in CUSTOM_FIELDS.items():
            new.fields.define(key, kind)
    with ExitStack() as stack:
        store = stack.enter_context(opened_workspace(path, StoreSettings(threads=1)))
        shop: Living
        shop = Living(path, store, stack.pop_all(), clock=lambda: shop.now)
        return shop


_KEPT: list[TemporaryDirectory[str]] = []
