"""The SQL engines that plans compile for: what they differ in, one file per engine."""

from __future__ import annotations

from engine.compile.dialects.clickhouse import CLICKHOUSE
from engine.compile.dialects.column_type import ColumnType
from engine.compile.dialects.dialect import Dialect
from engine.compile.dialects.duckdb import DUCKDB, PREPARED_DUCKDB
from engine.compile.dialects.postgres import POSTGRES
from engine.compile.dialects.spark import SPARK

__all__ = ["DIALECTS", "DUCKDB", "PREPARED_DUCKDB", "ColumnType", "Dialect"]

DIALECTS = {dialect.name: dialect for dialect in (DUCKDB, POSTGRES, CLICKHOUSE, SPARK)}
