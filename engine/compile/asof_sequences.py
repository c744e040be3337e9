"""Sequences as queries for an engine that can join an event with the latest one before: faster than passes over all."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from engine.compile.event_sources import (
    CONTACTS,
    EVENTS,
    selection_conditions,
    source_conditions,
    source_of,
    with_contacts_of,
)
from engine.compile.expressions import Columns, window_conditions
from engine.compile.instants import in_window
from engine.compile.sequences import ROW, common_values, follows, stays_absent
from engine.compile.sql import column, integer, is_not_null, named, table, text
from engine.compile.zones import with_zone_edges
from engine.plan.expressions import local_windows_of_events
from engine.plan.nodes import DidSteps, KindOfEvents
from engine.plan.scans import SequenceScan
from engine.plan.windows import AnyWindow, LocalWindow, Window

LAST, BETWEEN, NEXT = "last", "between_events", "next_event"
"""The aliases of the event of the step before, of the latest that may not lie between, and of what may not follow."""


def asof_sequence_query(
    scan: SequenceScan, columns: Columns, *, as_of_end: Window, zone_edges: str | None
) -> exp.Select:
    """The query of a scan. Rows: one per contact_id in the set, in no order. See `sequence_scan_query`.

    `columns` are those of events.
    """
    sequence = scan.sequence
    query = exp.select(column("contact_id", ROW), named(exp.true(), scan.conditions[0].name)).distinct(copy=False)
    query = query.from_(_found(sequence).subquery(ROW, copy=False), copy=False)
    for name, events, window in _event_steps(sequence):
        step = _events_query(scan, events, window, columns, as_of_end, zone_edges)
        query = query.with_(name, as_=step, copy=False)
    for number in range(2, len(sequence.steps) + 1):
        query = query.with_(f"done_{number}", as_=_done(sequence, number), copy=False)
    return query


def _event_steps(sequence: DidSteps) -> Iterator[tuple[str, tuple[KindOfEvents, ...], AnyWindow | None]]:
    """The events that a sequence looks at, by name, with the window that they must lie in."""
    for number, step in enumerate(sequence.steps, start=1):
        yield f"step_{number}", (step.events,), sequence.window
        if step.without:
            yield f"between_{number}", step.without, None
    if sequence.absence is not None:
        yield "absent", (sequence.absence.events,), None


def _events_query(
    scan: SequenceScan,
    selections: tuple[KindOfEvents, ...],
    window: AnyWindow | None,
    columns: Columns,
    as_of_end: Window,
    zone_edges: str | None,
) -> exp.Query:
    """The query of events. Rows: one per event; columns contact_id, moment, and what they have in common if asked."""
    parts: list[exp.Query] = []
    for events in selections:
        at = column("occurred_at", EVENTS)
        shown = [column("contact_id", EVENTS), named(columns.dialect.microseconds(at.copy()), "moment")]
        where = [*source_conditions(events), *in_window(at, scan.hull, columns.dialect)]
        where += selection_conditions(events, columns)
        if window is not None and window != scan.hull:
            where += window_conditions(at.copy(), window, columns)
        if scan.sequence.path is not None:
            common = _common(scan.sequence, columns)
            shown.append(named(common, "common"))
            where.append(is_not_null(common.copy()))
        part = exp.select(*shown).from_(source_of(events, as_of_end, columns.dialect), copy=False)
        is_local = isinstance(window, LocalWindow) or any(local_windows_of_events(events))
        if zone_edges is not None and is_local:
            part = with_zone_edges(with_contacts_of(EVENTS, part), CONTACTS, zone_edges)
        parts.append(part.where(*where, copy=False))
    return parts[0] if len(parts) == 1 else exp.union(*parts, distinct=False, copy=False)


def _common(sequence: DidSteps, columns: Columns) -> exp.Expr:
    """What events have in common as one text: of a text and of a number it is never the same."""
    values = common_values(sequence, columns.dialect)
    number = exp.Add(this=values["common_number"], expression=integer(0))  # minus zero becomes zero
    marked_text = exp.DPipe(this=text("t"), expression=values["common_text"])
    marked_number = exp.DPipe(this=text("n"), expression=exp.cast(number, "varchar"))
    return exp.Coalesce(this=marked_text, expressions=[marked_number])


def _done(sequence: DidSteps, number: int) -> exp.Select:
    """The query of the events that complete the steps up to a number."""
    step, this, before = sequence.steps[number - 1], f"step_{number}", _done_name(number - 1)
    query = exp.select(*(column(name, this) for name in (*_keys(sequence), "moment"))).from_(table(this), copy=False)
    if step.within is None and not step.without:
        # However long ago: only the first time counts.
        return query.join(_first(sequence, before), on=_is_later(sequence, this, LAST), copy=False)
    query = _asof(query, before, LAST, on=_is_later(sequence, this, LAST))
    if step.without:
        query = _asof(query, f"between_{number}", BETWEEN, on=_is_later(sequence, this, BETWEEN), side="LEFT")
    moments = (column("moment", source) for source in (this, LAST, BETWEEN))
    return query.where(*follows(step, *moments), copy=False)


def _first(sequence: DidSteps, source: str) -> exp.Subquery:
    """The first of the events of each contact, and of each common value."""
    keys = _keys(sequence)
    first = named(exp.Min(this=column("moment", source)), "moment")
    query = exp.select(*(column(key, source) for key in keys), first).from_(table(source), copy=False)
    return query.group_by(*(column(key, source) for key in keys), copy=False).subquery(LAST, copy=False)


def _found(sequence: DidSteps) -> exp.Select:
    """The events that complete all steps, and were not followed by what must be absent."""
    last = _done_name(len(sequence.steps))
    query = exp.select(column("contact_id", last)).from_(table(last), copy=False)
    if sequence.absence is None:
        return query
    query = _asof(query, "absent", NEXT, on=_is_later(sequence, NEXT, last), side="LEFT")
    return query.where(*stays_absent(sequence.absence, column("moment", last), column("moment", NEXT)), copy=False)


def _done_name(number: int) -> str:
    """The step of the query with the events that complete so many steps."""
    return "step_1" if number == 1 else f"done_{number}"


def _keys(sequence: DidSteps) -> list[str]:
    """What the events of one sequence have in common."""
    return ["contact_id"] if sequence.path is None else ["contact_id", "common"]


def _asof(query: exp.Select, source: str, alias: str, *, on: exp.Expr, side: str | None = None) -> exp.Select:
    """The query with the nearest event of another step, for the only inequality in `on`."""
    joined = query.join(table(source, alias), on=on, copy=False)
    joined.args["joins"][-1].set("method", "ASOF")
    if side is not None:
        joined.args["joins"][-1].set("side", side)
    return joined


def _is_later(sequence: DidSteps, later: str, earlier: str) -> exp.Expr:
    """Of the same contact, with the same common value, and strictly later."""
    same = [exp.EQ(this=column(key, earlier), expression=column(key, later)) for key in _keys(sequence)]
    is_after = exp.GT(this=column("moment", later), expression=column("moment", earlier))
    return exp.and_(*same, is_after, copy=False)
