"""Where contacts, timeline, lists and goals are kept: one DuckDB file, its schema, and how it is filled."""

from __future__ import annotations

from engine.storage.connection import StoreSettings
from engine.storage.store import Store

__all__ = ["Store", "StoreSettings"]
