"""The batch door: a dataset folder and segments in, members out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from engine.definition import Segment, check_fields_of, check_ids, check_lists_of, check_references_of
from engine.definition.fields import CONTACT_FIELDS
from engine.execute import Evaluation, OnPlan, OnStep, evaluate
from engine.execute.export import MEMBER_SCHEMA
from engine.execute.sql_conditions import check_queries_of
from engine.storage import Store, StoreSettings
from engine.storage.interruption import run_interruptibly
from engine.storage.loading import TimelineOrder
from engine.storage.scratch_folder import scratch_folder
from ingest.dataset import Dataset
from ingest.frames import frame_of
from ingest.load import DatasetReport, OnTable, load_dataset


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What one run found. `emails` has the columns contact_id and email, sorted by email."""

    segments: tuple[Segment, ...]
    evaluation: Evaluation
    report: DatasetReport
    emails: pa.Table
    load_seconds: float
    evaluate_seconds: float

    def size(self, segment_id: str) -> int:
        """How many members a segment has. Raises: KeyError for one that was not computed."""
        return self.evaluation.members[segment_id].size

    def members(self, segment_id: str) -> pl.DataFrame:
        """The members of a segment. Rows: one per member, sorted. Columns: email.

        Raises: KeyError for a segment that was not computed.
        """
        emails = self._emails_of(segment_id)
        return frame_of(pa.table({"email": emails}))

    def member_batches(self) -> Iterator[pa.RecordBatch]:
        """All memberships. Rows: (segment_id, email), sorted. Columns: those of MEMBER_SCHEMA."""
        for segment_id in sorted(self.evaluation.members):
            emails = self._emails_of(segment_id)
            for chunk in emails.chunks:
                segment_ids = pa.repeat(pa.scalar(segment_id), len(chunk))
                yield pa.record_batch([segment_ids, chunk], schema=MEMBER_SCHEMA)

    def _emails_of(self, segment_id: str) -> pa.ChunkedArray[pa.StringScalar]:
        is_member = self.evaluation.members[segment_id].flags()
        return self.emails.column("email").filter(pa.array(is_member[self.emails.column("contact_id").to_numpy()]))


def run_batch(
    dataset: Dataset,
    segments: Sequence[Segment],
    *,
    as_of: datetime,
    default_zone: str = "UTC",
    settings: StoreSettings | None = None,
    on_table: OnTable | None = None,
    on_plan: OnPlan | None = None,
    on_step: OnStep | None = None,
) -> BatchResult:
    """Load a dataset into a scratch store and compute all segments at one instant.

    `default_zone` is the zone of contacts that have none, or an unknown one. The scratch store is gone afterwards.
    Raises: DatasetError, BadRowError for the data; SegmentsFileError for an id given twice, an unknown list, a query
    that is refused; StoreError when memory or disk do not suffice.
    """
    check_ids(segments)
    check_references_of(segments, {})
    check_fields_of(segments, CONTACT_FIELDS)
    check_queries_of(segments, {})
    with (
        scratch_folder("populace-") as scratch,
        Store.create(scratch / "run.duckdb", settings, default_zone=default_zone) as store,
    ):

        def work() -> BatchResult:
            started = time.perf_counter()
            # Sorting the events would cost more than one evaluation earns back (docs/storage.md).
            report = load_dataset(store, dataset, order=TimelineOrder.ARRIVAL, on_table=on_table)
            catalog = store.catalog()
            check_lists_of(segments, catalog.lists)
            loaded = time.perf_counter()
            evaluation = evaluate(store, segments, as_of=as_of, catalog=catalog, on_plan=on_plan, on_step=on_step)
            evaluated = time.perf_counter()
            emails = store.cursor().sql("SELECT contact_id, email FROM contacts ORDER BY email").to_arrow_table()
            return BatchResult(tuple(segments), evaluation, report, emails, loaded - started, evaluated - loaded)

        return run_interruptibly(store, work)
