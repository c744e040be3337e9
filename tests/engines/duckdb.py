"""DuckDB, with the script instead of bitmaps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.definition.fields import FieldType
from engine.storage import Store
from tests.engines.engine import Member


class DuckDb:
    """The store itself."""

    dialect = "duckdb"

    def __init__(self) -> None:
        self._store: Store | None = None

    def fill(self, store: Store, fields: Mapping[str, FieldType], folder: Path) -> None:
        """The store has its tables."""
        self._store = store

    def drop(self) -> None:
        """The tables stay in the store, whose they are."""
        self._store = None

    def members(self, sql: str) -> list[Member]:
        """The rows of a script."""
        assert self._store is not None
        return self._store.cursor().execute(sql).fetchall()
