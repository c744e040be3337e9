"""The scans of a plan as queries: which contacts meet which conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import assert_never

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.compile.event_sources import (
    CONTACTS,
    EVENTS,
    selection_conditions,
    source_conditions,
    source_of,
    with_contacts_of,
)
from engine.compile.expressions import Columns, condition, window_conditions
from engine.compile.instants import in_window
from engine.compile.sql import (
    all_of,
    column,
    kept,
    named,
    negated,
    table,
    text,
)
from engine.compile.zones import local_day, with_zone_edges, with_zone_offsets
from engine.plan.expressions import local_windows_of, local_windows_of_fact
from engine.plan.nodes import EventTimeIsIn, Fact, LatestIsSince, Measure
from engine.plan.presence import asks_for_one_event
from engine.plan.scans import Condition, EventScan, IdentityScan, ProfileScan, SubscriptionScan, TallyScan
from engine.plan.windows import LocalWindow, Window

SUBSCRIPTIONS, IDENTITIES, FACTS = "s", "i", "facts"
"""The aliases under which queries read them."""


def event_scan_query(
    scan: EventScan,
    dialect: Dialect,
    *,
    as_of_end: Window,
    zone_edges: str | None,
    zone_offsets: str | None,
    windows: Mapping[LocalWindow, str],
) -> exp.Select:
    """The query of a scan. Rows: one per contact_id with events in the hull, in no order.

    `as_of_end` is everything up to the evaluation: an event deleted later still counts.
    """
    where = [*source_conditions(scan.events), *in_window(column("occurred_at", EVENTS), scan.hull, dialect)]
    asked = {name: _fact_conditions(fact, scan, Columns(dialect, EVENTS, windows, {})) for name, fact in scan.facts}
    if len({(fact.events, fact.window) for _, fact in scan.facts}) == 1:
        # All facts ask the same of an event: no other one need be looked at.
        where += next(iter(asked.values()))
        asked = {name: [] for name in asked}
    facts = [named(_measured(fact, asked[name], dialect), name) for name, fact in scan.facts]
    query = exp.select(column("contact_id", EVENTS), *facts).from_(
        source_of(scan.events, as_of_end, dialect), copy=False
    )
    needs_edges = any(any(local_windows_of_fact(fact)) for _, fact in scan.facts)
    needs_offsets = any(fact.has_days_of_contacts for _, fact in scan.facts)
    if needs_edges or needs_offsets:
        query = with_contacts_of(EVENTS, query)
    if zone_edges is not None and needs_edges:
        query = with_zone_edges(query, CONTACTS, zone_edges)
    if zone_offsets is not None and needs_offsets:
        query = with_zone_offsets(query, CONTACTS, column("occurred_at", EVENTS), zone_offsets)
    query = query.where(*kept(where), copy=False)
    if _asks_for_any_event(scan):
        is_in_set = named(exp.true(), scan.conditions[0].name)
        return query.select(column("contact_id", EVENTS), is_in_set, append=False, copy=False).distinct(copy=False)
    query = query.group_by(column("contact_id", EVENTS), copy=False)
    columns = Columns(dialect, FACTS, windows, {fact: name for name, fact in scan.facts})
    found = _with_sets(exp.select(column("contact_id", FACTS)), scan.conditions, columns)
    found = found.from_(table(FACTS), copy=False).with_(FACTS, as_=query, copy=False)
    if zone_edges is not None and any(_looks_at_zones(item) for item in scan.conditions):
        found = with_zone_edges(with_contacts_of(FACTS, found), CONTACTS, zone_edges)
    return found


def tally_scan_query(scan: TallyScan, dialect: Dialect, *, as_of_end: Window) -> exp.Select:
    """The query of a scan. Rows: one per event in the hull, in no order; `as_of_end` as of `event_scan_query`."""
    where = [*source_conditions(scan.events), *in_window(column("occurred_at", EVENTS), scan.hull, dialect)]
    where += selection_conditions(scan.events, Columns(dialect, EVENTS, {}, {}))
    query = exp.select(column("contact_id", EVENTS), column("occurred_at", EVENTS))
    if scan.has_values:
        query = query.select(named(column("goal_value", EVENTS), "value"), copy=False)
    return query.from_(source_of(scan.events, as_of_end, dialect), copy=False).where(*kept(where), copy=False)


def _asks_for_any_event(scan: EventScan) -> bool:
    """Whether all that is asked is whether there is any event that the scan keeps."""
    if len(scan.conditions) > 1:
        return False
    (item,) = scan.conditions
    if isinstance(item.leaf, LatestIsSince):
        return item.leaf.start_at == scan.hull.start_at
    asks_for_one = asks_for_one_event(item.leaf)
    return asks_for_one is not None and asks_for_one[1] is not item.is_negated


def _looks_at_zones(item: Condition) -> bool:
    """Whether a condition compares a fact with a window that differs by time zone."""
    return isinstance(item.leaf, EventTimeIsIn) and isinstance(item.leaf.window, LocalWindow)


def profile_scan_query(
    scan: ProfileScan, dialect: Dialect, *, zone_edges: str | None, windows: Mapping[LocalWindow, str]
) -> exp.Select:
    """The query of a scan. Rows: one per contact_id, in no order."""
    columns = Columns(dialect, CONTACTS, windows, {})
    query = _with_sets(exp.select(column("contact_id", CONTACTS)), scan.conditions, columns)
    query = query.from_(table("contacts", CONTACTS), copy=False)
    if zone_edges is not None and any(any(local_windows_of(item.leaf)) for item in scan.conditions):
        query = with_zone_edges(query, CONTACTS, zone_edges)
    return query


def subscription_scan_query(scan: SubscriptionScan, dialect: Dialect) -> exp.Select:
    """The query of a scan. Rows: one per contact_id on the list, in no order."""
    columns = Columns(dialect, SUBSCRIPTIONS, {}, {})
    is_on_list = exp.EQ(this=column("list_id", SUBSCRIPTIONS), expression=text(scan.list_id))
    query = _with_sets(exp.select(column("contact_id", SUBSCRIPTIONS)), scan.conditions, columns)
    return query.from_(table("subscriptions", SUBSCRIPTIONS), copy=False).where(is_on_list, copy=False)


def identity_scan_query(scan: IdentityScan, dialect: Dialect) -> exp.Select:
    """The query of a scan. Rows: one per contact_id that has such an identity, in no order."""
    columns = Columns(dialect, IDENTITIES, {}, {})
    is_of_kind = dialect.starts_with(column("identity", IDENTITIES), text(f"{scan.kind}:"))
    query = _with_sets(exp.select(column("contact_id", IDENTITIES)), scan.conditions, columns).distinct(copy=False)
    return query.from_(table("identities", IDENTITIES), copy=False).where(is_of_kind, copy=False)


def _with_sets(query: exp.Select, conditions: Sequence[Condition], columns: Columns) -> exp.Select:
    """The query with a boolean for each condition, which says who is in its set. Of a single set it has no others."""
    if len(conditions) == 1:
        is_in_set = _is_in_set(conditions[0], columns)
        return query.select(named(exp.true(), conditions[0].name), copy=False).where(*kept([is_in_set]), copy=False)
    return query.select(*(named(_is_in_set(item, columns), item.name) for item in conditions), copy=False)


def _is_in_set(item: Condition, columns: Columns) -> exp.Expr:
    holds = condition(item.leaf, columns)
    return negated(holds) if item.is_negated else holds


def _fact_conditions(fact: Fact, scan: EventScan, events: Columns) -> list[exp.Expr]:
    """What a fact asks of an event beyond what the scan keeps anyway."""
    conditions: list[exp.Expr] = []
    if fact.window != scan.hull and fact.measure is not Measure.LATEST:
        conditions += window_conditions(column("occurred_at", EVENTS), fact.window, events)
    return [*conditions, *selection_conditions(fact.events, events)]


def _measured(fact: Fact, conditions: list[exp.Expr], dialect: Dialect) -> exp.Expr:
    properties, path = column("properties", EVENTS), fact.path
    value = column("goal_value", EVENTS) if path is None else dialect.json_decimal(properties, path)
    aggregate: exp.Expr
    match fact.measure:
        case Measure.COUNT:
            aggregate = exp.Count(this=exp.Star())
        case Measure.DAYS:
            day = local_day(fact, column("occurred_at", EVENTS), dialect)
            aggregate = exp.Count(this=exp.Distinct(expressions=[day]))
        case Measure.EARLIEST:
            aggregate = dialect.minimum(column("occurred_at", EVENTS))
        case Measure.LATEST:
            aggregate = dialect.maximum(column("occurred_at", EVENTS))
        case Measure.SUM:
            aggregate = exp.Sum(this=value)
        case Measure.VALUE_COUNT:
            aggregate = exp.Count(this=value)
        case Measure.MINIMUM:
            aggregate = dialect.minimum(value)
        case Measure.MAXIMUM:
            aggregate = dialect.maximum(value)
        case Measure.DISTINCT_COUNT:
            assert fact.path is not None
            aggregate = _different(fact.path, conditions, dialect)
            conditions = []
        case _:
            assert_never(fact.measure)
    return _filtered(aggregate, conditions)


def _different(path: tuple[str, ...], conditions: list[exp.Expr], dialect: Dialect) -> exp.Expr:
    """The number of different texts and numbers; a text is never a number."""
    counts = [
        _filtered(exp.Count(this=exp.Distinct(expressions=[value])), [condition.copy() for condition in conditions])
        for value in dialect.different_values(column("properties", EVENTS), path)
    ]
    return reduce(lambda first, second: exp.Add(this=first, expression=second), counts)


def _filtered(aggregate: exp.Expr, conditions: list[exp.Expr]) -> exp.Expr:
    """An aggregate over the rows that meet all conditions."""
    return exp.Filter(this=aggregate, expression=exp.Where(this=all_of(conditions))) if conditions else aggregate
