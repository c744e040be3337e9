"""Making a workspace from a snapshot: verified first, then whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import SnapshotError
from engine.storage.connection import Instance, StoreSettings, open_database, store_errors
from engine.storage.content_hash import content_hash, content_hash_version
from engine.storage.custom_fields import COLUMN_TYPES
from engine.storage.interruption import run_interruptibly
from engine.storage.migrations import latest_version, make_tables
from engine.storage.snapshot.folder import held
from engine.storage.snapshot.manifest import Manifest, SnapshotFile, read_manifest
from engine.storage.snapshot.parts import Columns, quoted, stored, tables_of, text
from engine.storage.snapshot.publishing import OnPart, file_hash
from engine.storage.store import Store
from engine.storage.workspace_folder import new_workspace


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A workspace that was made: from which snapshot, and whether its content hash could be held against it.

    It cannot where the snapshot was written by a populace that hashed other columns; the hash of each file always is.
    """

    manifest: Manifest
    content_hash: str
    is_content_compared: bool


def restore_workspace(
    snapshot: Path, folder: Path, settings: StoreSettings | None = None, *, on_part: OnPart | None = None
) -> RestoreReport:
    """Make a workspace in a new folder, as it was when the snapshot was written.

    Raises: SnapshotError if a file is missing or was changed, or a newer populace wrote it; StoreError for a folder
    that is not empty, or a disk that does not suffice. There is no new folder then.
    """
    with held(snapshot, to_write=False):
        manifest = read_manifest(snapshot)
        if manifest.schema_version > latest_version():
            raise SnapshotError(
                snapshot,
                f"was written by a newer populace (schema {manifest.schema_version}; this one knows up to "
                f"{latest_version()}); upgrade populace to restore it",
            )
        with new_workspace(folder) as path:
            for file in manifest.files:
                _say(on_part, "verifying", file)
                _verify(snapshot, file)
            with store_errors(path):
                instance = Instance(open_database(path, settings or StoreSettings()))
            with Store(path, instance, default_zone=manifest.timezone, database=instance.name) as store:
                run_interruptibly(store, lambda: _load(store, snapshot, manifest, on_part))
            with Store.open(path, settings) as store:
                found = run_interruptibly(store, lambda: content_hash(store))
            is_compared = manifest.content_hash_version == content_hash_version()
            if is_compared and found != manifest.content_hash:
                raise SnapshotError(snapshot, f"has not the content that its manifest says: {found}")
    return RestoreReport(manifest, found, is_compared)


def _verify(snapshot: Path, file: SnapshotFile) -> None:
    """Raises: SnapshotError for a file that is not as it was written."""
    path = snapshot / file.path
    if not path.resolve().is_relative_to(snapshot.resolve()):
        raise SnapshotError(path, "lies outside the snapshot")
    try:
        is_same = path.stat().st_size == file.bytes and file_hash(path) == file.sha256
        rows = pq.read_metadata(path).num_rows if is_same else 0
    except FileNotFoundError as error:
        raise SnapshotError(path, "is missing; take another copy of the snapshot") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise SnapshotError(path, f"cannot be read: {error}") from error
    if not is_same or rows != file.rows:
        raise SnapshotError(path, "was changed since it was written; take another copy of the snapshot")


def _load(store: Store, snapshot: Path, manifest: Manifest, on_part: OnPart | None) -> None:
    """The tables of the snapshot's schema version, with its rows, in an empty database."""
    with store_errors(store.path), store.cursor() as cursor:
        make_tables(cursor, manifest.schema_version)
        tables = tables_of(cursor)
        if set(manifest.tables) != set(tables):
            different = sorted(set(manifest.tables) ^ set(tables))
            raise SnapshotError(
                snapshot, f"has other tables than schema {manifest.schema_version}: {', '.join(different)}"
            )
        for table, columns in manifest.tables.items():
            cursor.execute(f"DELETE FROM {quoted(table)}")
            _add_columns(cursor, snapshot, table, columns, tables[table])
        for file in manifest.files:
            _say(on_part, "loading", file)
            columns = manifest.tables[file.table]
            names = ", ".join(quoted(name) for name in columns)
            values = ", ".join(stored(name, kind) for name, kind in columns.items())
            source = f"read_parquet({text(str(snapshot / file.path))})"
            ((rows,),) = cursor.execute(
                f"INSERT INTO {quoted(file.table)} ({names}) SELECT {values} FROM {source}"
            ).fetchall()
            if rows != file.rows:
                raise SnapshotError(snapshot / file.path, f"has {rows} rows; its manifest says {file.rows}")
        cursor.execute("CHECKPOINT")


def _add_columns(
    cursor: duckdb.DuckDBPyConnection, snapshot: Path, table: str, columns: Columns, known: Columns
) -> None:
    """Add the columns that users defined. Raises: SnapshotError for columns that cannot be."""
    for name, kind in columns.items():
        if name not in known and kind in COLUMN_TYPES.values():
            cursor.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(name)} {kind}")
        elif known.get(name) != kind:
            raise SnapshotError(snapshot, f"has a column that populace does not know: {table}.{name} {kind}")


def _say(on_part: OnPart | None, what: str, file: SnapshotFile) -> None:
    if on_part is not None:
        on_part(f"{what} {file.table} {file.month}" if file.month else f"{what} {file.table}")
