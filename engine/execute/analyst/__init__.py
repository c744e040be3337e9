"""The analyst's SQL door: one read-only statement, in a process of its own."""

from __future__ import annotations

from engine.execute.analyst.door import QueryLimits, QueryResult, open_query

__all__ = ["QueryLimits", "QueryResult", "open_query"]
