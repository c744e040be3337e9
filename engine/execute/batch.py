"""Full evaluation: all segments at one instant, in one shared plan."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import duckdb

from engine.compile import CompiledPlan, Step, compile_plan
from engine.definition import Segment
from engine.errors import StepFailedError
from engine.execute.evaluation import Evaluation, SegmentMembers, StepTime
from engine.plan import Catalog, build_plan
from engine.storage import Store
from engine.storage.connection import store_errors

log = logging.getLogger(__name__)

OnStep = Callable[[Step], None]
Result = TypeVar("Result")


def evaluate(
    store: Store,
    segments: Sequence[Segment],
    *,
    as_of: datetime,
    catalog: Catalog | None = None,
    on_step: OnStep | None = None,
) -> Evaluation:
    """Who is in which segment at `as_of`.

    One shared plan computes all. Should one of its steps fail, which is a bug of ours, each segment is computed alone:
    the broken one is reported in `failed`, the others complete. `on_step` sees every step before it runs.

    Raises: StoreError when memory or disk do not suffice.
    """
    catalog = catalog or store.catalog()
    contact_count = store.row_count("contacts")
    times: list[StepTime] = []
    failed: dict[str, str] = {}
    members: dict[str, SegmentMembers] = {}
    try:
        members |= _run(store, compile_plan(build_plan(segments, catalog, as_of)), times, on_step)
    except StepFailedError as error:
        log.error("the shared plan failed, each segment is computed alone: %s\n%s", error, error.sql)
        for segment in segments:
            try:
                members |= _run(store, compile_plan(build_plan([segment], catalog, as_of)), times, on_step)
            except StepFailedError as alone:
                log.error("segment %s failed: %s\n%s", segment.id, alone, alone.sql)
                failed[segment.id] = str(alone)
    return Evaluation(as_of, contact_count, members, failed, tuple(times))


def _run(
    store: Store, compiled: CompiledPlan, times: list[StepTime], on_step: OnStep | None
) -> dict[str, SegmentMembers]:
    """Run the steps on a connection of their own, which takes their temporary tables with it."""
    members: dict[str, SegmentMembers] = {}

    def timed(step: Step, run: Callable[[str], Result]) -> Result:
        if on_step is not None:
            on_step(step)
        started = time.perf_counter()
        result = _checked(step, run)
        times.append(StepTime(step.name, time.perf_counter() - started, compiled.readers[step.name]))
        return result

    with store_errors(store.path), store.cursor() as cursor:
        for step in compiled.tables:
            timed(step, cursor.execute)
        for segment_ids, step in compiled.memberships:
            rows = timed(step, lambda sql: cursor.sql(sql).to_arrow_table())
            contact_ids = rows.column(0)
            for index, segment_id in enumerate(segment_ids, start=1):
                members[segment_id] = SegmentMembers(contact_ids, rows.column(index))
    return members


def _checked(step: Step, run: Callable[[str], Result]) -> Result:
    """Run one step; what is our bug becomes StepFailedError, what the machine lacks stays what it is."""
    try:
        return run(step.sql)
    except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        raise StepFailedError(step.name, step.sql, str(error)) from error
