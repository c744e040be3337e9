"""ClickHouse within this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chdb.session import Session

from engine.compile import DIALECTS, tables, tables_script
from engine.definition.fields import FieldType
from engine.storage import Store
from tests.engines.engine import Member
from tests.engines.parquet import write_parquet

_MAX_QUERY_BYTES = 16 * 2**20


class ClickHouse:
    """The one session that a process may have."""

    dialect = "clickhouse"

    def __init__(self, session: Any) -> None:
        self.session = session
        self.session.query(f"SET max_query_size = {_MAX_QUERY_BYTES}")  # our examples are longer than 256 KiB

    def fill(self, store: Store, fields: Mapping[str, FieldType], folder: Path) -> None:
        """Make the tables anew, with the rows of the store."""
        write_parquet(store, fields, folder)
        self.drop()
        for statement in tables_script(fields, DIALECTS[self.dialect]).split(";\n"):
            if statement.strip():
                self.session.query(statement)
        for table in tables(fields):
            names = ", ".join(f'"{name}"' for name in table.columns)
            source = f"file('{folder / table.name}.parquet', 'Parquet')"
            self.session.query(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {source}")

    def drop(self) -> None:
        """Leave no table."""
        for table in tables({}):
            self.session.query(f"DROP TABLE IF EXISTS {table.name} SYNC")

    def members(self, sql: str) -> list[Member]:
        """The rows of a script."""
        return [(str(segment_id), int(contact_id)) for segment_id, contact_id in self.rows(sql)]

    def rows(self, sql: str) -> list[list[Any]]:
        """The rows of a query."""
        found = self.session.query(sql, "JSONCompactEachRow")
        return [json.loads(line) for line in str(found).splitlines()]


@contextmanager
def running_clickhouse(folder: Path) -> Iterator[ClickHouse]:
    """A session while the context lasts."""
    session = Session(str(folder))
    try:
        yield ClickHouse(session)
    finally:
        session.close()
