"""The SQL engines that plans compile for: what they differ in, one file per engine."""

from __future__ import annotations

from engine.compile.dialects.dialect import Dialect
from engine.compile.dialects.duckdb import DUCKDB

__all__ = ["DUCKDB", "Dialect"]
