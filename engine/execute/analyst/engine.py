"""The worker's side of DuckDB: a published file opened so that SQL can read it and do nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from engine.errors import QueryRefusedError

BATCH_ROWS = 2048
"""One vector of DuckDB, so that rows with long values stream too: 100 KB each filled 1 GiB at 8,192 a batch."""
ENGINE_MEMORY_SHARE = 0.7
"""Of the limit, what DuckDB's own accounting may use; values outside of it and Arrow's batches have the rest."""
MAX_THREADS = 4
MAX_TREE_CHARACTERS = 16 << 20
"""Some 100,000 values; Python takes about ten times as many bytes to hold it."""


@dataclass(frozen=True, slots=True)
class PublishedNames:
    """What is in the file: the views to read, and what lies beneath them or came with DuckDB."""

    views: tuple[str, ...]
    segment_views: tuple[str, ...]
    hidden: tuple[str, ...]


def files_to_read(published: str) -> tuple[Path, ...]:
    """What DuckDB opens when it starts; it aborts when the files that say how large its container is are withheld."""
    return (Path(published), Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"), Path("/sys/devices/system/cpu/online"))


def open_published(path: str, *, memory_bytes: int, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only connection, locked: nothing outside the file, no extension, no setting to change.

    It has as many threads as a statement can have, unless told otherwise.
    """
    connection = duckdb.connect(
        path,
        read_only=True,
        config={
            "allow_community_extensions": "false",
            "allow_persistent_secrets": "false",
            "async_threads": "1",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "enable_external_access": "false",
            "memory_limit": f"{int(memory_bytes * ENGINE_MEMORY_SHARE)} bytes",
            "python_enable_replacements": "false",
            "temp_directory": "",
            "threads": str(threads or thread_count()),
        },
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET GLOBAL lock_configuration = true")
    return connection


def thread_count() -> int:
    """How many threads a statement has."""
    return min(MAX_THREADS, os.cpu_count() or 1)


def published_names(connection: duckdb.DuckDBPyConnection) -> PublishedNames:
    """The names in the file, read before any SQL of an analyst."""
    rows = connection.execute(
        """
        SELECT schema_name, view_name, internal FROM duckdb_views()
        UNION ALL
        SELECT schema_name, table_name, true FROM duckdb_tables()
        """
    ).fetchall()
    return PublishedNames(
        tuple(name for schema, name, internal in rows if schema == "main" and not internal),
        tuple(name for schema, name, internal in rows if schema == "segment" and not internal),
        # Those of information_schema are not found without it before their name, which no CTE has.
        tuple(name for schema, name, internal in rows if internal and schema != "information_schema"),
    )


def warm_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Take every path once that a query takes, so that its threads run and its modules are loaded."""
    with stream(bound(connection, "SELECT sum(n) FROM range(250000) AS numbers(n)")) as reader:
        pa.ipc.new_stream(pa.BufferOutputStream(), reader.schema).write_table(reader.read_all())


def syntax_tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Mapping[str, object]:
    """The statement as DuckDB's parser reads it.

    Raises: QueryRefusedError when the tree is too large to be judged; MemoryError when it is too large to be made. A
    hundred bytes can do that to DuckDB 2.0: ten times `WITH a AS (WITH ` took 2 GB.
    """
    ((text,),) = connection.cursor().execute("SELECT json_serialize_sql($1)", [sql]).fetchall()
    if len(text) > MAX_TREE_CHARACTERS:
        raise QueryRefusedError("the statement has too many parts to be judged; make it shorter")
    tree: dict[str, object] = json.loads(text)
    if tree.get("error_type") == "out of memory":
        raise MemoryError
    return tree


def bound(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None
) -> duckdb.DuckDBPyRelation:
    """The statement with its columns and their types settled; it runs when its rows are read."""
    return connection.cursor().sql(sql, params=dict(parameters) if parameters else None)


def stream(relation: duckdb.DuckDBPyRelation) -> pa.RecordBatchReader:
    """Run the statement; its rows come as they are read."""
    reader: pa.RecordBatchReader = relation.to_arrow_reader(BATCH_ROWS)
    return reader
