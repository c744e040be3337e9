"""The events of contacts as sources of queries, and the conditions that select some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.compile.expressions import Columns, condition
from engine.compile.sql import any_of, column, is_not_null, is_null, named, table, text
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.plan.nodes import Events, GoalEvents, KindOfEvents
from engine.plan.windows import Window

EVENTS, CONTACTS = "e", "c"
"""The aliases under which queries read events, and the contacts that they are about."""


def source_of(events: Events, as_of_end: Window, dialect: Dialect) -> exp.Table | exp.Subquery:
    """What a query reads to find the events, under the alias EVENTS: not less than `source_conditions` then keeps.

    `as_of_end` is everything up to the evaluation: an event deleted later still counts.
    """
    match events:
        case GoalEvents():
            return _alive_custom_events(as_of_end, dialect, ("goal_type", "goal_name", "goal_value"))
        case KindOfEvents(kind=kind) if kind.startswith(CUSTOM_EVENT_PREFIX):
            return _custom_event_kind(kind, as_of_end, dialect).subquery(EVENTS, copy=False)
        case KindOfEvents():
            return table("timeline", EVENTS)
        case _:
            assert_never(events)


def source_conditions(events: Events) -> Iterator[exp.Expr]:
    """What the rows of `source_of` must be to be such events."""
    goal_type = column("goal_type", EVENTS)
    match events:
        case GoalEvents(goal_type=None):
            yield is_not_null(goal_type)
        case GoalEvents(goal_type=str() as wanted):
            yield exp.EQ(this=goal_type, expression=text(wanted))
        case KindOfEvents(kind=kind):
            if not kind.startswith(CUSTOM_EVENT_PREFIX):
                yield exp.EQ(this=column("kind", EVENTS), expression=text(kind))


def events_of_kinds(kinds: Sequence[str], as_of_end: Window, dialect: Dialect) -> exp.Subquery:
    """The events of several kinds, with the column `kind`, under the alias EVENTS."""
    names = ("contact_id", "occurred_at", "template_id", "properties")
    plain = [kind for kind in kinds if not kind.startswith(CUSTOM_EVENT_PREFIX)]
    parts: list[exp.Query] = []
    if plain:
        is_of_kind = exp.In(this=column("kind", "x"), expressions=[text(kind) for kind in plain])
        columns = [column(name, "x") for name in ("kind", *names)]
        parts.append(exp.select(*columns).from_(table("timeline", "x"), copy=False).where(is_of_kind, copy=False))
    for kind in kinds:
        if kind not in plain:
            own = _custom_event_kind(kind, as_of_end, dialect).subquery("k", copy=False)
            parts.append(
                exp.select(named(text(kind), "kind"), *(column(name, "k") for name in names)).from_(own, copy=False)
            )
    whole = parts[0] if len(parts) == 1 else exp.union(*parts, distinct=False, copy=False)
    return whole.subquery(EVENTS, copy=False)


def selection_conditions(events: Events, columns: Columns) -> Iterator[exp.Expr]:
    """What a selection asks of an event beyond its kind or goal type."""
    match events:
        case KindOfEvents():
            if events.template_id is not None:
                yield _equals("template_id", events.template_id)
            if events.event_filter is not None:
                yield condition(events.event_filter, columns)
        case GoalEvents():
            if events.goal_name is not None:
                yield _equals("goal_name", events.goal_name)
        case _:
            assert_never(events)


def with_contacts_of(alias: str, query: exp.Select) -> exp.Select:
    """The query with the contacts that a table in it is about."""
    same_contact = exp.EQ(this=column("contact_id", CONTACTS), expression=column("contact_id", alias))
    return query.join(table("contacts", CONTACTS), on=same_contact, copy=False)


def _equals(name: str, value: str) -> exp.Expr:
    return exp.EQ(this=column(name, EVENTS), expression=text(value))


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
        .from_(table("custom_events", "x"), copy=False)
        .where(*_alive(as_of_end, dialect), copy=False)
        .subquery(EVENTS, copy=False)
    )


def _custom_event_kind(kind: str, as_of_end: Window, dialect: Dialect) -> exp.Union:
    """The custom events of one name, and the timeline events that carry their kind on their own."""
    names = ("contact_id", "occurred_at", "template_id", "properties")
    own = (
        exp.select(
            column("contact_id", "x"),
            column("occurred_at", "x"),
            named(dialect.no_text(), "template_id"),
            column("properties", "x"),
        )
        .from_(table("custom_events", "x"), copy=False)
        .where(
            exp.EQ(this=column("event_name", "x"), expression=text(kind.removeprefix(CUSTOM_EVENT_PREFIX))),
            *_alive(as_of_end, dialect),
            copy=False,
        )
    )
    timeline = (
        exp.select(*(column(name, "x") for name in names))
        .from_(table("timeline", "x"), copy=False)
        .where(exp.EQ(this=column("kind", "x"), expression=text(kind)), copy=False)
    )
    return exp.union(own, timeline, distinct=False, copy=False)
