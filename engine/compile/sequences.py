"""Sequences as queries: who did one thing after another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.compile.event_sources import (
    CONTACTS,
    EVENTS,
    events_of_kinds,
    selection_conditions,
    with_contacts_of,
)
from engine.compile.expressions import Columns, window_conditions
from engine.compile.instants import in_window
from engine.compile.sql import all_of, any_of, column, integer, is_not_null, is_null, named, or_false, table, text
from engine.compile.zones import with_zone_edges
from engine.definition.fields import FieldType
from engine.plan.expressions import local_windows_of
from engine.plan.nodes import Absence, DidSteps, KindOfEvents, Step
from engine.plan.scans import SequenceScan
from engine.plan.windows import Window

MOMENTS, ROW = "moments", "m"
STEP, ABSENT = "step_", "not_after"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sequence_scan_query(
    scan: SequenceScan, columns: Columns, *, as_of_end: Window, zone_edges: str | None
) -> exp.Select:
    """The query of a scan. Rows: one per contact_id in the set, in no order. `columns` are those of events.

    Events of one contact at one instant become one row: a moment, which says of what steps it has events. One pass in
    order of time for each step then finds the moments that complete the steps so far. For that it is enough to look
    at the latest moment before that completed the earlier steps: the time since it is the shortest, and whatever lies
    between it and now also lies between any earlier one and now.
    """
    sequence = scan.sequence
    steps = [(MOMENTS, _moments(scan, columns, as_of_end, zone_edges))]
    for number in range(2, len(sequence.steps) + 1):
        steps.append((f"done_{number}", _done(sequence, number, steps[-1][0])))
    found = _not_followed(sequence, steps[-1][0]) if sequence.absence is not None else _all_done(sequence, steps[-1][0])
    (condition,) = scan.conditions
    query = exp.select(column("contact_id", ROW), named(exp.true(), condition.name)).distinct(copy=False)
    query = query.from_(found.subquery(ROW, copy=False), copy=False)
    for name, step in steps:
        query = query.with_(name, as_=step, copy=False)
    return query


def _moments(scan: SequenceScan, columns: Columns, as_of_end: Window, zone_edges: str | None) -> exp.Select:
    """The query of the moments. Rows: one per contact, common value if one is asked for, and instant."""
    sequence, dialect, at = scan.sequence, columns.dialect, column("occurred_at", EVENTS)
    kinds = tuple(dict.fromkeys(events.kind for events in sequence.all_events))
    common = common_values(sequence, dialect)
    keys = [column("contact_id", EVENTS), *common.values(), dialect.microseconds(at.copy())]
    names = ["contact_id", *common, "at"]
    flags = [named(dialect.any_is_true(flag), name) for name, flag in _flags(sequence, columns)]
    query = (
        exp.select(*(named(key, name) for key, name in zip(keys, names, strict=True)), *flags)
        .from_(events_of_kinds(kinds, as_of_end, dialect), copy=False)
        .where(*in_window(at, scan.hull, dialect), copy=False)
        .group_by(*(key.copy() for key in keys), copy=False)
    )
    if common:
        query = query.where(any_of([is_not_null(value.copy()) for value in common.values()]), copy=False)
    if zone_edges is not None and any(local_windows_of(sequence)):
        query = with_zone_edges(with_contacts_of(EVENTS, query), CONTACTS, zone_edges)
    return query


def _flags(sequence: DidSteps, columns: Columns) -> Iterator[tuple[str, exp.Expr]]:
    """What an event can be in a sequence, by name."""
    at = column("occurred_at", EVENTS)
    for number, step in enumerate(sequence.steps, start=1):
        in_time = window_conditions(at.copy(), sequence.window, columns)
        yield _step(number), all_of([*_selected(step.events, columns), *in_time])
        if step.without:
            yield _between(number), any_of([all_of(_selected(events, columns)) for events in step.without])
    if sequence.absence is not None:
        yield ABSENT, all_of(_selected(sequence.absence.events, columns))


def _selected(events: KindOfEvents, columns: Columns) -> list[exp.Expr]:
    is_kind = exp.EQ(this=column("kind", EVENTS), expression=text(events.kind))
    return [is_kind, *selection_conditions(events, columns)]


def common_values(sequence: DidSteps, dialect: Dialect) -> dict[str, exp.Expr]:
    """What all events must have in common, by name: a text or a number, of which one is NULL."""
    if sequence.path is None:
        return {}
    properties = column("properties", EVENTS)
    kinds = {"common_text": FieldType.STRING, "common_number": FieldType.NUMBER}
    values = {name: dialect.json_value(properties.copy(), sequence.path, kind) for name, kind in kinds.items()}
    return {**values, "common_number": dialect.with_one_zero(values["common_number"])}


def _done(sequence: DidSteps, number: int, source: str) -> exp.Select:
    """The query that leaves of a step only the moments that complete all steps so far."""
    step = sequence.steps[number - 1]
    at, previous, between = (column(name, ROW) for name in ("at", "previous_at", "between_at"))
    looks = [named(_latest_before(_step(number - 1), sequence), "previous_at")]
    if step.without:
        looks.append(named(_latest_before(_between(number), sequence), "between_at"))
    conditions = [column(_step(number), ROW), is_not_null(previous), *follows(step, at, previous, between)]
    names = [*_keys(sequence), "at", *_later_flags(sequence, number)]
    rows = exp.select(exp.Star(), *looks).from_(table(source), copy=False).subquery(ROW, copy=False)
    done = named(or_false(all_of(conditions)), _step(number))
    return exp.select(*(column(name, ROW) for name in names), done).from_(rows, copy=False)


def _all_done(sequence: DidSteps, source: str) -> exp.Select:
    """The moments that complete all steps."""
    return (
        exp.select(exp.column("contact_id"))
        .from_(table(source), copy=False)
        .where(exp.column(_step(len(sequence.steps))), copy=False)
    )


def _not_followed(sequence: DidSteps, source: str) -> exp.Select:
    """The moments that complete all steps, are long enough ago, and were not followed by what must be absent."""
    assert sequence.absence is not None
    at, next_at, last = column("at", ROW), column("next_at", ROW), _step(len(sequence.steps))
    look = named(_over(exp.Min(this=_at_if(ABSENT)), sequence, is_later=True), "next_at")
    rows = exp.select(exp.Star(), look).from_(table(source), copy=False).subquery(ROW, copy=False)
    conditions = [column(last, ROW), *stays_absent(sequence.absence, at, next_at)]
    return exp.select(column("contact_id", ROW)).from_(rows, copy=False).where(*conditions, copy=False)


def follows(step: Step, at: exp.Column, last: exp.Column, between: exp.Column) -> Iterator[exp.Expr]:
    """What must hold, in microseconds, of a later event that completes a step after the last event of the one before.

    `between` is the latest event before it that may not lie between the two, NULL if there is none.
    """
    if step.within is not None:
        yield _lie_apart(exp.LTE, at, last, step.within)
    if step.without:
        yield any_of([is_null(between.copy()), exp.LTE(this=between.copy(), expression=last.copy())])


def stays_absent(absence: Absence, at: exp.Column, next_at: exp.Column) -> Iterator[exp.Expr]:
    """What must hold, in microseconds, of the last event and of the next one that must be absent, NULL if none is."""
    yield exp.LT(this=at.copy(), expression=integer(_microseconds(absence.decided_at - _EPOCH)))
    yield any_of([is_null(next_at.copy()), _lie_apart(exp.GT, next_at, at, absence.within)])


def _lie_apart(comparison: type[exp.Binary], later: exp.Expr, earlier: exp.Expr, duration: timedelta) -> exp.Expr:
    elapsed = exp.Sub(this=later.copy(), expression=earlier.copy())
    return comparison(this=elapsed, expression=integer(_microseconds(duration)))


def _latest_before(flag: str, sequence: DidSteps) -> exp.Expr:
    """The latest of the earlier moments that have a flag."""
    return _over(exp.Max(this=_at_if(flag)), sequence, is_later=False)


def _over(aggregate: exp.Expr, sequence: DidSteps, *, is_later: bool) -> exp.Expr:
    """An aggregate over the moments before each, or after it, of the same contact and common value."""
    start, end = (integer(1), "UNBOUNDED") if is_later else ("UNBOUNDED", integer(1))
    side = "FOLLOWING" if is_later else "PRECEDING"
    spec = exp.WindowSpec(kind="ROWS", start=start, start_side=side, end=end, end_side=side)
    order = exp.Order(expressions=[exp.Ordered(this=exp.column("at"))])
    keys = [exp.column(name) for name in _keys(sequence)]
    return exp.Window(this=aggregate, partition_by=keys, order=order, spec=spec)


def _later_flags(sequence: DidSteps, number: int) -> Iterator[str]:
    """What must be known of a moment to go on after a step."""
    for later, step in enumerate(sequence.steps[number:], start=number + 1):
        yield _step(later)
        if step.without:
            yield _between(later)
    if sequence.absence is not None:
        yield ABSENT


def _at_if(flag: str) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=exp.column(flag), true=exp.column("at"))])


def _keys(sequence: DidSteps) -> list[str]:
    return ["contact_id"] if sequence.path is None else ["contact_id", "common_text", "common_number"]


def _step(number: int) -> str:
    return f"{STEP}{number}"


def _between(number: int) -> str:
    return f"between_{number}"


def _microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
