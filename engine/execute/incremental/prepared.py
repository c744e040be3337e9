"""Plans that are made once and asked at many instants."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.compile import PREPARED_DUCKDB, Step, scan_step, zone_edges_step
from engine.compile.retimed import Template, literals_of
from engine.definition import Segment
from engine.definition.timeframes import ONE_MICROSECOND
from engine.execute.incremental.held_events import is_tallied_from_memory
from engine.execute.incremental.some_contacts import SomeContacts
from engine.plan import Catalog, Plan, build_plan
from engine.plan.jumps import jumps
from engine.plan.nodes import Expression
from engine.plan.retiming import Question, Retiming, SmoothRetiming, answers_at, questions_of, retiming

log = logging.getLogger(__name__)

SMOOTH_AHEAD = timedelta(minutes=10)
"""So long a plan is moved from one instant to the next without looking at its definitions, if nothing jumps."""


@dataclass(slots=True)
class _Made:
    """A plan as it was made, its leaves then, and its statements by name of the scan. `is_proven` once made twice."""

    number: int
    plan: Plan
    answers: list[Expression]
    templates: dict[str, Template]
    is_proven: bool = False


class Prepared:
    """The plan of segments that can be retimed, made anew only where more of it changes than where windows lie."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self._questions: tuple[Question, ...] = questions_of(segments)
        self._made: _Made | None = None
        self._smooth: tuple[SmoothRetiming, Catalog] | None = None

    def at(self, contacts: SomeContacts, catalog: Catalog, as_of: datetime) -> tuple[Plan, Mapping[str, Step]]:
        """The plan at an instant, and the statements of its scans by name: the scans themselves may be of another."""
        made = self._made
        if made is not None and made.is_proven and self._smooth is not None and self._smooth[1] == catalog:
            moves = self._smooth[0].at(as_of)
            if moves is not None:
                plan = _moved(made.plan, moves, as_of)
                return plan, _prepared(made, plan, contacts, literals_of(moves))
        self._smooth = None
        answers = answers_at(self._questions, catalog, as_of)
        if made is not None:
            moves = retiming(made.answers, answers, old_as_of=made.plan.as_of, new_as_of=as_of)
            if moves is not None:
                literals = literals_of(moves)
                made.is_proven = made.is_proven or self._is_the_same(made, literals, catalog, as_of)
                if made.is_proven:
                    self._smooth = self._smooth_from(made, moves, catalog, as_of)
                    plan = _moved(made.plan, moves, as_of)
                    return plan, _prepared(made, plan, contacts, literals)
        plan = build_plan(self.segments, catalog, as_of, has_tallies=True)
        steps = {scan.name: scan_step(scan, plan, PREPARED_DUCKDB) for scan in plan.scans}
        number = 1 if made is None else made.number + 1
        self._made = _Made(number, plan, answers, {name: Template.of(step) for name, step in steps.items()})
        return plan, steps

    def _smooth_from(
        self, made: _Made, moves: Retiming, catalog: Catalog, as_of: datetime
    ) -> tuple[SmoothRetiming, Catalog] | None:
        """How the plan moves from an instant on, for a while, if nothing jumps."""
        until = as_of + SMOOTH_AHEAD
        ahead = jumps(self.segments, catalog, after=as_of, until=until)
        last_at = min([until, *(at - ONE_MICROSECOND for at in ahead)])
        answers = answers_at(self._questions, catalog, last_at)
        last = retiming(made.answers, answers, old_as_of=made.plan.as_of, new_as_of=last_at)
        smooth = None if last is None else SmoothRetiming.between(as_of, moves, last_at, last)
        return None if smooth is None else (smooth, catalog)

    def _is_the_same(self, made: _Made, literals: Mapping[str, str], catalog: Catalog, as_of: datetime) -> bool:
        """Whether making the plan anew gives the same statements; that it does not is a bug of ours, and no reason."""
        plan = build_plan(self.segments, catalog, as_of, has_tallies=True)
        fresh = {scan.name: scan_step(scan, plan, PREPARED_DUCKDB).sql for scan in plan.scans}
        is_same = fresh == {name: template.said(literals) for name, template in made.templates.items()}
        if not is_same:
            log.error("statements at another instant are not what they should be; they are made anew")
        return is_same


def _prepared(made: _Made, plan: Plan, contacts: SomeContacts, literals: Mapping[str, str]) -> Mapping[str, Step]:
    """The steps as calls of prepared statements."""
    if plan.zone_edges is not None:  # which must be there, with the columns of this plan, for them to be prepared
        contacts.make(zone_edges_step(plan.zone_edges).sql)
    steps = {}
    from_memory = {scan.name for scan in plan.scans if is_tallied_from_memory(scan)}
    for scan_name, template in made.templates.items():
        if scan_name in from_memory:
            steps[scan_name] = template.step
            continue
        name = f"{scan_name}_{made.number}"
        contacts.prepare(name, template.statement)
        steps[scan_name] = template.executed(name, literals)
    return steps


def _moved(plan: Plan, moves: Retiming, as_of: datetime) -> Plan:
    """A plan whose scans are told by statements, or tallied: what it is read for beside them is moved."""
    edges = plan.zone_edges
    if edges is not None:
        edges = replace(edges, columns=tuple((name, moves.windows[window]) for name, window in edges.columns))
    return replace(plan, as_of=as_of, zone_edges=edges, instants=moves.instants)
