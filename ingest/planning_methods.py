"""The methods of a workspace that say what applying segments would do, and then do that."""

from __future__ import annotations

from pathlib import Path

from engine.execute import OnStep
from engine.execute.planned import AppliedPlan, SegmentsPlan, apply_plan, plan_segments
from engine.execute.sql_conditions import check_queries_of
from engine.storage import Store
from engine.storage.interruption import run_interruptibly
from ingest.arguments import Instant, Segments, as_instant, as_segments
from ingest.fields import Fields
from ingest.plan_file import plan_document, read_plan
from ingest.writer import Clock


class PlanningMethods:
    """Mixed into a workspace, which has its store, its fields and its clock."""

    _store: Store
    _clock: Clock
    fields: Fields

    def plan(
        self, segments: Segments, *, as_of: Instant = None, sample_size: int = 5, on_step: OnStep | None = None
    ) -> SegmentsPlan:
        """Who would enter and leave if these segments were applied and computed at an instant; nothing is stored.

        Segments that name one of them are looked at, too. `sample_size` of those who would enter, and as many of those
        who would leave, come with the reason in words. Raises: SegmentsFileError as `apply` does.
        """
        read = as_segments(segments, default_timezone=self._store.default_zone, fields=self.fields.of_definitions)
        check_queries_of(read, self.fields.in_use)
        instant = self._clock() if as_of is None else as_instant(as_of)

        def work() -> SegmentsPlan:
            return plan_segments(self._store, read, as_of=instant, sample_size=sample_size, on_step=on_step)

        return run_interruptibly(self._store, work)

    def apply_plan(self, plan: SegmentsPlan, *, exactly: bool = False) -> AppliedPlan:
        """Apply the segments of a plan and compute those that it moves, all or nothing; what moved otherwise is said.

        With `exactly` nothing is stored if anybody enters or leaves otherwise than planned. Raises: NotAsPlannedError,
        SegmentsFileError.
        """
        check_queries_of(plan.definitions, self.fields.in_use)
        return apply_plan(self._store, plan, clock=self._clock, exactly=exactly)

    def plan_document(self, plan: SegmentsPlan) -> dict[str, object]:
        """A plan as JSON values, for a file that `read_plan` reads."""
        return plan_document(plan, self._workspace_id())

    def read_plan(self, path: str | Path) -> SegmentsPlan:
        """The plan of a file, without samples. Raises: CallerError if it is none, or one of another workspace."""
        zone, fields = self._store.default_zone, self.fields.of_definitions
        return read_plan(Path(path), self._workspace_id(), default_timezone=zone, fields=fields)

    def _workspace_id(self) -> str:
        ((created_at,),) = self._store.rows("SELECT created_at FROM workspace")
        return str(created_at)
