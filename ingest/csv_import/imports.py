"""The imports of a workspace: files of contacts that are brought in part by part."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

from engine.errors import CallerError, DatasetError, InvalidWriteError, StoreError, UnknownImportError
from engine.storage import Store
from engine.storage.custom_fields import CustomFieldType
from engine.storage.file_imports import (
    Counts,
    FileImport,
    ImportStatus,
    cancel_import,
    delete_import,
    put_import,
    stored_imports,
)
from engine.storage.interruption import run_interruptibly
from ingest.csv_import.dialect import Dialect, read_dialect
from ingest.csv_import.fingerprint import fingerprint
from ingest.csv_import.preview import Preview, previewed
from ingest.csv_import.proposal import Proposal, proposed
from ingest.csv_import.reader import PART_BYTES, first_part
from ingest.csv_import.rows import RowMaker
from ingest.csv_import.running import (
    PORTION_ROWS,
    REJECTED_FILE,
    SOURCE_FILE,
    UTF8_FILE,
    ImportRun,
    OnProgress,
    check_headings,
)
from ingest.csv_import.settings import TARGETS, ImportSettings
from ingest.csv_import.upload import Upload
from ingest.fields import Fields
from ingest.lists import Lists
from ingest.writer import Clock

FOLDER = "imports"
_ENDED = (ImportStatus.DONE, ImportStatus.FAILED, ImportStatus.CANCELLED)


class Imports:
    """Reads files of contacts, proposes what their columns mean, and brings their rows in.

    Rules: see docs/csv-import.md. An import that was begun is on record: it goes on where it was, after whatever ended
    the process. Raises: UnknownImportError, InvalidValueError, DatasetError.
    """

    def __init__(self, store: Store, fields: Fields, lists: Lists, clock: Clock) -> None:
        self._store, self._fields, self._lists, self._clock = store, fields, lists, clock
        self._folder = store.path.parent / FOLDER
        self._working, self._changing = threading.Lock(), threading.Condition()
        self._current: str | None = None
        self._uploading: set[str] = set()
        self._may_run = True

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
        item = self._with_file(import_id)
        with _named(item):
            return self.propose(self._source(item))

    def preview(self, path: Path, settings: ImportSettings) -> Preview:
        """The first rows of a file as they would be."""
        self.check(settings)
        part = first_part(path, self._dialect(path, settings))
        return previewed(part, settings, self._fields_with(settings), self._store.default_zone)

    def preview_of(self, import_id: str, settings: ImportSettings) -> Preview:
        """The same for the file of an import."""
        item = self._with_file(import_id)
        with _named(item):
            return self.preview(self._source(item), settings)

    def check(self, settings: ImportSettings) -> None:
        """Raises: InvalidValueError for settings that this workspace cannot follow."""
        known = {state.id for state in self._lists.all()}
        settings.check(self._fields.in_use, known)

    def begin_upload(self) -> Upload:
        """A place for a file that comes in parts; close it."""
        import_id = uuid.uuid4().hex
        self._uploading.add(import_id)
        return Upload(self._folder / import_id, self._keep, lambda: self._uploading.discard(import_id))

    def _keep(self, folder: Path, name: str) -> tuple[FileImport, Proposal]:
        path = folder / SOURCE_FILE
        item = self._new(folder.name, name, path, keeps_path=False)
        with _named(item):
            proposal = self.propose(path)  # what is no file of rows is not kept
        return self._put(item), proposal

    def sweep(self) -> None:
        """Remove files of uploads that were broken off when a process ended."""
        folders = [path for path in self._folder.iterdir() if path.is_dir()] if self._folder.exists() else []
        known = {item.id for item in self.all()} | self._uploading
        for folder in folders:
            if folder.name not in known:
                rmtree(folder, ignore_errors=True)

    def _with_file(self, import_id: str) -> FileImport:
        """An import whose file was uploaded, and is still there. Raises: InvalidWriteError."""
        item = self.get(import_id)
        if item.path:
            raise InvalidWriteError("import", "is of a file that was not uploaded: see populace import-csv")
        if not self._source(item).exists():
            raise InvalidWriteError("import", f"is {item.state}, and its file was removed then; upload it again")
        return item

    def unfinished(self, path: Path, request: str) -> FileImport | None:
        """The import of the same file that was asked for in the same words, and did not end yet.

        Raises: InvalidWriteError if one of this file that was asked for otherwise did not end; DatasetError.
        """
        _, mark = _measured(path)
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
        """Let an upload run that waits, or once more after a dry run. Raises: InvalidWriteError for any other."""
        with self._changing:
            self._at_rest(import_id)
            item = self._with_file(import_id)
            if item.state is not ImportStatus.WAITING and not (item.is_dry_run and item.state in _ENDED):
                raise InvalidWriteError("state", f"is {item.state}; an import is started once")
            fresh = replace(item, bytes_done=0, counts=Counts(), rejected_bytes=0, working_seconds=0.0, problem=None)
            (self._folder / import_id / UTF8_FILE).unlink(missing_ok=True)  # perhaps of another encoding
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
            with self._changing:
                item = self.get(import_id)
                if item.state is not ImportStatus.RUNNING:
                    raise InvalidWriteError("state", f"is {item.state}; only a running import can go on")
                self._current = import_id
            try:
                with _named(item):
                    self._work(item, on_progress, should_stop, portion_rows)
            except StoreError:
                raise  # it goes on when there is room again
            except CallerError as error:
                if not (isinstance(error, DatasetError) and item.path and self._is_away(item)):
                    self._fail(import_id, error.problem if isinstance(error, DatasetError) else str(error))
                raise
            except Exception as error:
                self._fail(import_id, f"a bug of populace, not of yours: {error}")
                raise
            finally:
                with self._changing:
                    item, self._current = self.get(import_id), None
                    self._changing.notify_all()
            if item.state is ImportStatus.DONE and not item.is_dry_run:
                for name in (SOURCE_FILE, UTF8_FILE):  # personal data that nobody needs any more
                    (self._folder / import_id / name).unlink(missing_ok=True)
        return item

    def _work(
        self, item: FileImport, on_progress: OnProgress | None, should_stop: Callable[[], bool], portion_rows: int
    ) -> None:
        assert item.settings is not None
        self.check(ImportSettings.model_validate_json(item.settings))  # fields and lists may have gone meanwhile
        work = ImportRun(self._store, self._folder / item.id, item, self._clock, portion_rows=portion_rows)
        run_interruptibly(self._store, lambda: work.run(on_progress, should_stop))

    def _is_away(self, item: FileImport) -> bool:
        """Whether the file is not there, or is another one now: it may be brought back."""
        try:
            return fingerprint(Path(item.path)) != item.fingerprint
        except OSError:
            return True

    def _fail(self, import_id: str, problem: str) -> None:
        with self._changing:
            item = self.get(import_id)
            if item.state is ImportStatus.RUNNING:
                self._put(replace(item, state=ImportStatus.FAILED, problem=problem))

    def _at_rest(self, import_id: str) -> FileImport:
        """An import; of one that was cancelled, once whoever works on it has seen that. `_changing` is held."""
        while (item := self.get(import_id)).state in _ENDED and self._current == import_id:
            self._changing.wait()
        return item

    def all(self) -> list[FileImport]:
        """All imports, latest first."""
        return stored_imports(self._store)

    def running(self) -> Sequence[FileImport]:
        """Those that run, oldest first. Nothing is read where none did and none was started since."""
        if not self._may_run:
            return ()
        self._may_run = False  # before looking: who starts one meanwhile says so again
        found = [item for item in reversed(self.all()) if item.state is ImportStatus.RUNNING]
        self._may_run = self._may_run or bool(found)
        return found

    def get(self, import_id: str) -> FileImport:
        """One import."""
        found = stored_imports(self._store, import_id)
        if not found:
            raise UnknownImportError(import_id)
        return found[0]

    def cancel(self, import_id: str) -> FileImport:
        """Let an import go no further: what is in stays. Nothing comes in once it returns, whatever happens then."""
        with self._changing:
            with self._store.transaction(changes_rows=False) as cursor:
                is_cancelled = cancel_import(cursor, import_id, self._clock())
            item = self.get(import_id)
            if not is_cancelled:
                raise InvalidWriteError("state", f"is {item.state}: there is nothing to cancel")
            return item

    def delete(self, import_id: str) -> None:
        """Forget an import that does not run, with its file and its rejected rows."""
        with self._changing:
            if self._at_rest(import_id).state is ImportStatus.RUNNING:
                raise InvalidWriteError("state", "is running; cancel it first")
            with self._store.transaction(changes_rows=False) as cursor:
                delete_import(cursor, import_id)
            rmtree(self._folder / import_id, ignore_errors=True)

    def rejected(self, import_id: str) -> Iterator[bytes]:
        """The file of rejected rows, in parts; nothing where there are none."""
        item = self.get(import_id)
        if not item.counts.rejected_count:
            return iter(())
        return _parts_of((self._folder / import_id / REJECTED_FILE).open("rb"), item.rejected_bytes)

    def _proposed(self, path: Path, dialect: Dialect) -> Proposal:
        sample = first_part(path, dialect)
        proposal = proposed(dialect, sample, self._fields.all(), self._store.default_zone)
        if "email" not in proposal.settings.by_target:
            return proposal
        preview = previewed(sample, proposal.settings, self._fields_with(proposal.settings), self._store.default_zone)
        return replace(proposal, preview=preview)

    def _dialect(self, path: Path, settings: ImportSettings) -> Dialect:
        """How a file is written. Raises: DatasetError if the settings are not of this file."""
        dialect = read_dialect(
            path, encoding=settings.encoding, delimiter=settings.delimiter, has_header=settings.has_header
        )
        check_headings(path, dialect, settings)
        return dialect

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
        self._dialect(path, settings)
        RowMaker(settings, self._fields_with(settings), self._store.default_zone)  # checks constants
        for column in settings.columns:
            if column.target is not None and column.type is not None and column.target not in self._fields.in_use:
                self._fields.define(column.target, column.type, column.label or column.header or None)
        running = replace(item, settings=settings.model_dump_json(), is_dry_run=is_dry_run, state=ImportStatus.RUNNING)
        self._put(running)
        self._may_run = True
        return running

    def _new(self, import_id: str, name: str, path: Path, *, keeps_path: bool) -> FileImport:
        size, mark = _measured(path)
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


def _parts_of(file: BinaryIO, length: int) -> Iterator[bytes]:
    """The first bytes of a file: what is behind them belongs to a part that is not in yet."""
    with file:
        while length and (part := file.read(min(length, PART_BYTES))):
            length -= len(part)
            yield part


def _measured(path: Path) -> tuple[int, str]:
    """The size of a file in bytes, and its fingerprint. Raises: DatasetError."""
    try:
        return path.stat().st_size, fingerprint(path)
    except OSError as error:
        raise DatasetError(path, f"cannot be read: {error.strerror}") from error
