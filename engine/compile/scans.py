"""The scans of a plan as queries: which contacts meet which conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import assert_never

from sqlglot import exp

from engine.compile.expressions import ZONE_EDGES, Columns, condition, window_conditions
from engine.compile.json_values import json_decimal, json_value
from engine.compile.sql import (
    all_of,
    any_of,
    call,
    column,
    in_window,
    instant,
    integer,
    is_not_null,
    is_null,
    named,
    negated,
    table,
    text,
)
from engine.definition.fields import FieldType
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.plan.expressions import local_windows_of, local_windows_of_fact
from engine.plan.nodes import (
    Condition,
    EventScan,
    EventTimeIsIn,
    Fact,
    GoalEvents,
    IdentityScan,
    KindOfEvents,
    Measure,
    ProfileScan,
    SubscriptionScan,
    ZoneEdges,
    ZoneOffsets,
)
from engine.plan.windows import LocalWindow, Window
from engine.plan.zones import OffsetStretch, day_offsets

EVENTS, CONTACTS, SUBSCRIPTIONS, IDENTITIES, FACTS, ZONE_OFFSETS = "e", "c", "s", "i", "facts", "o"
"""The aliases under which queries read them."""


def event_scan_query(
    scan: EventScan,
    *,
    as_of_end: Window,
    zone_edges: str | None,
    zone_offsets: str | None,
    windows: Mapping[LocalWindow, str],
) -> exp.Select:
    """The query of a scan. Rows: one per contact_id with events in the hull, in no order.

    `as_of_end` is everything up to the evaluation: an event deleted later still counts.
    """
    where = [*_source_conditions(scan), *in_window(column("occurred_at", EVENTS), scan.hull)]
    facts = [named(_measured(fact, _fact_conditions(fact, scan, windows)), name) for name, fact in scan.facts]
    query = exp.select(column("contact_id", EVENTS), *facts).from_(_source(scan, as_of_end))
    needs_edges = any(any(local_windows_of_fact(fact)) for _, fact in scan.facts)
    needs_offsets = any(fact.has_days_of_contacts for _, fact in scan.facts)
    if needs_edges or needs_offsets:
        query = _with_contacts_of(EVENTS, query)
    if zone_edges is not None and needs_edges:
        query = _with_zone_edges(query, zone_edges)
    if zone_offsets is not None and needs_offsets:
        query = _with_zone_offsets(query, zone_offsets)
    query = query.where(*where).group_by(column("contact_id", EVENTS))
    columns = Columns(FACTS, windows, {fact: name for name, fact in scan.facts})
    sets = [_set_column(item, columns) for item in scan.conditions]
    found = exp.select(column("contact_id", FACTS), *sets).from_(table(FACTS)).with_(FACTS, as_=query)
    if zone_edges is not None and any(_looks_at_zones(item) for item in scan.conditions):
        found = _with_zone_edges(_with_contacts_of(FACTS, found), zone_edges)
    return found


def _looks_at_zones(item: Condition) -> bool:
    """Whether a condition compares a fact with a window that differs by time zone."""
    return isinstance(item.leaf, EventTimeIsIn) and isinstance(item.leaf.window, LocalWindow)


def profile_scan_query(scan: ProfileScan, *, zone_edges: str | None, windows: Mapping[LocalWindow, str]) -> exp.Select:
    """The query of a scan. Rows: one per contact_id, in no order."""
    columns = Columns(CONTACTS, windows, {})
    sets = [_set_column(item, columns) for item in scan.conditions]
    query = exp.select(column("contact_id", CONTACTS), *sets).from_(table("contacts", CONTACTS))
    if zone_edges is not None and any(any(local_windows_of(item.leaf)) for item in scan.conditions):
        query = _with_zone_edges(query, zone_edges)
    return query


def subscription_scan_query(scan: SubscriptionScan) -> exp.Select:
    """The query of a scan. Rows: one per contact_id on the list, in no order."""
    columns = Columns(SUBSCRIPTIONS, {}, {})
    sets = [_set_column(item, columns) for item in scan.conditions]
    is_on_list = exp.EQ(this=column("list_id", SUBSCRIPTIONS), expression=text(scan.list_id))
    query = exp.select(column("contact_id", SUBSCRIPTIONS), *sets)
    return query.from_(table("subscriptions", SUBSCRIPTIONS)).where(is_on_list)


def identity_scan_query(scan: IdentityScan) -> exp.Select:
    """The query of a scan. Rows: one per contact_id that has such an identity, in no order."""
    columns = Columns(IDENTITIES, {}, {})
    sets = [_set_column(item, columns) for item in scan.conditions]
    is_of_kind = call("starts_with", column("identity", IDENTITIES), text(f"{scan.kind}:"))
    query = exp.select(column("contact_id", IDENTITIES), *sets).distinct()
    return query.from_(table("identities", IDENTITIES)).where(is_of_kind)


def _set_column(item: Condition, columns: Columns) -> exp.Alias:
    """The boolean that says which contacts are in the set of a condition."""
    holds = condition(item.leaf, columns)
    return named(negated(holds) if item.is_negated else holds, item.name)


def _with_contacts_of(alias: str, query: exp.Select) -> exp.Select:
    """The query with the contacts that a table in it is about."""
    same_contact = exp.EQ(this=column("contact_id", CONTACTS), expression=column("contact_id", alias))
    return query.join(table("contacts", CONTACTS), on=same_contact)


def _with_zone_edges(query: exp.Select, zone_edges: str) -> exp.Select:
    same_zone = exp.EQ(this=column("zone_id", ZONE_EDGES), expression=column("zone_id", CONTACTS))
    return query.join(table(zone_edges, ZONE_EDGES), on=same_zone)


def _with_zone_offsets(query: exp.Select, zone_offsets: str) -> exp.Select:
    """The query with the offset that the zone of a contact had when an event occurred: one row for each event."""
    at, start, end = column("occurred_at", EVENTS), column("start_at", ZONE_OFFSETS), column("end_at", ZONE_OFFSETS)
    is_stretch = [
        exp.EQ(this=column("zone_id", ZONE_OFFSETS), expression=column("zone_id", CONTACTS)),
        any_of([is_null(start), exp.GTE(this=at, expression=start.copy())]),
        any_of([is_null(end), exp.LT(this=at.copy(), expression=end.copy())]),
    ]
    return query.join(table(zone_offsets, ZONE_OFFSETS), on=all_of(is_stretch))


def _source(scan: EventScan, as_of_end: Window) -> exp.Table | exp.Subquery:
    match scan.events:
        case GoalEvents():
            return _alive_custom_events(as_of_end, ("goal_type", "goal_name", "goal_value"))
        case KindOfEvents(kind=kind) if kind.startswith(CUSTOM_EVENT_PREFIX):
            return _custom_event_kind(kind, as_of_end)
        case KindOfEvents():
            return table("timeline", EVENTS)
        case _:
            assert_never(scan.events)


def _source_conditions(scan: EventScan) -> Iterator[exp.Expr]:
    goal_type = column("goal_type", EVENTS)
    match scan.events:
        case GoalEvents(goal_type=None):
            yield is_not_null(goal_type)
        case GoalEvents(goal_type=str() as wanted):
            yield exp.EQ(this=goal_type, expression=text(wanted))
        case KindOfEvents(kind=kind):
            if not kind.startswith(CUSTOM_EVENT_PREFIX):
                yield exp.EQ(this=column("kind", EVENTS), expression=text(kind))


def _alive(as_of_end: Window) -> list[exp.Expr]:
    """At the evaluation, not deleted yet, and no later version there yet."""
    return [_is_later(column(name, "x"), as_of_end) for name in ("deleted_at", "superseded_at")]


def _is_later(at: exp.Expr, as_of_end: Window) -> exp.Expr:
    """The instant lies after the evaluation, or never comes."""
    if as_of_end.end_at is None:
        return is_null(at)
    return any_of([is_null(at), exp.GTE(this=at.copy(), expression=instant(as_of_end.end_at))])


def _alive_custom_events(as_of_end: Window, columns: tuple[str, ...]) -> exp.Subquery:
    return (
        exp.select(*(column(name, "x") for name in ("contact_id", "occurred_at", *columns)))
        .from_(table("custom_events", "x"))
        .where(*_alive(as_of_end))
        .subquery(EVENTS)
    )


def _custom_event_kind(kind: str, as_of_end: Window) -> exp.Subquery:
    """The custom events of one name, and the timeline events that carry their kind on their own."""
    names = ("contact_id", "occurred_at", "template_id", "properties")
    own = (
        exp.select(
            column("contact_id", "x"),
            column("occurred_at", "x"),
            named(exp.cast(exp.Null(), "varchar"), "template_id"),
            column("properties", "x"),
        )
        .from_(table("custom_events", "x"))
        .where(
            exp.EQ(this=column("event_name", "x"), expression=text(kind.removeprefix(CUSTOM_EVENT_PREFIX))),
            *_alive(as_of_end),
        )
    )
    timeline = (
        exp.select(*(column(name, "x") for name in names))
        .from_(table("timeline", "x"))
        .where(exp.EQ(this=column("kind", "x"), expression=text(kind)))
    )
    return exp.union(own, timeline, distinct=False, copy=False).subquery(EVENTS)


def _fact_conditions(fact: Fact, scan: EventScan, windows: Mapping[LocalWindow, str]) -> list[exp.Expr]:
    """What a fact asks of an event beyond what the scan keeps anyway."""
    conditions: list[exp.Expr] = []
    if fact.window != scan.hull and fact.measure is not Measure.LATEST:
        conditions += window_conditions(column("occurred_at", EVENTS), fact.window, windows)
    match fact.events:
        case KindOfEvents():
            if fact.events.template_id is not None:
                conditions.append(_equals("template_id", fact.events.template_id))
            if fact.events.event_filter is not None:
                conditions.append(condition(fact.events.event_filter, Columns(EVENTS, windows, {})))
        case GoalEvents():
            if fact.events.goal_name is not None:
                conditions.append(_equals("goal_name", fact.events.goal_name))
    return conditions


def _equals(name: str, value: str) -> exp.Expr:
    return exp.EQ(this=column(name, EVENTS), expression=text(value))


def _measured(fact: Fact, conditions: list[exp.Expr]) -> exp.Expr:
    value = column("goal_value", EVENTS) if fact.path is None else json_decimal(column("properties", EVENTS), fact.path)
    aggregate: exp.Expr
    match fact.measure:
        case Measure.COUNT:
            aggregate = exp.Count(this=exp.Star())
        case Measure.DAYS:
            aggregate = exp.Count(this=exp.Distinct(expressions=[_local_day(fact)]))
        case Measure.EARLIEST:
            aggregate = exp.Min(this=column("occurred_at", EVENTS))
        case Measure.LATEST:
            aggregate = exp.Max(this=column("occurred_at", EVENTS))
        case Measure.SUM:
            aggregate = exp.Sum(this=value)
        case Measure.VALUE_COUNT:
            aggregate = exp.Count(this=value)
        case Measure.MINIMUM:
            aggregate = exp.Min(this=value)
        case Measure.MAXIMUM:
            aggregate = exp.Max(this=value)
        case Measure.DISTINCT_COUNT:
            assert fact.path is not None
            aggregate = _different(fact.path, conditions)
            conditions = []
        case _:
            assert_never(fact.measure)
    return _filtered(aggregate, conditions)


def _local_day(fact: Fact) -> exp.Expr:
    """The local day of an event, in the one zone of a fact or in the contact's."""
    at = column("occurred_at", EVENTS)
    if fact.has_days_of_contacts:
        seconds: exp.Expr = column("offset_seconds", ZONE_OFFSETS)
    else:
        ((_, zone_name),) = fact.zones
        hull = fact.window.hull if isinstance(fact.window, LocalWindow) else fact.window
        first, *later = day_offsets(zone_name, hull.start_at, hull.end_at)
        seconds = integer(first.seconds)
        if later:
            latest_first = [exp.If(this=_since(at, item), true=integer(item.seconds)) for item in reversed(later)]
            seconds = exp.Case(ifs=latest_first, default=seconds)
    return exp.cast(exp.Add(this=at.copy(), expression=call("to_seconds", seconds)), "date")


