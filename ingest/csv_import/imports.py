"""The imports of a workspace: files of contacts that are brought in part by part."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engine.errors import DatasetError, InvalidWriteError, UnknownImportError
from engine.storage import Store
from engine.storage.custom_fields import CustomFieldType
from engine.storage.file_imports import Counts, FileImport, ImportStatus, delete_import, put_import, stored_imports
from engine.storage.interruption import run_interruptibly
from engine.storage.whole_file import sync
from ingest.csv_import.dialect import Dialect, read_dialect
from ingest.csv_import.fingerprint import fingerprint
from ingest.csv_import.preview import Preview, previewed
from ingest.csv_import.proposal import Proposal, proposed
from ingest.csv_import.reader import Part, first_part
from ingest.csv_import.running import (
    PORTION_ROWS,
    REJECTED_FILE,
    SOURCE_FILE,
    ImportRun,
    OnProgress,
    check_headings,
    remove_files,
)
from ingest.csv_import.settings import TARGETS, ImportSettings
from ingest.fields import Fields
from ingest.lists import Lists
from ingest.writer import Clock

FOLDER = "imports"
_ENDED = (ImportStatus.DONE, ImportStatus.FAILED, ImportStatus.CANCELLED)


class Upload:
    """A file that comes in parts. It is gone when it is closed, unless it was kept."""

    def __init__(self, folder: Path, keep: Callable[[Path, str], FileImport]) -> None:
        self._folder, self._keep, self._is_kept = folder, keep, False
        folder.mkdir(parents=True)
        self._file = (folder / SOURCE_FILE).open("wb")

    def write(self, part: bytes) -> None:
        """Take a part."""
        self._file.write(part)

    def keep(self, name: str) -> FileImport:
        """Keep the file, on disk, as an import that waits. Raises: DatasetError for what is no file of rows."""
        self._file.flush()
        os.fsync(self._file.fileno())
        for path in (self._folder, self._folder.parent):
            sync(path)
        item = self._keep(self._folder, name)
        self._is_kept = True
        return item

    def close(self) -> None:
        """Let it go, if it was not kept."""
        self._file.close()
        if not self._is_kept:
            remove_files(self._folder)


class Imports:
    """Reads files of contacts, proposes what their columns mean, and brings their rows in.

    Rules: see docs/csv-import.md. An import that was begun is on record: it goes on where it was, after whatever ended
    the process. Raises: UnknownImportError, InvalidValueError, DatasetError.
    """

    def __init__(self, store: Store, fields: Fields, lists: Lists, clock: Clock) -> None:
        self._store, self._fields, self._lists, self._clock = store, fields, lists, clock
        self._folder = store.path.parent / FOLDER
        self._working = threading.Lock()
        self._cancelled: set[str] = set()
        self.may_run = True
        """Whether an import may be running; whoever works on them all says that there is none."""

    def propose(
        self,
        path: Path,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        has_header: bool | None = None,
    ) -> Proposal:
        """What the columns of a file mean, as far as names and values tell, and its first rows as they would be."""
        return self._proposed(path, read_dialect(path, encoding=encoding, delimiter=delimiter, has_header=has_header))

    def propose_for(self, import_id: str) -> Proposal:
        """The same for the file of an import."""
        item = self.get(import_id)
        with _named(item):
            return self.propose(self._source(item))

    def preview(self, path: Path, settings: ImportSettings) -> Preview:
        """The first rows of a file as they would be."""
        self.check(settings)
        return previewed(self._sample(path, settings), settings, self._fields_with(settings), self._store.default_zone)

    def preview_of(self, import_id: str, settings: ImportSettings) -> Preview:
        """The same for the file of an import."""
        item = self.get(import_id)
        with _named(item):
            return self.preview(self._source(item), settings)

    def check(self, settings: ImportSettings) -> None:
        """Raises: InvalidValueError for settings that this workspace cannot follow."""
        known = {state.id for state in self._lists.all()}
        settings.check(self._fields.in_use, known)

    def begin_upload(self) -> Upload:
        """A place for a file that comes in parts; close it."""
        return Upload(self._folder / uuid.uuid4().hex, self._keep)

    def _keep(self, folder: Path, name: str) -> FileImport:
        path = folder / SOURCE_FILE
        item = self._new(folder.name, name, path, keeps_path=False)
        with _named(item):
            read_dialect(path)  # what is no file of rows is not kept
        return self._put(item)

    def sweep(self) -> None:
        """Remove files of uploads that were broken off when a process ended: none is under way now."""
        known = {item.id for item in self.all()}
        for folder in self._folder.iterdir() if self._folder.exists() else ():
            if folder.name not in known:
                remove_files(folder)

    def unfinished(self, path: Path, request: str) -> FileImport | None:
        """The import of the same file that was asked for in the same words, and did not end yet.

        Raises: InvalidWriteError if one of this file that was asked for otherwise did not end; DatasetError.
        """
        mark = self._new("", path.name, path, keeps_path=True).fingerprint
        for known in stored_imports(self._store):
            if known.state is ImportStatus.RUNNING and known.fingerprint == mark and known.path:
                if known.request == request:
                    return self._put(replace(known, path=str(path.resolve())))
                problem = f"of {path} did not end ({known.id}), and was asked for otherwise; resume or cancel it first"
                raise InvalidWriteError("import", problem)
        return None

    def begin(
        self, path: Path, settings: ImportSettings, *, is_dry_run: bool = False, request: str | None = None
    ) -> FileImport:
        """An import of a file that stays where it is, or the one that did not end yet: see `unfinished`.

        `request` are the settings, if not given. Raises: InvalidWriteError, InvalidValueError, DatasetError.
        """
        path = path.resolve()
        words = settings.model_dump_json() + " dry run" * is_dry_run if request is None else request
        known = self.unfinished(path, words)
        if known is not None:
            return known
        item = replace(self._new(uuid.uuid4().hex, path.name, path, keeps_path=True), request=words)
        return self._started(item, settings, path, is_dry_run=is_dry_run)

    def start(self, import_id: str, settings: ImportSettings, *, is_dry_run: bool = False) -> FileImport:
        """Let an import run that waits, or once more after a dry run. Raises: InvalidWriteError for any other."""
        item = self.get(import_id)
        if item.state is not ImportStatus.WAITING and not (item.is_dry_run and item.state in _ENDED):
            raise InvalidWriteError("state", f"is {item.state}; an import is started once")
        fresh = replace(item, bytes_done=0, counts=Counts(), rejected_bytes=0, working_seconds=0.0, problem=None)
        with _named(item):
            return self._started(fresh, settings, self._source(item), is_dry_run=is_dry_run)

    def run(
        self,
        import_id: str,
        *,
        on_progress: OnProgress | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        portion_rows: int = PORTION_ROWS,
    ) -> FileImport:
        """Work on an import that is running until its end, or until somebody says to stop; how far it is then.

        About `portion_rows` records are one transaction, for which other writes wait.
        One is worked on at a time; another one waits. Raises: DatasetError for a file that cannot be read on, after
        which the import has failed; StoreError and KeyboardInterrupt, after which it can go on.
        """
        with self._working:
            item = self.get(import_id)
            if item.state is not ImportStatus.RUNNING:
                raise InvalidWriteError("state", f"is {item.state}; only a running import can go on")
            work = ImportRun(self._store, self._folder / import_id, item, self._clock, portion_rows=portion_rows)
            stops = lambda: import_id in self._cancelled or should_stop()  # noqa: E731
            try:
                with _named(item):
                    item = run_interruptibly(self._store, lambda: work.run(on_progress, stops))
            except DatasetError as error:
                self._put(replace(work.item, state=ImportStatus.FAILED, problem=error.problem))
                raise
            if import_id in self._cancelled:
                self._cancelled.discard(import_id)
                item = self._put(replace(work.item, state=ImportStatus.CANCELLED))
        return item

    def all(self) -> list[FileImport]:
        """All imports, latest first."""
        return stored_imports(self._store)

    def get(self, import_id: str) -> FileImport:
        """One import."""
        found = stored_imports(self._store, import_id)
        if not found:
            raise UnknownImportError(import_id)
        return found[0]

    def cancel(self, import_id: str) -> FileImport:
        """Let an import go no further: what is in stays."""
        item = self.get(import_id)
        if item.state in _ENDED:
            raise InvalidWriteError("state", f"is {item.state}: there is nothing to cancel")
        self._cancelled.add(import_id)
        if not self._working.acquire(blocking=False):
            return item  # whoever works on it, or before it, sees that
        try:
            self._cancelled.discard(import_id)
            return self._put(replace(self.get(import_id), state=ImportStatus.CANCELLED))
        finally:
            self._working.release()

    def delete(self, import_id: str) -> None:
        """Forget an import that does not run, with its file and its rejected rows."""
        item = self.get(import_id)
        if item.state is ImportStatus.RUNNING:
            raise InvalidWriteError("state", "is running; cancel it first")
        with self._store.transaction(changes_rows=False) as cursor:
            delete_import(cursor, import_id)
        remove_files(self._folder / import_id)

    def rejected(self, import_id: str) -> Path | None:
        """The file of rejected rows, None where there are none. It holds `rejected_bytes` bytes that count."""
        item = self.get(import_id)
        return self._folder / import_id / REJECTED_FILE if item.counts.rejected_count else None

    def _proposed(self, path: Path, dialect: Dialect) -> Proposal:
        sample = first_part(path, dialect)
        proposal = proposed(dialect, sample, self._fields.all(), self._store.default_zone)
        if "email" not in proposal.settings.by_target:
            return proposal
        preview = previewed(sample, proposal.settings, self._fields_with(proposal.settings), self._store.default_zone)
        return replace(proposal, preview=preview)

    def _sample(self, path: Path, settings: ImportSettings) -> Part:
        dialect = read_dialect(
            path, encoding=settings.encoding, delimiter=settings.delimiter, has_header=settings.has_header
        )
        check_headings(path, dialect, settings)
        return first_part(path, dialect)

    def _fields_with(self, settings: ImportSettings) -> Mapping[str, CustomFieldType]:
        """The custom fields that there are once the settings are followed."""
        made = {
            column.target: column.type
            for column in settings.columns
            if column.target is not None and column.type is not None and column.target not in TARGETS
        }
        return {**made, **self._fields.in_use}

    def _started(self, item: FileImport, settings: ImportSettings, path: Path, *, is_dry_run: bool) -> FileImport:
        """Write down that an import runs; its new fields are there then."""
        self.check(settings)
        previewed(self._sample(path, settings), settings, self._fields_with(settings), self._store.default_zone)
        for column in settings.columns:
            if column.target is not None and column.type is not None and column.target not in self._fields.in_use:
                self._fields.define(column.target, column.type, column.label or column.header or None)
        state, self.may_run = ImportStatus.RUNNING, True
        return self._put(replace(item, settings=settings.model_dump_json(), is_dry_run=is_dry_run, state=state))

    def _new(self, import_id: str, name: str, path: Path, *, keeps_path: bool) -> FileImport:
        try:
            size, mark = path.stat().st_size, fingerprint(path)
        except OSError as error:
            raise DatasetError(path, f"cannot be read: {error.strerror}") from error
        now = self._clock()
        return FileImport(
            id=import_id,
            name=name,
            path=str(path) if keeps_path else "",
            file_bytes=size,
            fingerprint=mark,
            request=None,
            settings=None,
            is_dry_run=False,
            state=ImportStatus.WAITING,
            problem=None,
            bytes_done=0,
            counts=Counts(),
            rejected_bytes=0,
            working_seconds=0.0,
            created_at=now,
            updated_at=now,
        )

    def _source(self, item: FileImport) -> Path:
        return Path(item.path) if item.path else self._folder / item.id / SOURCE_FILE

    def _put(self, item: FileImport) -> FileImport:
        with self._store.transaction(changes_rows=False) as cursor:
            put_import(cursor, item, self._clock())
        return item


@contextmanager
def _named(item: FileImport) -> Iterator[None]:
    """Let errors of the file of an upload call it as the caller did: where it is kept is nobody's business."""
    try:
        yield
    except DatasetError as error:
        raise DatasetError(item.path or item.name, error.problem) from None
