"""Plans that are made once and asked at many instants."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.compile import Step, scan_step
from engine.compile.retimed import literals_of, retimed
from engine.definition import Segment
from engine.plan import Catalog, Plan, build_plan
from engine.plan.nodes import Expression
from engine.plan.retiming import Question, Retiming, answers_at, questions_of, retiming

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Made:
    """A plan as it was made, its leaves then, and the statements of its scans. It is proven once it was made twice."""

    plan: Plan
    answers: list[Expression]
    steps: dict[str, Step]
    is_proven: bool = False


class Prepared:
    """The plan of segments that can be retimed, made anew only where more of it changes than where its windows lie."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self._questions: tuple[Question, ...] = questions_of(segments)
        self._made: _Made | None = None

    def at(self, catalog: Catalog, as_of: datetime) -> tuple[Plan, Mapping[str, Step]]:
        """The plan at an instant, and the statements of its scans by name: of its scans themselves nothing else holds."""
        answers = answers_at(self._questions, catalog, as_of)
        made = self._made
        if made is not None:
            moves = retiming(made.answers, answers, old_as_of=made.plan.as_of, new_as_of=as_of)
            if moves is not None:
                plan, literals = _moved(made.plan, moves, as_of), literals_of(moves)
                steps = {name: retimed(step, literals) for name, step in made.steps.items()}
                if made.is_proven:
                    return plan, steps
                made.is_proven = self._is_the_same(steps, catalog, as_of)
                if made.is_proven:
                    return plan, steps
        plan = build_plan(self.segments, catalog, as_of)
        self._made = _Made(plan, answers, {scan.name: scan_step(scan, plan) for scan in plan.scans})
        return plan, self._made.steps

    def _is_the_same(self, steps: Mapping[str, Step], catalog: Catalog, as_of: datetime) -> bool:
        """Whether making the plan anew gives the same statements; that it does not is a bug of ours, and no reason."""
        plan = build_plan(self.segments, catalog, as_of)
        fresh = {scan.name: scan_step(scan, plan).sql for scan in plan.scans}
        is_same = fresh == {name: step.sql for name, step in steps.items()}
        if not is_same:
            log.error("statements at another instant are not what they should be; they are made anew")
        return is_same


def _moved(plan: Plan, moves: Retiming, as_of: datetime) -> Plan:
    """A plan whose scans are told by statements only: what it is read for beside them is moved."""
    edges = plan.zone_edges
    if edges is not None:
        edges = replace(edges, columns=tuple((name, moves.windows[window]) for name, window in edges.columns))
    return replace(plan, as_of=as_of, zone_edges=edges)
