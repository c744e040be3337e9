"""Publishing a workspace for SQL: a file of its own that holds the documented views and nothing that is not theirs."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from engine.errors import StoreError
from engine.execute.memberships import Memberships, status_of, stored_memberships
from engine.storage import Store, StoreSettings
from engine.storage.connection import open_database, store_errors
from engine.storage.custom_fields import CustomFieldType, add_column, fields_in_use, stored_fields
from engine.storage.instants import stored_instant
from engine.storage.published_views import BASE, VIEWS, contacts_query, segment_query
from engine.storage.scratch_folder import scratch_folder
from engine.storage.segments import StoredSegment, stored_segments

PUBLISHED = "published"
_publishing = threading.Lock()
_KEPT = ("contacts", "timeline", "custom_events", "lists", "subscriptions")


def published_file(store: Store, *, max_age_seconds: float = 0.0) -> Path:
    """The file that SQL reads, of the store as it is now; made anew if the store has changed since the last one.

    One that shows what was at most so many seconds ago will do, too. It lies beside the store. Raises: StoreError when
    the disk does not suffice.
    """
    recent = _recent(store, max_age_seconds)
    if recent is not None:
        return recent
    with _publishing:
        path = _path(store)
        return _recent(store, max_age_seconds) or (path if path.exists() else _publish(store, store.held_still))


def shown_at(store: Store, published: Path) -> datetime:
    """The instant (UTC) of which a published file shows the store: now, if nothing has changed since."""
    if published == _path(store):
        return datetime.now(UTC)
    return datetime.fromtimestamp(published.stat().st_mtime, UTC)


def _recent(store: Store, max_age_seconds: float) -> Path | None:
    """The latest published file that is no older."""
    if not max_age_seconds:
        return None
    since = datetime.now(UTC).timestamp() - max_age_seconds
    found = []
    for path in store.path.parent.glob(f"{PUBLISHED}-*.duckdb"):
        with suppress(FileNotFoundError):  # it was replaced by a later one
            found.append((path.stat().st_mtime, path))
    latest_at, latest = max(found, default=(0.0, None))
    return latest if latest_at >= since else None


def published_in_transaction(store: Store) -> Path:
    """The same for a caller in a transaction that has changed nothing yet: until it ends, the file stays as it is.

    Whoever waits for `_publishing` may hold it and wait for the transaction: so this does without.
    """
    path = _path(store)
    return path if path.exists() else _publish(store, partial(store.held_still, by_transaction=True))


def _path(store: Store) -> Path:
    return store.path.with_name(f"{PUBLISHED}-{store.generation()}.duckdb")


@contextmanager
def published_without_rows(custom_fields: Mapping[str, CustomFieldType]) -> Iterator[Path]:
    """A file like the published one, of a workspace with these fields in which nothing is. Raises: StoreError."""
    with (
        scratch_folder("populace-") as folder,
        store_errors(folder),
        Store.create(folder / "empty.duckdb", StoreSettings()) as store,
    ):
        with store.transaction() as cursor:
            for key, kind in custom_fields.items():
                add_column(cursor, key, kind)
                row = [key, kind.value, stored_instant(datetime(2026, 1, 1, tzinfo=UTC))]
                cursor.execute("INSERT INTO custom_fields (key, label, type, created_at) VALUES ($1, $1, $2, $3)", row)
        yield published_file(store)


def remove_published(store: Store) -> None:
    """Remove every published file, also one that is being made: it may hold who was erased since.

    Who reads one of them reads on until the question is answered; a transaction that is about to read one is waited
    for. Raises: StoreError.
    """
    with _publishing, store_errors(store.path), store.held_for_reading():
        for path in store.path.parent.glob(f"{PUBLISHED}-*.duckdb"):
            path.unlink(missing_ok=True)


def _publish(store: Store, held_still: Callable[[], AbstractContextManager[tuple[Path, ...]]]) -> Path:
    """Make the file aside and put it in its place; then the older ones go (who reads one of them reads on)."""
    with store_errors(store.path), scratch_folder(f".{PUBLISHED}-", beside=store.path.parent) as folder:
        unready = folder / "partial.duckdb"
        with held_still() as files:
            path, seen_at = _path(store), datetime.now(UTC).timestamp()
            memberships, segments = stored_memberships(store), stored_segments(store)
            for file in files:
                _copy(file, unready.with_name(unready.name + file.name.removeprefix(store.path.name)))
        connection = open_database(unready, StoreSettings())
        try:
            _reshape(connection, memberships, segments)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        os.utime(unready, (seen_at, seen_at))  # see `shown_at`
        unready.rename(path)
    # A transaction may have published a later one in the meantime, and be about to read it.
    kept = {path, _path(store)}
    for other in path.parent.glob(f"{PUBLISHED}-*.duckdb"):
        if other not in kept:
            other.unlink(missing_ok=True)
    return path


def _copy(source: Path, target: Path) -> None:
    """Copy a file in another process: this one would lose its lock on the store by closing a second handle of it."""
    done = subprocess.run(["cp", "--", source, target], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoreError(f"{source}: cannot be copied for SQL: {done.stderr.strip() or 'cp failed'}")


def _reshape(
    connection: duckdb.DuckDBPyConnection, memberships: Memberships, segments: dict[str, StoredSegment]
) -> None:
    """Turn a copy of the store into what is published: only what the views read, and the views."""
    keys = list(fields_in_use(stored_fields(connection)))
    tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
    for name in tables:
        if name in _KEPT:
            connection.execute(f"ALTER TABLE {name} RENAME TO {BASE}{name}")
        else:
            connection.execute(f"DROP TABLE {name}")
    _write_segments(connection, memberships, segments)
    _write_memberships(connection, memberships)
    for name, view in VIEWS.items():
        query = contacts_query(keys) if name == "contacts" else view.query
        connection.execute(f"CREATE VIEW {name} AS {query}")
    connection.execute("CREATE SCHEMA segment")
    for segment_id in segments:
        if segment_id in memberships and memberships[segment_id].as_of is not None:
            connection.execute(f'CREATE VIEW segment."{segment_id}" AS {segment_query(keys, segment_id)}')


def _write_segments(
    connection: duckdb.DuckDBPyConnection, memberships: Memberships, segments: dict[str, StoredSegment]
) -> None:
    columns = ", ".join(f"{column.name} {column.type}" for column in VIEWS["segments"].columns)
    connection.execute(f"CREATE TABLE {BASE}segments ({columns})")
    rows = []
    for segment_id, stored in segments.items():
        membership = memberships.get(segment_id)
        segment, has_members = stored.segment, membership is not None and membership.as_of is not None
        rows.append(
            {
                "id": segment_id,
                "name": segment.name,
                "color": segment.color,
                "timezone": segment.timezone,
                "version": stored.version,
                "definition": json.dumps(json.loads(segment.document)["tree"], ensure_ascii=False),
                "applied_at": stored.applied_at.replace(tzinfo=None),
                "status": status_of(stored.version, membership),
                "size": membership.members.size if membership and has_members else None,
                "as_of": membership.as_of.replace(tzinfo=None) if membership and membership.as_of else None,
                "failure": membership.failure if membership else None,
            }
        )
    if rows:
        names = ", ".join(rows[0])
        places = ", ".join(f"${name}" for name in rows[0])
        connection.executemany(f"INSERT INTO {BASE}segments ({names}) VALUES ({places})", rows)


def _write_memberships(connection: duckdb.DuckDBPyConnection, memberships: Memberships) -> None:
    """The bitmaps, uncompressed and as long as there are contacts: `get_bit` refuses a position past the end."""
    connection.execute(f"CREATE TABLE {BASE}memberships (segment_id VARCHAR, as_of TIMESTAMP, members BIT)")
    ((capacity,),) = connection.execute(f"SELECT coalesce(max(contact_id), 0) + 1 FROM {BASE}contacts").fetchall()
    computed = [item for item in memberships.values() if item.as_of is not None]
    rows = pa.table(
        {
            "segment_id": pa.array([item.segment_id for item in computed], pa.string()),
            "as_of": pa.array(
                [item.as_of.replace(tzinfo=None) for item in computed if item.as_of is not None], pa.timestamp("us")
            ),
            "members": pa.array([item.members.widened(capacity).bits.tobytes() for item in computed], pa.binary()),
        }
    )
    connection.register("rows_to_insert", rows)
    connection.execute(f"INSERT INTO {BASE}memberships SELECT segment_id, as_of, members::BIT FROM rows_to_insert")
    connection.unregister("rows_to_insert")
