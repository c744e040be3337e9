"""Full evaluation: all segments at one instant, in one shared plan."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, reduce
from operator import and_, or_
from typing import TypeVar

import duckdb

from engine.compile import Step, scan_step, zone_edges_step, zone_offsets_step
from engine.definition import Segment
from engine.definition.tree import have_days_of_contacts
from engine.errors import (
    InternalError,
    InvalidPlanError,
    QueryFailedError,
    QueryLimitError,
    QueryRefusedError,
    StepFailedError,
)
from engine.execute.contact_set import ContactSet
from engine.execute.evaluation import Evaluation, StepTime
from engine.execute.sql_conditions import Queries, reason_of
from engine.execute.tally import SumTooLargeError, Tally
from engine.plan import Catalog, Plan, build_plan
from engine.plan.expressions import facts_of, leaves, local_windows_of
from engine.plan.nodes import Complement, Every, Expression, IsIn, IsMember, Never, Some
from engine.plan.scans import Condition, Membership, Scan, SqlScan, TallyScan
from engine.plan.split import scan_of_one_condition
from engine.storage import Store
from engine.storage.connection import streaming
from engine.storage.history import Moment, moment_of

log = logging.getLogger(__name__)

OnPlan = Callable[[Plan], None]
OnStep = Callable[[Step], None]
FillTally = Callable[[Tally, TallyScan], bool]
Result = TypeVar("Result")

ROWS_AT_ONCE = 122_880
"""Rows of a tally that are counted at once, while DuckDB reads the next ones."""


def evaluate(
    store: Store,
    segments: Sequence[Segment],
    *,
    as_of: datetime,
    catalog: Catalog | None = None,
    others: Mapping[str, Segment] | None = None,
    on_plan: OnPlan | None = None,
    on_step: OnStep | None = None,
    writers_wait: bool = False,
) -> Evaluation:
    """Who is in which segment at `as_of`, with contacts as they were then.

    One shared plan: each scan gives the sets of its conditions as bitmaps, and memberships are made of those. Should a
    scan fail, which is a bug of ours, its conditions are tried one by one: segments that use a broken one are reported
    in `failed`, the others complete; likewise those that use a query of an analyst that fails. `on_step` sees every
    step before it runs. `others` are the segments that these may name, besides each other; `catalog` is that of the
    store if not given. `writers_wait`: the caller has seen to it that nobody writes.

    Raises: StoreError when memory or disk do not suffice.
    """

    def work(moment: Moment) -> Evaluation:
        return evaluate_moment(
            moment,
            segments,
            queries=Queries(store),
            catalog=catalog,
            others=others,
            on_plan=on_plan,
            on_step=on_step,
        )

    if writers_wait:
        with moment_of(store, as_of, writers_wait=True) as moment:
            return work(moment)
    return at_moment(store, as_of, work)


def at_moment(store: Store, as_of: datetime, work: Callable[[Moment], Result]) -> Result:
    """What the work makes of one state of the store, as it was at an instant; others may write meanwhile.

    Should a step fail, which is a bug of ours, it is done again while writers wait: there the other steps can go on.
    """
    try:
        with moment_of(store, as_of) as moment:
            return work(moment)
    except StepFailedError as error:
        log.error("%s; once more while writers wait\n%s", error, error.sql)
    with store.writers_waiting(), moment_of(store, as_of, writers_wait=True) as moment:
        return work(moment)


def evaluate_moment(
    moment: Moment,
    segments: Sequence[Segment],
    *,
    queries: Queries,
    catalog: Catalog | None = None,
    others: Mapping[str, Segment] | None = None,
    on_plan: OnPlan | None = None,
    on_step: OnStep | None = None,
) -> Evaluation:
    """The same for a store as its cursor sees it; who asks can look at the members there.

    `queries` runs those of analysts, if there are any. Raises: StepFailedError for a moment that ends with a failure.
    """
    has_zones = have_days_of_contacts((*segments, *(others or {}).values()))
    catalog = catalog or moment.catalog(has_zones=has_zones)
    plan = build_plan(segments, catalog, moment.as_of, others=others, has_tallies=True)
    if on_plan is not None:
        on_plan(plan)
    return evaluate_plan(moment, segments, plan, queries=queries, on_step=on_step)


def evaluate_plan(
    moment: Moment,
    segments: Sequence[Segment],
    plan: Plan,
    *,
    steps: Mapping[str, Step] | None = None,
    fill_tally: FillTally | None = None,
    queries: Queries,
    on_step: OnStep | None = None,
) -> Evaluation:
    """The same with a plan that was made before; `steps`, if given, are the statements of its scans, by name.

    `fill_tally` adds the events of a scan to its tally, if it has them, and says whether it did.

    Raises: StepFailedError also with `steps`: of the scans themselves other statements cannot be made then.
    """
    as_of = moment.as_of
    run = _Run(moment, plan, steps or {}, queries, on_step, fill_tally)
    run.all_scans()
    started = time.perf_counter()
    failed: dict[str, str] = {}
    for membership in plan.memberships:
        problems = [run.failed[name] for name in _conditions_of(membership.expression) if name in run.failed]
        problems += [failed[name] for name in _segments_of(membership.expression) if name in failed]
        if problems:
            failed[membership.segment_id] = problems[0]
        else:
            run.found[membership.segment_id] = run.everyone & run.members(membership.expression)
    members = {segment.id: run.found[segment.id] for segment in segments if segment.id in run.found}
    failed = {segment.id: failed[segment.id] for segment in segments if segment.id in failed}
    run.times.append(StepTime("memberships", time.perf_counter() - started, tuple(members)))
    return Evaluation(as_of, moment.exact_since, run.everyone.size, members, failed, tuple(run.times))


def everyone(cursor: duckdb.DuckDBPyConnection, capacity: int) -> ContactSet:
    """All contacts that a cursor sees. Their ids are below `capacity`, and dense but for those that are no more."""
    ((count,),) = cursor.execute("SELECT count(*) FROM contacts").fetchall()
    if count == capacity:
        return ContactSet.all(capacity)
    contact_ids = cursor.sql("SELECT contact_id FROM contacts").to_arrow_table().column(0).to_numpy()
    return ContactSet.of_ids(contact_ids, capacity)


class _Run:
    """One evaluation under way: the sets found so far, the conditions that failed, and what each step took."""

    def __init__(
        self,
        moment: Moment,
        plan: Plan,
        steps: Mapping[str, Step],
        queries: Queries,
        on_step: OnStep | None,
        fill_tally: FillTally | None,
    ) -> None:
        self.moment, self.steps, self.queries, self.fill_tally = moment, steps, queries, fill_tally
        self.cursor, self.plan, self.on_step = moment.cursor, plan, on_step
        self.sets: dict[str, ContactSet] = {}
        self.failed: dict[str, str] = {}
        self.found: dict[str, ContactSet] = {}
        self.times: list[StepTime] = []
        self.readers = _readers(plan.memberships)
        self.capacity = moment.capacity
        has_all_ids, capacity = moment.has_all_ids, moment.capacity
        self.everyone = ContactSet.all(capacity) if has_all_ids else everyone(self.cursor, capacity)

    def all_scans(self) -> None:
        """Fill `sets`, and `failed` for conditions that cannot be computed."""
        if self.plan.zone_edges is not None:
            readers = self._readers_of_those(lambda leaf: any(local_windows_of(leaf)))
            self._timed(zone_edges_step(self.plan.zone_edges), self.cursor.execute, readers)
        if self.plan.zone_offsets is not None:
            readers = self._readers_of_those(lambda leaf: any(fact.has_days_of_contacts for fact in facts_of(leaf)))
            self._timed(zone_offsets_step(self.plan.zone_offsets), self.cursor.execute, readers)
        for scan in self.plan.scans:
            if isinstance(scan, SqlScan):
                self._query(scan)
                continue
            try:
                self._scan(scan, self.steps.get(scan.name))
            except StepFailedError as error:
                if not self.moment.writers_wait or self.steps:
                    raise
                log.error("%s; its conditions are computed one by one\n%s", error, error.sql)
                self._one_by_one(scan)

    def _query(self, scan: SqlScan) -> None:
        """Run a query of an analyst; that it fails is no bug of ours, and no reason to stop."""
        (condition,) = scan.conditions
        step, segment_ids = scan_step(scan, self.plan), self._readers_of(scan.conditions)
        try:
            self.sets[condition.name] = self._timed(
                step, lambda query: self.queries.contacts_found(query, self.moment), segment_ids
            )
        except (QueryRefusedError, QueryFailedError, QueryLimitError) as error:
            self.failed[condition.name] = f"its SQL failed: {reason_of(error)}"
        except InternalError as error:
            log.error("condition %s failed: %s\n%s", condition.name, error, scan.query)
            self.failed[condition.name] = str(error)

    def _one_by_one(self, scan: Scan) -> None:
        for condition in scan.conditions:
            try:
                self._scan(scan_of_one_condition(scan, condition))
            except StepFailedError as error:
                log.error("condition %s failed: %s\n%s", condition.name, error, error.sql)
                self.failed[condition.name] = str(error)

    def _scan(self, scan: Scan, step: Step | None = None) -> None:
        step = step or scan_step(scan, self.plan)
        segment_ids = self._readers_of(scan.conditions)
        if isinstance(scan, TallyScan):
            self.sets |= self._timed(step, lambda sql: self._tallied(scan, sql), segment_ids)
            return
        if self.steps:  # for few contacts: the other way takes half a millisecond more
            found = self._timed(step, lambda sql: self.cursor.execute(sql).fetchnumpy(), segment_ids)
            for name in step.conditions:
                self.sets[name] = ContactSet.of_ids(found["contact_id"][found[name]], self.capacity)
            return
        rows = self._timed(step, lambda sql: self.cursor.sql(sql).to_arrow_table(), segment_ids)
        contact_ids = rows.column(0).to_numpy()
        for index, name in enumerate(step.conditions, start=1):
            self.sets[name] = ContactSet.of_rows(contact_ids, rows.column(index), self.capacity)

    def _tallied(self, scan: TallyScan, sql: str) -> dict[str, ContactSet]:
        """The sets of a tally's conditions."""
        try:
            return self._tallied_as(scan, sql, has_large_sums=False)
        except SumTooLargeError:
            return self._tallied_as(scan, sql, has_large_sums=True)

    def _tallied_as(self, scan: TallyScan, sql: str, *, has_large_sums: bool) -> dict[str, ContactSet]:
        tally = Tally(scan, self.capacity, instants=self.plan.instants, has_large_sums=has_large_sums)
        if self.fill_tally is None or not self.fill_tally(tally, scan):
            with streaming(), self.cursor.sql(sql).to_arrow_reader(ROWS_AT_ONCE) as reader:
                for batch in reader:
                    at = batch.column(1).to_numpy(zero_copy_only=False)
                    tally.add(batch.column(0).to_numpy(), at, batch.column(2) if scan.has_values else None)
        return dict(tally.sets())

    def _timed(self, step: Step, run: Callable[[str], Result], segment_ids: tuple[str, ...]) -> Result:
        """Run one step; what is our bug becomes StepFailedError, what the machine lacks stays what it is."""
        if self.on_step is not None:
            self.on_step(step)
        started = time.perf_counter()
        try:
            return run(step.sql)
        except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InterruptException):
            raise
        except duckdb.Error as error:
            raise StepFailedError(step.name, step.sql, str(error)) from error
        finally:
            self.times.append(StepTime(step.name, time.perf_counter() - started, segment_ids))

    def _readers_of(self, conditions: Iterable[Condition]) -> tuple[str, ...]:
        """The segments that use one of the conditions."""
        return tuple(dict.fromkeys(name for item in conditions for name in self.readers[item.name]))

    def _readers_of_those(self, is_meant: Callable[[Expression], bool]) -> tuple[str, ...]:
        conditions = (item for scan in self.plan.scans for item in scan.conditions)
        return self._readers_of(item for item in conditions if is_meant(item.leaf))

    def members(self, expression: Expression) -> ContactSet:
        """The contacts for which an expression over sets is true, perhaps with ids that no contact has."""
        match expression:
            case Every():
                return reduce(and_, [self.members(part) for part in expression.parts])
            case Some():
                return reduce(or_, [self.members(part) for part in expression.parts])
            case Complement():
                return ~self.members(expression.part)
            case IsIn():
                return self.sets[expression.condition]
            case IsMember():
                return self.found[expression.segment_id]
            case Never():
                return ContactSet.none(self.capacity)
            case _:
                raise InvalidPlanError("expression", f"{expression} is not over sets")


@lru_cache(maxsize=4)
def _readers(memberships: tuple[Membership, ...]) -> Mapping[str, list[str]]:
    """The segments that use each condition. Remembered: a plan that is asked at many instants has the same ones."""
    readers: dict[str, list[str]] = {}
    for membership in memberships:
        for name in dict.fromkeys(_conditions_of(membership.expression)):
            readers.setdefault(name, []).append(membership.segment_id)
    return readers


def _segments_of(expression: Expression) -> list[str]:
    return [leaf.segment_id for leaf in leaves(expression) if isinstance(leaf, IsMember)]


def _conditions_of(expression: Expression) -> list[str]:
    return [leaf.condition for leaf in leaves(expression) if isinstance(leaf, IsIn)]
