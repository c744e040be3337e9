"""Conditions that are queries of an analyst: checked before they are kept, and run behind the SQL door."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unicodedata import normalize

import duckdb
import pyarrow as pa

from engine.definition import Segment
from engine.definition.walk import queries_of
from engine.errors import (
    DefinitionError,
    PopulaceError,
    QueryFailedError,
    QueryLimitError,
    QueryRefusedError,
    SegmentsFileError,
)
from engine.execute.analyst.door import QueryLimits, QueryResult, result_of, started_worker
from engine.execute.analyst.protocol import Purpose
from engine.execute.contact_set import ContactSet
from engine.execute.publish import published_file, published_in_transaction, published_without_rows
from engine.storage import Store
from engine.storage.custom_fields import CustomFieldType
from engine.storage.history import Moment

LIMITS = QueryLimits(timeout_seconds=60.0, memory_bytes=1 << 30)
"""What one query may use."""

LOOK_UP_BYTES = 16 << 20
"""So many bytes of e-mails are looked up at once."""

_ANY_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)


def check_queries_of(segments: Iterable[Segment], custom_fields: Mapping[str, CustomFieldType]) -> None:
    """Refuse segments with a query that may not run, is wrong, or is not the same each time; nothing of it runs.

    Raises: SegmentsFileError naming the segment and the path of the node; StoreError.
    """
    asked = [(segment, condition) for segment in segments for condition in queries_of(segment.tree)]
    if not asked:
        return
    refused: dict[str, str | None] = {}
    with published_without_rows(custom_fields) as published:
        for segment, condition in asked:
            if condition.query not in refused:
                refused[condition.query] = _refusal(published, condition.query)
            problem = refused[condition.query]
            if problem is not None:
                raise SegmentsFileError(f"segment {segment.id!r}: {DefinitionError(condition.at, problem)}")


def _refusal(published: Path, query: str) -> str | None:
    """What is wrong with a query; None if nothing is."""
    try:
        worker = started_worker(published, query, LIMITS, purpose=Purpose.CHECK, as_of=_ANY_INSTANT)
        with result_of(worker, LIMITS) as result:
            list(result.batches())
    except (QueryRefusedError, QueryFailedError, QueryLimitError) as error:
        return reason_of(error)
    return None


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries of analysts over a store: over a copy of it that is made for them."""

    store: Store

    def contacts_found(self, query: str, moment: Moment) -> ContactSet:
        """The contacts of whom a query gives the e-mail.

        Raises: QueryFailedError, also at a moment since which contacts have changed: the copy has them as they are now;
        QueryRefusedError, QueryLimitError; InternalError; KeyboardInterrupt.
        """
        if moment.has_later_changes:
            at = moment.as_of.isoformat().replace("+00:00", "Z")
            raise QueryFailedError(f"it sees contacts as they are now, and they have changed since {at}; ask as of now")
        found = ContactSet.none(moment.capacity)
        published = published_in_transaction(self.store) if moment.writers_wait else published_file(self.store)
        with self._running(published, query, moment.as_of) as result:
            for emails in _parts(result.batches()):
                found |= _look_up(moment.cursor, emails, moment.capacity)
        return found

    @contextmanager
    def _running(self, published: Path, query: str, as_of: datetime) -> Iterator[QueryResult]:
        worker = started_worker(published, query, LIMITS, purpose=Purpose.CONDITION, as_of=as_of)
        try:
            with self.store.stopping(worker.kill), result_of(worker, LIMITS) as result:
                yield result
        finally:
            worker.close()


def reason_of(error: PopulaceError) -> str:
    """Why a query has no result, without advice on options that are not to be had here."""
    return f"{error.problem}; ask for less" if isinstance(error, QueryLimitError) else str(error)


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[list[str]]:
    """The e-mails in the spelling of contacts: trimmed, in lower case, NFC. No part has one twice.

    However many rows there are, only so many are held.
    """
    held: set[str] = set()
    held_bytes = 0
    for batch in batches:
        held.update(normalize("NFC", email.strip().lower()) for email in batch.column(0).to_pylist() if email)
        held_bytes += batch.nbytes
        if held_bytes > LOOK_UP_BYTES:
            yield list(held)
            held, held_bytes = set(), 0
    if held:
        yield list(held)


def _look_up(cursor: duckdb.DuckDBPyConnection, emails: list[str], capacity: int) -> ContactSet:
    cursor.register("found_emails", pa.table({"email": pa.array(emails, pa.string())}))
    query = "SELECT contact_id FROM contacts SEMI JOIN found_emails USING (email)"
    contact_ids = cursor.sql(query).to_arrow_table().column(0).to_numpy()
    cursor.unregister("found_emails")
    return ContactSet.of_ids(contact_ids, capacity)
