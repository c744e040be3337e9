"""The analyst's SQL door: one read-only statement, in a process of its own."""

from __future__ import annotations

from engine.execute.analyst.door import QueryLimits, QueryResult, open_query
from engine.execute.analyst.protocol import Parameter

__all__ = ["Parameter", "QueryLimits", "QueryResult", "open_query"]
