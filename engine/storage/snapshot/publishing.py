"""Writing a snapshot: what changed since the one before, aside, and then the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from engine.errors import InternalError, SnapshotError
from engine.storage.connection import store_errors
from engine.storage.content_hash import content_hash_of, content_hash_version
from engine.storage.interruption import run_interruptibly
from engine.storage.scratch_folder import scratch_folder
from engine.storage.snapshot.folder import (
    SCRATCH,
    check_is_ours,
    file_name,
    held,
    remove_all_but,
    remove_leftovers,
)
from engine.storage.snapshot.manifest import (
    FORMAT,
    MANIFEST,
    Manifest,
    SnapshotFile,
    now_text,
    read_manifest,
    write_manifest,
)
from engine.storage.snapshot.parts import Columns, Part, copy_part, parts_of, row_hash_version, tables_of
from engine.storage.store import Store
from engine.storage.whole_file import sync

OnPart = Callable[[str], None]

_LOGICAL_TABLES = frozenset({"contacts", "timeline", "custom_events", "lists", "subscriptions", "zones"})
"""What the content hash reads."""

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """A snapshot that is complete: its manifest, and which of its files were written and which were kept."""

    manifest: Manifest
    written: tuple[SnapshotFile, ...]
    kept: tuple[SnapshotFile, ...]
    removed_count: int


def write_snapshot(
    store: Store, folder: Path, *, created_at: datetime, on_part: OnPart | None = None
) -> SnapshotReport:
    """Write a store as it is now into a folder, in the place of the snapshot of the same workspace that is there.

    Nobody waits for it: it sees one instant, whatever is written meanwhile. Files of months and tables that did not
    change are kept. Until the manifest is replaced the one before, and all its files, are as they were.
    Raises: SnapshotError, StoreError when the disk does not suffice, KeyboardInterrupt.
    """
    with store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder, to_write=True):
            check_is_ours(folder)
            before = read_manifest(folder) if (folder / MANIFEST).exists() else None
            remove_leftovers(folder)
            return run_interruptibly(store, lambda: _write(store, folder, before, created_at, on_part))


def _write(
    store: Store, folder: Path, before: Manifest | None, created_at: datetime, on_part: OnPart | None
) -> SnapshotReport:
    with store.reading() as cursor, store_errors(folder), scratch_folder(SCRATCH, beside=folder) as scratch:
        workspace = _workspace_name(cursor)
        if before is not None and before.workspace != workspace:
            raise SnapshotError(folder, "holds snapshots of another workspace; name a folder of its own")
        names = "schema_version, generation, timezone"
        ((schema_version, generation, zone),) = cursor.execute(f"SELECT {names} FROM workspace").fetchall()
        tables = tables_of(cursor)
        written, kept = [], []
        for table, columns in tables.items():
            for part in parts_of(cursor, table, columns):
                known = _known_file(folder, before, part, columns)
                if known is not None:
                    kept.append(known)
                    continue
                if on_part is not None:
                    on_part(f"{part.table} {part.month}" if part.month else part.table)
                written.append(_write_part(cursor, folder, scratch, part, columns))
        if on_part is not None:
            on_part("hash of everything")
        manifest = Manifest(
            format=FORMAT,
            populace=version("populace"),
            schema_version=schema_version,
            created_at=now_text(created_at),
            workspace=workspace,
            generation=generation,
            timezone=zone,
            content_hash=_content_hash(cursor, before, written, kept),
            content_hash_version=content_hash_version(),
            row_hash_version=row_hash_version(),
            tables=tables,
            files=tuple(sorted([*written, *kept], key=lambda file: (file.table, file.month or ""))),
        )
    for changed in {(folder / file.path).parent for file in written} | {folder}:
        sync(changed)
    write_manifest(folder, manifest)
    sync(folder)
    removed_count = remove_all_but(folder, [file.path for file in manifest.files])
    return SnapshotReport(manifest, tuple(written), tuple(kept), removed_count)


def _workspace_name(cursor: duckdb.DuckDBPyConnection) -> str:
    """What tells workspaces apart, restored ones included: a hash of their secret, which says nothing of it."""
    ((secret,),) = cursor.execute("SELECT value FROM settings WHERE name = 'secret'").fetchall()
    return hashlib.sha256(f"snapshot of {secret}".encode()).hexdigest()[:32]


def _known_file(folder: Path, before: Manifest | None, part: Part, columns: Columns) -> SnapshotFile | None:
    """The file of the snapshot before that has just these rows, if it is there."""
    if before is None or before.row_hash_version != row_hash_version() or before.tables.get(part.table) != columns:
        return None
    for file in before.files:
        if (file.table, file.month, file.row_hash) == (part.table, part.month, part.row_hash):
            path = folder / file.path
            return file if path.is_file() and path.stat().st_size == file.bytes else None
    return None


def _write_part(
    cursor: duckdb.DuckDBPyConnection, folder: Path, scratch: Path, part: Part, columns: Columns
) -> SnapshotFile:
    """Write a part aside, and give the file the name that says what is in it."""
    aside = scratch / "part.parquet"
    rows = copy_part(cursor, part, columns, str(aside))
    if rows != part.rows:
        raise InternalError(f"snapshot of {part.table} {part.month}: {part.rows} rows became {rows}")
    sync(aside)
    sha256, size = file_hash(aside), aside.stat().st_size
    path = folder / file_name(part.table, part.month, sha256)
    path.parent.mkdir(exist_ok=True)
    aside.replace(path)
    return SnapshotFile(path.relative_to(folder).as_posix(), part.table, part.month, rows, size, sha256, part.row_hash)


def _content_hash(
    cursor: duckdb.DuckDBPyConnection, before: Manifest | None, written: list[SnapshotFile], kept: list[SnapshotFile]
) -> str:
    """The content hash of the store; that of the snapshot before, if all that it reads was kept."""
    if before is not None and before.content_hash_version == content_hash_version():
        of_before = {file.path for file in before.files if file.table in _LOGICAL_TABLES}
        is_same = of_before == {file.path for file in kept if file.table in _LOGICAL_TABLES}
        if is_same and not any(file.table in _LOGICAL_TABLES for file in written):
            return before.content_hash
    return content_hash_of(cursor)


def file_hash(path: Path) -> str:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
