"""Bringing the rows of a file in, part by part: each part and the note how far it is are one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from engine.errors import DatasetError
from engine.storage import Store
from engine.storage.custom_fields import fields_in_use, stored_fields
from engine.storage.file_imports import (
    Counts,
    FileImport,
    ImportCancelledError,
    ImportStatus,
    NoteOfImport,
    known_count,
    note_import,
)
from engine.storage.merging_contacts import ARRIVED_ID, IncomingContacts, merge_contacts
from engine.storage.whole_file import replaced_file
from ingest.csv_import.dialect import Dialect, read_dialect
from ingest.csv_import.encoding import UTF_8, copy_as_utf8, is_ascii_inside
from ingest.csv_import.fingerprint import fingerprint
from ingest.csv_import.reader import parts
from ingest.csv_import.rejected import RejectedFile
from ingest.csv_import.rows import Rejection, RowMaker, Rows, given_columns
from ingest.csv_import.settings import LIST_STATUS, ImportSettings
from ingest.dataset.columns import ROW_NUMBER
from ingest.writer import Clock

OnProgress = Callable[[FileImport], None]
"""Called after each part, with the import as it is then."""

PORTION_ROWS = 123_000
"""So many records, and those that their part has besides, are one transaction: what DuckDB compresses at once."""

PORTION_BYTES = 96 * 2**20
"""Fewer rows are one, if they are as large as this."""

SHARED_PORTION_ROWS = 20_000
"""The same where others write meanwhile, who wait for that transaction."""

SOURCE_FILE, UTF8_FILE, REJECTED_FILE = "source.csv", "utf8.csv", "rejected.csv"


@dataclass(frozen=True, slots=True)
class _Portion:
    """What is brought in at once; `end` and `last_row` are those of its last part."""

    contacts: IncomingContacts | None
    rejections: Sequence[Rejection]
    repeated_count: int
    end: int
    last_row: int


class ImportRun:
    """One import at work, from where it is. `folder` holds its files."""

    def __init__(self, store: Store, folder: Path, item: FileImport, clock: Clock, *, portion_rows: int) -> None:
        assert item.settings is not None
        self._store, self._folder, self._clock, self._portion_rows = store, folder, clock, portion_rows
        self._settings = ImportSettings.model_validate_json(item.settings)
        with store.cursor() as cursor:
            self._custom_fields = fields_in_use(stored_fields(cursor))
        self._maker = RowMaker(self._settings, self._custom_fields, store.default_zone)
        self.item = item

    def run(self, on_progress: OnProgress | None, should_stop: Callable[[], bool]) -> FileImport:
        """Work until the end of the file, or until somebody says to stop, or cancels it; how far it is then.

        Raises: DatasetError if the file is not there, or is another one; StoreError; KeyboardInterrupt. What was
        reported is in, and the next run goes on behind it.
        """
        path = self._folder / SOURCE_FILE if self._is_upload else Path(self.item.path)
        _check_same(path, self.item)
        began, spent = time.monotonic(), self.item.working_seconds
        dialect = read_dialect(
            path,
            encoding=self._settings.encoding,
            delimiter=self._settings.delimiter,
            has_header=self._settings.has_header,
        )
        check_headings(path, dialect, self._settings)
        if not is_ascii_inside(dialect.encoding):
            path, dialect = self._in_utf8(path, dialect)
        self._folder.mkdir(parents=True, exist_ok=True)
        rejected = RejectedFile(self._folder / REJECTED_FILE, dialect.headings)
        with suppress(ImportCancelledError), _ahead(self._made(path, dialect)) as made:
            for portion in made:
                if should_stop():
                    return self.item
                length = rejected.add(portion.rejections, length=self.item.rejected_bytes)
                counts = Counts(
                    row_count=portion.last_row - self.item.counts.row_count,
                    repeated_count=portion.repeated_count,
                    rejected_count=len(portion.rejections),
                )
                after = replace(
                    self.item,
                    bytes_done=portion.end,
                    counts=self.item.counts + counts,
                    rejected_bytes=length,
                    working_seconds=spent + time.monotonic() - began,
                )
                self._bring_in(portion.contacts, after)
                if on_progress is not None:
                    on_progress(self.item)
            self._note(replace(self.item, state=ImportStatus.DONE))
        return self.item

    @property
    def _is_upload(self) -> bool:
        return not self.item.path

    def _made(self, path: Path, dialect: Dialect) -> Iterator[_Portion]:
        """The portions that are left. Where each ends depends on the file and where the one before ended alone."""
        waiting: list[Rows] = []
        begin = end = self.item.bytes_done or dialect.body_at_byte
        last_row = after_row = self.item.counts.row_count
        for part in parts(path, dialect, at_byte=begin, after_row=after_row):
            waiting.append(self._maker.rows(part))
            end, last_row = part.end, part.last_row
            if last_row - after_row >= self._portion_rows or end - begin >= PORTION_BYTES:
                yield self._portion(waiting, end, last_row)
                waiting, begin, after_row = [], end, last_row
        if waiting:
            yield self._portion(waiting, end, last_row)

    def _portion(self, made: Sequence[Rows], end: int, last_row: int) -> _Portion:
        count = sum(rows.frame.height for rows in made)
        rejections = [rejection for rows in made for rejection in rows.rejections]
        frames = self._maker.contacts(made)
        contacts = None
        if frames:
            columns = given_columns(frames[0])
            subscriptions = self._subscriptions(frames)
            tables = []
            while frames:  # one frame after the other makes room for its table
                tables.append(_arrow(frames.pop(0).drop(LIST_STATUS, strict=False).rename({ROW_NUMBER: ARRIVED_ID})))
            contacts = IncomingContacts(pa.concat_tables(tables), columns, subscriptions)
            count -= contacts.contacts.num_rows
        return _Portion(contacts, rejections, count, end, last_row)

    def _in_utf8(self, path: Path, dialect: Dialect) -> tuple[Path, Dialect]:
        """A copy in UTF-8, made once: parts are found by the bytes of commas and line ends."""
        copy = self._folder / UTF8_FILE
        if not copy.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            with replaced_file(copy) as file:
                copy_as_utf8(path, dialect.encoding, file)
        return copy, replace(dialect, encoding=UTF_8)

    def _bring_in(self, incoming: IncomingContacts | None, after: FileImport) -> None:
        """Merge contacts and note how far that is, in one transaction."""
        if incoming is None:
            self._note(after)
            return
        if self.item.is_dry_run:
            emails: list[str] = incoming.contacts.column("email").to_pylist()  # type: ignore[assignment]  # none is null
            known = known_count(self._store, emails)
            counts = Counts(new_count=len(emails) - known, changed_count=known)
            self._note(replace(after, counts=after.counts + counts))
            return
        note = NoteOfImport(after, self._clock)
        merge_contacts(self._store, incoming, custom_fields=self._custom_fields, clock=self._clock, also=note)
        self.item = note.item

    def _subscriptions(self, frames: Sequence[pl.DataFrame]) -> pa.Table | None:
        """Every contact on every list, with the status that its row says, if it says one."""
        lists = self._settings.lists
        if not lists:
            return None
        names = [ROW_NUMBER, *([LIST_STATUS] if LIST_STATUS in frames[0].columns else [])]
        rows = pl.concat([frame.select(names) for frame in frames]).rename({ROW_NUMBER: ARRIVED_ID})
        status = pl.col(LIST_STATUS) if LIST_STATUS in names else pl.lit("active")
        rows = rows.select(ARRIVED_ID, status.alias("status")).drop_nulls("status")
        return _arrow(rows.join(pl.DataFrame({"list_id": lists}), how="cross"))

    def _note(self, item: FileImport) -> None:
        """Note how far an import is, where no rows change."""
        with self._store.transaction(changes_rows=False) as cursor:
            note_import(cursor, item, self._clock())
        self.item = item


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def check_headings(path: Path, dialect: Dialect, settings: ImportSettings) -> None:
    """Raises: DatasetError if the columns of the settings are not those of the file."""
    wanted = [column.header for column in settings.columns]
    if list(dialect.headings) != wanted:
        wrong = next((name for name, other in zip(wanted, dialect.headings, strict=False) if name != other), None)
        what = f"has {len(dialect.headings)} columns, not {len(wanted)}" if wrong is None else f"has no {wrong!r} there"
        raise DatasetError(path, f"{what}: the settings are of another file; have them proposed anew")


def _check_same(path: Path, item: FileImport) -> None:
    try:
        same = fingerprint(path) == item.fingerprint
    except OSError as error:
        raise DatasetError(path, f"cannot be read: {error.strerror}; bring it back, or cancel the import") from error
    if not same:
        raise DatasetError(path, "is not the file that the import began with; bring it back, or cancel the import")


@contextmanager
def _ahead(items: Iterator[_Portion]) -> Iterator[Iterator[_Portion]]:
    """The items, the next one made in another thread while one is worked on."""

    def passing(pool: ThreadPoolExecutor) -> Iterator[_Portion]:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item

    pool = ThreadPoolExecutor(1, "populace-import")
    try:
        yield passing(pool)
    finally:
        pool.shutdown(cancel_futures=True)
