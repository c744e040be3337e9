"""The methods of a workspace that answer in SQL, and that say its segments in the SQL of another engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl
import pyarrow as pa

from engine.errors import InternalError
from engine.execute.analyst import Parameter, QueryLimits, QueryResult, open_query
from engine.execute.publish import published_file, shown_at
from engine.storage import Store
from engine.storage.interruption import run_interruptibly
from engine.storage.segments import stored_beside
from ingest.arguments import Instant, Segments, as_instant, as_segments
from ingest.elsewhere import members_sql
from ingest.fields import Fields
from ingest.frames import frame_of


class QuestionMethods:
    """Mixed into a workspace, which has its store and its fields."""

    _store: Store
    fields: Fields

    def sql_of(self, segments: Segments, *, dialect: str, as_of: Instant = None) -> str:
        """One statement that finds the members of segments on another engine, over tables filled from a snapshot.

        Rows: (segment_id, contact_id). `dialect` is duckdb, postgres, clickhouse or spark. Docs: docs/dialects.md.
        Raises: SegmentsFileError as `preview` does; UnsupportedByDialectError for what the engine cannot say.
        """
        read = as_segments(segments, default_timezone=self._store.default_zone, fields=self.fields.of_definitions)
        others = {name: item.segment for name, item in stored_beside(self._store, read).items()}
        catalog = self._store.catalog()
        return members_sql(read, dialect=dialect, as_of=as_instant(as_of), catalog=catalog, others=others)

    def query(
        self,
        sql: str,
        *,
        parameters: Mapping[str, Parameter] | None = None,
        timeout_seconds: float = 60.0,
        memory_bytes: int | None = None,
    ) -> QueryResult:
        """Start one SELECT over the documented views (docs/sql.md), in a process of its own; use the result in `with`.

        `schema` is there at once, `batches()` gives the rows as they are read. It reads a copy of the workspace as it
        is now: made by the first question after a change, and then it stays. `parameters` are the values of `$name` in
        the statement, `memory_bytes` is 1 GiB if not given.
        Raises: QueryRefusedError, QueryFailedError, QueryLimitError, StoreError.
        """
        return self.query_recent(
            sql, max_age_seconds=0, parameters=parameters, timeout_seconds=timeout_seconds, memory_bytes=memory_bytes
        )[0]

    def query_recent(
        self,
        sql: str,
        *,
        max_age_seconds: float,
        parameters: Mapping[str, Parameter] | None = None,
        timeout_seconds: float = 60.0,
        memory_bytes: int | None = None,
    ) -> tuple[QueryResult, datetime]:
        """The same of a copy that may be so many seconds old, and the instant (UTC) that it shows.

        Where much is written, copies are not made for every question. Raises: as `query` does.
        """
        limits = QueryLimits(timeout_seconds, memory_bytes or QueryLimits().memory_bytes)
        while True:
            published = run_interruptibly(
                self._store, lambda: published_file(self._store, max_age_seconds=max_age_seconds)
            )
            try:
                at = shown_at(self._store, published)
                return open_query(published, sql, limits, parameters=parameters), at
            except (InternalError, FileNotFoundError):
                if published.exists():
                    raise
                # Another thread has changed the workspace and replaced the copy before this process had opened it.

    def sql(self, sql: str, *, timeout_seconds: float = 60.0, memory_bytes: int | None = None) -> pl.DataFrame:
        """The answer to one SELECT over the documented views (docs/sql.md) as a frame. Arguments, errors: see `query`.

        For Arrow, or more rows than fit into memory, use `query`.
        """
        with self.query(sql, timeout_seconds=timeout_seconds, memory_bytes=memory_bytes) as result:
            table = pa.Table.from_batches(result.batches(), schema=result.schema)
        return frame_of(table)