def _since(at: exp.Expr, stretch: OffsetStretch) -> exp.Expr:
    assert stretch.start_at is not None
    return exp.GTE(this=at.copy(), expression=instant(stretch.start_at))


def _different(path: tuple[str, ...], conditions: list[exp.Expr]) -> exp.Expr:
    """The number of different texts, and of different numbers; the two are never the same."""
    counts = []
    for kind in (FieldType.STRING, FieldType.NUMBER):
        value = json_value(column("properties", EVENTS), path, kind)
        counted = exp.Count(this=exp.Distinct(expressions=[value]))
        counts.append(_filtered(counted, [condition.copy() for condition in conditions]))
    return exp.Add(this=counts[0], expression=counts[1])


def _filtered(aggregate: exp.Expr, conditions: list[exp.Expr]) -> exp.Expr:
    """An aggregate over the rows that meet all conditions."""
    return exp.Filter(this=aggregate, expression=exp.Where(this=all_of(conditions))) if conditions else aggregate


def zone_edges_query(edges: ZoneEdges) -> exp.Select:
    """The query that gives the edges. Rows: one per zone id."""
    by_zone = {name: dict(window.by_zone) for name, window in edges.columns}
    zone_ids = sorted({zone_id for windows in by_zone.values() for zone_id in windows})
    rows = []
    for zone_id in zone_ids:
        cells: list[exp.Expr] = [integer(zone_id)]
        for name, _ in edges.columns:
            window = by_zone[name][zone_id]
            cells += [_edge(window, "start"), _edge(window, "end")]
        rows.append(exp.Tuple(expressions=cells))
    names = ["zone_id", *(f"{name}_{side}" for name, _ in edges.columns for side in ("start", "end"))]
    alias = exp.TableAlias(this=exp.to_identifier("edges"), columns=[exp.to_identifier(name) for name in names])
    return exp.select(exp.Star()).from_(exp.Values(expressions=rows, alias=alias))


def zone_offsets_query(offsets: ZoneOffsets) -> exp.Select:
    """The query that gives the offsets. Rows: one per zone id and stretch between changes of its clocks."""
    rows = []
    for zone_id, zone_name in offsets.zones:
        stretches = day_offsets(zone_name, offsets.hull.start_at, offsets.hull.end_at)
        ends = [*(item.start_at for item in stretches[1:]), None]
        rows += [
            exp.Tuple(
                expressions=[
                    integer(zone_id),
                    _instant_or_null(stretch.start_at),
                    _instant_or_null(end_at),
                    integer(stretch.seconds),
                ]
            )
            for stretch, end_at in zip(stretches, ends, strict=True)
        ]
    names = ("zone_id", "start_at", "end_at", "offset_seconds")
    alias = exp.TableAlias(this=exp.to_identifier("offsets"), columns=[exp.to_identifier(name) for name in names])
    return exp.select(exp.Star()).from_(exp.Values(expressions=rows, alias=alias))


def _edge(window: Window, side: str) -> exp.Expr:
    return _instant_or_null(window.start_at if side == "start" else window.end_at)


def _instant_or_null(at: datetime | None) -> exp.Expr:
    return exp.cast(exp.Null(), "timestamp") if at is None else instant(at)
