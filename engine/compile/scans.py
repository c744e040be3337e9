"""The scans of a plan as queries: which contacts meet which conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.compile.expressions import Columns, condition, window_conditions
from engine.compile.instants import in_window
from engine.compile.sql import (
    all_of,
    any_of,
    column,
    is_not_null,
    is_null,
    named,
    negated,
    table,
    text,
)
from engine.compile.zones import local_day, with_zone_edges, with_zone_offsets
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
)
from engine.plan.windows import LocalWindow, Window

EVENTS, CONTACTS, SUBSCRIPTIONS, IDENTITIES, FACTS = "e", "c", "s", "i", "facts"
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
    where = [*_source_conditions(scan), *in_window(column("occurred_at", EVENTS), scan.hull, dialect)]
    events = Columns(dialect, EVENTS, windows, {})
    facts = [named(_measured(fact, _fact_conditions(fact, scan, events), dialect), name) for name, fact in scan.facts]
    query = exp.select(column("contact_id", EVENTS), *facts).from_(_source(scan, as_of_end, dialect))
    needs_edges = any(any(local_windows_of_fact(fact)) for _, fact in scan.facts)
    needs_offsets = any(fact.has_days_of_contacts for _, fact in scan.facts)
    if needs_edges or needs_offsets:
        query = _with_contacts_of(EVENTS, query)
    if zone_edges is not None and needs_edges:
        query = with_zone_edges(query, CONTACTS, zone_edges)
    if zone_offsets is not None and needs_offsets:
        query = with_zone_offsets(query, CONTACTS, column("occurred_at", EVENTS), zone_offsets)
    query = query.where(*where).group_by(column("contact_id", EVENTS))
    columns = Columns(dialect, FACTS, windows, {fact: name for name, fact in scan.facts})
    sets = [_set_column(item, columns) for item in scan.conditions]
    found = exp.select(column("contact_id", FACTS), *sets).from_(table(FACTS)).with_(FACTS, as_=query)
    if zone_edges is not None and any(_looks_at_zones(item) for item in scan.conditions):
        found = with_zone_edges(_with_contacts_of(FACTS, found), CONTACTS, zone_edges)
    return found


def _looks_at_zones(item: Condition) -> bool:
    """Whether a condition compares a fact with a window that differs by time zone."""
    return isinstance(item.leaf, EventTimeIsIn) and isinstance(item.leaf.window, LocalWindow)


def profile_scan_query(
    scan: ProfileScan, dialect: Dialect, *, zone_edges: str | None, windows: Mapping[LocalWindow, str]
) -> exp.Select:
    """The query of a scan. Rows: one per contact_id, in no order."""
    columns = Columns(dialect, CONTACTS, windows, {})
    sets = [_set_column(item, columns) for item in scan.conditions]
    query = exp.select(column("contact_id", CONTACTS), *sets).from_(table("contacts", CONTACTS))
    if zone_edges is not None and any(any(local_windows_of(item.leaf)) for item in scan.conditions):
        query = with_zone_edges(query, CONTACTS, zone_edges)
    return query


def subscription_scan_query(scan: SubscriptionScan, dialect: Dialect) -> exp.Select:
    """The query of a scan. Rows: one per contact_id on the list, in no order."""
    columns = Columns(dialect, SUBSCRIPTIONS, {}, {})
    sets = [_set_column(item, columns) for item in scan.conditions]
    is_on_list = exp.EQ(this=column("list_id", SUBSCRIPTIONS), expression=text(scan.list_id))
    query = exp.select(column("contact_id", SUBSCRIPTIONS), *sets)
    return query.from_(table("subscriptions", SUBSCRIPTIONS)).where(is_on_list)


def identity_scan_query(scan: IdentityScan, dialect: Dialect) -> exp.Select:
    """The query of a scan. Rows: one per contact_id that has such an identity, in no order."""
    columns = Columns(dialect, IDENTITIES, {}, {})
    sets = [_set_column(item, columns) for item in scan.conditions]
    is_of_kind = dialect.starts_with(column("identity", IDENTITIES), text(f"{scan.kind}:"))
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


def _source(scan: EventScan, as_of_end: Window, dialect: Dialect) -> exp.Table | exp.Subquery:
    match scan.events:
        case GoalEvents():
            return _alive_custom_events(as_of_end, dialect, ("goal_type", "goal_name", "goal_value"))
        case KindOfEvents(kind=kind) if kind.startswith(CUSTOM_EVENT_PREFIX):
            return _custom_event_kind(kind, as_of_end, dialect)
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


def _alive(as_of_end: Window, dialect: Dialect) -> list[exp.Expr]:
    """At the evaluation, not deleted yet, and no later version there yet."""
    return [_is_later(column(name, "x"), as_of_end, dialect) for name in ("deleted_at", "superseded_at")]


def _is_later(at: exp.Expr, as_of_end: Window, dialect: Dialect) -> exp.Expr:
    """The instant lies after the evaluation, or never comes."""
    if as_of_end.end_at is None:
        return is_null(at)
    return any_of([is_null(at), exp.GTE(this=at.copy(), expression=dialect.instant(as_of_end.end_at))])


def _alive_custom_events(as_of_end: Window, dialect: Dialect, columns: tuple[str, ...]) -> exp.Subquery:
    return (
        exp.select(*(column(name, "x") for name in ("contact_id", "occurred_at", *columns)))
        .from_(table("custom_events", "x"))
        .where(*_alive(as_of_end, dialect))
        .subquery(EVENTS)
    )


def _custom_event_kind(kind: str, as_of_end: Window, dialect: Dialect) -> exp.Subquery:
    """The custom events of one name, and the timeline events that carry their kind on their own."""
    names = ("contact_id", "occurred_at", "template_id", "properties")
    own = (
        exp.select(
            column("contact_id", "x"),
            column("occurred_at", "x"),
            named(dialect.no_text(), "template_id"),
            column("properties", "x"),
        )
        .from_(table("custom_events", "x"))
        .where(
            exp.EQ(this=column("event_name", "x"), expression=text(kind.removeprefix(CUSTOM_EVENT_PREFIX))),
            *_alive(as_of_end, dialect),
        )
    )
    timeline = (
        exp.select(*(column(name, "x") for name in names))
        .from_(table("timeline", "x"))
        .where(exp.EQ(this=column("kind", "x"), expression=text(kind)))
    )
    return exp.union(own, timeline, distinct=False, copy=False).subquery(EVENTS)


def _fact_conditions(fact: Fact, scan: EventScan, events: Columns) -> list[exp.Expr]:
    """What a fact asks of an event beyond what the scan keeps anyway."""
    conditions: list[exp.Expr] = []
    if fact.window != scan.hull and fact.measure is not Measure.LATEST:
        conditions += window_conditions(column("occurred_at", EVENTS), fact.window, events)
    match fact.events:
        case KindOfEvents():
            if fact.events.template_id is not None:
                conditions.append(_equals("template_id", fact.events.template_id))
            if fact.events.event_filter is not None:
                conditions.append(condition(fact.events.event_filter, events))
        case GoalEvents():
            if fact.events.goal_name is not None:
                conditions.append(_equals("goal_name", fact.events.goal_name))
    return conditions


def _equals(name: str, value: str) -> exp.Expr:
    return exp.EQ(this=column(name, EVENTS), expression=text(value))


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
    """The number of different texts, and of different numbers; the two are never the same."""
    counts = []
    for kind in (FieldType.STRING, FieldType.NUMBER):
        value = dialect.json_value(column("properties", EVENTS), path, kind)
        counted = exp.Count(this=exp.Distinct(expressions=[value]))
        counts.append(_filtered(counted, [condition.copy() for condition in conditions]))
    return exp.Add(this=counts[0], expression=counts[1])


def _filtered(aggregate: exp.Expr, conditions: list[exp.Expr]) -> exp.Expr:
    """An aggregate over the rows that meet all conditions."""
    return exp.Filter(this=aggregate, expression=exp.Where(this=all_of(conditions))) if conditions else aggregate
