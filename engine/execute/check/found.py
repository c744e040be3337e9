"""What an invariant says of a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb

from engine.storage import Store

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Found:
    """How many violations there are, and some of them in words; `note` says what was not looked at."""

    count: int
    examples: tuple[str, ...]
    note: str = ""

    @classmethod
    def of(cls, violations: Collection[str], note: str = "") -> Found:
        """All of these."""
        return cls(len(violations), tuple(sorted(violations)[:EXAMPLES]), note)


@dataclass(frozen=True, slots=True)
class Reading:
    """A store as one read transaction sees it. `columns` has the columns of each table with their SQL types."""

    store: Store
    cursor: duckdb.DuckDBPyConnection
    columns: Mapping[str, Mapping[str, str]]

    def found(self, query: str) -> Found:
        """What a query finds. Rows: one per violation. Columns: what, a text."""
        counted = f"SELECT count(*), coalesce(min(what, {EXAMPLES}), []) FROM ({query}) AS t(what)"
        ((count, examples),) = self.cursor.execute(counted).fetchall()
        return Found(count, tuple(examples))

    def found_by(self, queries: Collection[str]) -> Found:
        """What any of several queries finds."""
        return self.found(" UNION ALL ".join(f"({query})" for query in queries)) if queries else Found(0, ())
