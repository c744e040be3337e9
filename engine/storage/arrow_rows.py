"""Rows between Python and the store, as Arrow tables that a statement reads under a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

INCOMING = "incoming"
"""The name under which statements read the rows that `incoming` hands over."""

_INSTANT = pa.timestamp("us")


@contextmanager
def incoming(cursor: duckdb.DuckDBPyConnection, rows: pa.Table) -> Iterator[None]:
    """Let the statements of the block read these rows as the table `incoming`."""
    cursor.register(INCOMING, rows)
    yield  # not unregistered: the next rows take the name over, and the cursor ends with its transaction


def table_of(columns: Mapping[str, tuple[pa.DataType, Sequence[object]]]) -> pa.Table:
    """An Arrow table of lists of Python values."""
    return pa.table({name: pa.array(values, kind) for name, (kind, values) in columns.items()})


def texts(values: Sequence[object]) -> tuple[pa.DataType, Sequence[object]]:
    """A text column."""
    return pa.string(), values


def numbers(values: Sequence[object]) -> tuple[pa.DataType, Sequence[object]]:
    """A column of 64-bit integers."""
    return pa.int64(), values


def contact_ids(values: Sequence[object]) -> tuple[pa.DataType, Sequence[object]]:
    """A column of contact ids."""
    return pa.int32(), values


def instants(values: Sequence[object]) -> tuple[pa.DataType, Sequence[object]]:
    """A column of naive datetimes in UTC."""
    return _INSTANT, values


def insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Add rows to a table; columns that they do not have are NULL."""
    with incoming(cursor, rows):
        cursor.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {INCOMING}")
