"""Files of contacts that are brought in part by part, as stored: what is to become of each, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import duckdb

from engine.storage.instants import stored_instant
from engine.storage.merging_contacts import MergedContacts
from engine.storage.store import Store


class ImportStatus(StrEnum):
    """How far an import is."""

    WAITING = "waiting"
    """Somebody has to say what the columns mean."""

    RUNNING = "running"
    """It goes on as soon as somebody works on it, also after an interruption."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records of some parts.

    `row_count` = new + changed + unchanged + repeated + erased + rejected. `repeated_count`: of contacts that come
    again among those that are brought in at once; `erased_count`: of people whose data was deleted for good. In a dry
    run `new_count` is of contacts that nobody knows before, and `changed_count` of known ones.
    """

    row_count: int = 0
    new_count: int = 0
    changed_count: int = 0
    repeated_count: int = 0
    erased_count: int = 0
    rejected_count: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Of both."""
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNT_COLUMNS))


COUNT_COLUMNS = tuple(Counts.__slots__)


@dataclass(frozen=True, slots=True)
class FileImport:
    """An import. Instants are UTC; `settings` is JSON text, None until somebody decided.

    `request`: what was asked for, in whatever words: the same words for the same file go on with it.

    The first `bytes_done` bytes of its file are in, and `rejected_bytes` of the file of rejected rows belong to them.
    `working_seconds`: how long it was worked on.
    """

    id: str
    name: str
    path: str
    file_bytes: int
    fingerprint: str
    request: str | None
    settings: str | None
    is_dry_run: bool
    state: ImportStatus
    problem: str | None
    bytes_done: int
    counts: Counts
    rejected_bytes: int
    working_seconds: float
    created_at: datetime
    updated_at: datetime


_COLUMNS = (
    *(
        "id",
        "name",
        "path",
        "file_bytes",
        "fingerprint",
        "request",
        "settings",
        "is_dry_run",
        "state",
        "problem",
        "bytes_done",
    ),
    *COUNT_COLUMNS,
    *("rejected_bytes", "working_seconds", "created_at", "updated_at"),
)
_COUNTS_AT = _COLUMNS.index(COUNT_COLUMNS[0])


def stored_imports(store: Store, import_id: str | None = None) -> list[FileImport]:
    """All imports, latest first, or the one of an id if it is there."""
    query = f"""
        SELECT {", ".join(_COLUMNS)} FROM file_imports WHERE $1 IS NULL OR id = $1 ORDER BY created_at DESC, id
    """
    return [_import(row) for row in store.rows(query, [import_id])]


def put_import(cursor: duckdb.DuckDBPyConnection, given: FileImport, at: datetime) -> None:
    """Write an import down as it is now, instead of what was there of it. `at`: now."""
    cursor.execute("DELETE FROM file_imports WHERE id = $1", [given.id])
    row = [
        *(
            given.id,
            given.name,
            given.path,
            given.file_bytes,
            given.fingerprint,
            given.request,
            given.settings,
            given.is_dry_run,
        ),
        *(given.state.value, given.problem, given.bytes_done),
        *(getattr(given.counts, name) for name in COUNT_COLUMNS),
        *(given.rejected_bytes, given.working_seconds, stored_instant(given.created_at), stored_instant(at)),
    ]
    cursor.execute(
        f"INSERT INTO file_imports ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(row)))})",
        row,
    )


class ImportCancelledError(Exception):
    """Somebody cancelled the import meanwhile; what the transaction did is not to be kept."""


def note_import(cursor: duckdb.DuckDBPyConnection, given: FileImport, at: datetime) -> None:
    """Write down how far an import is that is worked on. Raises: ImportCancelledError if it does not run any more."""
    query = "SELECT state FROM file_imports WHERE id = $1"
    if cursor.execute(query, [given.id]).fetchall() != [(ImportStatus.RUNNING.value,)]:
        raise ImportCancelledError
    put_import(cursor, given, at)


def cancel_import(cursor: duckdb.DuckDBPyConnection, import_id: str, at: datetime) -> bool:
    """Say that an import goes no further; False where it had ended."""
    values = [import_id, ImportStatus.CANCELLED.value, stored_instant(at)]
    open_states = f"('{ImportStatus.WAITING}', '{ImportStatus.RUNNING}')"
    query = f"""
        UPDATE file_imports SET state = $2, updated_at = $3 WHERE id = $1 AND state IN {open_states} RETURNING id
    """
    return bool(cursor.execute(query, values).fetchall())


class NoteOfImport:
    """What a merge of its contacts calls: notes, in the same transaction, how far an import is then.

    `before` counts all but what the merge finds out; `item` is what was written.
    """

    def __init__(self, before: FileImport, clock: Callable[[], datetime]) -> None:
        self.item, self._before, self._clock = before, before, clock

    def __call__(self, cursor: duckdb.DuckDBPyConnection, merged: MergedContacts) -> None:
        """Write it down."""
        counts = Counts(
            new_count=merged.new_count, changed_count=merged.changed_count, erased_count=merged.erased_count
        )
        self.item = replace(self._before, counts=self._before.counts + counts)
        note_import(cursor, self.item, self._clock())


def delete_import(cursor: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Forget an import."""
    cursor.execute("DELETE FROM file_imports WHERE id = $1", [import_id])


def known_count(store: Store, emails: Sequence[str]) -> int:
    """How many of some e-mails, each given once, are of contacts that are there."""
    query = "SELECT count(*) FROM identities WHERE identity IN (SELECT 'email:' || unnest($1::VARCHAR[]))"
    ((count,),) = store.rows(query, [list(emails)])
    return int(count)


def _import(row: Sequence[object]) -> FileImport:
    values = list(row)
    counts = Counts(*values[_COUNTS_AT : _COUNTS_AT + len(COUNT_COLUMNS)])  # type: ignore[arg-type]
    rest = values[_COUNTS_AT + len(COUNT_COLUMNS) :]
    first = dict(zip(_COLUMNS[:_COUNTS_AT], values[:_COUNTS_AT], strict=True))
    created_at, updated_at = (at.replace(tzinfo=UTC) for at in rest[2:])  # type: ignore[attr-defined]
    return FileImport(
        **{**first, "state": ImportStatus(first["state"])},  # type: ignore[arg-type]
        counts=counts,
        rejected_bytes=rest[0],  # type: ignore[arg-type]
        working_seconds=rest[1],  # type: ignore[arg-type]
        created_at=created_at,
        updated_at=updated_at,
    )
