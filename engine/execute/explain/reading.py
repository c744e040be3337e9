"""Reading what some conditions look at of one contact, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import duckdb

from engine.compile.one_contact import (
    CUSTOM_EVENT_COLUMNS,
    TIMELINE_COLUMNS,
    EventColumns,
    Path,
    contact_sql,
    custom_events_sql,
    shown_column_count,
    timeline_sql,
)
from engine.definition.tree import (
    Aggregate,
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    EventTimeCondition,
    Filter,
    GoalCondition,
    IdentityCondition,
    ListCondition,
    Node,
    Not,
    PropertyCondition,
    SelectedEvents,
    SequenceCondition,
    TagCondition,
)
from engine.definition.value_tests import AnniversaryIsWithin, DateIsInAnyOf, Subject, TimeIsInAnyOf
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.definition.walk import walk
from engine.execute.explain.contact_values import ContactValues, Event, Settled
from engine.plan.bind import Catalog, identity_expression
from engine.plan.nodes import Expression, HasAnyTag, HasIdentity, ValueTest


def selections_of(node: Node) -> tuple[SelectedEvents, ...]:
    """The timeline events that a condition selects; nothing for one on something else."""
    match node:
        case CountCondition() | CountInEachCondition() | EventTimeCondition() | PropertyCondition():
            return (node.events,)
        case SequenceCondition():
            return node.all_events
        case _:
            return ()


def conditions_of(node: Node) -> Iterator[Node]:
    """The conditions of a tree, left to right, without the filters on events."""
    match node:
        case AllOf() | AnyOf():
            for part in node.nodes:
                yield from conditions_of(part)
        case Not():
            yield from conditions_of(node.node)
        case _:
            yield node


def settled_test(condition: Filter) -> ValueTest | None:
    """A filter as a test of a row; None where its answer can change by time alone."""
    if isinstance(condition.test, TimeIsInAnyOf | DateIsInAnyOf | AnniversaryIsWithin):
        return None
    return ValueTest(condition.subject, condition.test)


def settled_expression(node: Node) -> Expression | None:
    """What to ask of the fields of a contact for a condition that time cannot change; None for any other condition."""
    match node:
        case Filter():
            return settled_test(node)
        case TagCondition(tags):
            return HasAnyTag(tags)
        case IdentityCondition(kind):
            asked = identity_expression(kind)
            return None if isinstance(asked, HasIdentity) else asked
        case _:
            return None


def read_contact_values(
    cursor: duckdb.DuckDBPyConnection, contact_id: int, trees: Iterable[Node], catalog: Catalog
) -> ContactValues | None:
    """The values of a contact that the conditions of some trees look at, as the cursor sees them; None where it is not.

    Of the catalog it needs the lists, and the zone of a contact that has none, or an unknown one.
    """
    conditions = [condition for tree in trees for condition in conditions_of(tree)]
    asked: dict[Settled, Expression] = {}
    for node in conditions:
        expression = settled_expression(node)
        if expression is not None:
            assert isinstance(node, Filter | TagCondition | IdentityCondition)
            asked[node] = expression
    subjects = tuple(dict.fromkeys(node.subject for node in conditions if isinstance(node, Filter)))
    rows = cursor.execute(contact_sql(tuple(asked.values()), subjects), [contact_id]).fetchall()
    if not rows:
        return None
    zone_name, tags, *cells = rows[0]
    values, times = _shown_values(subjects, cells[len(asked) :])
    events, goals = _events(cursor, contact_id, conditions)
    has_lists = any(isinstance(node, ListCondition) for node in conditions)
    return ContactValues(
        contact_id=contact_id,
        zone_name=zone_name or catalog.zones[0],
        tags=tuple(tags or ()),
        holds=dict(zip(asked, cells, strict=False)),
        values=values,
        times=times,
        identity_kinds=_identity_kinds(cursor, contact_id, conditions),
        statuses=dict(
            cursor.execute("SELECT list_id, status FROM subscriptions WHERE contact_id = $1", [contact_id]).fetchall()
            if has_lists
            else ()
        ),
        lists=catalog.lists,
        events=events,
        goals=goals,
    )


def _shown_values(subjects: Sequence[Subject], cells: Sequence[Any]) -> tuple[dict[Subject, Any], dict[Subject, Any]]:
    """What is there, and the instants and dates among it in their own type."""
    values, times, place = {}, {}, 0
    for subject in subjects:
        count = shown_column_count(subject)
        found = [_utc(cell) for cell in cells[place : place + count]]
        values[subject], times[subject] = found[0], found[-1]
        place += count
    return values, times


def _identity_kinds(cursor: duckdb.DuckDBPyConnection, contact_id: int, conditions: Iterable[Node]) -> frozenset[str]:
    """The kinds of identities, if a condition asks for one that is no field."""
    kinds = [node.kind for node in conditions if isinstance(node, IdentityCondition)]
    if not any(isinstance(identity_expression(kind), HasIdentity) for kind in kinds):
        return frozenset()
    query = "SELECT DISTINCT split_part(identity, ':', 1) FROM identities WHERE contact_id = $1"
    return frozenset(kind for (kind,) in cursor.execute(query, [contact_id]).fetchall())


# --- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _EventReader:
    """Makes events of rows that have the columns asked for at their end."""

    filters: tuple[Filter, ...]
    columns: EventColumns

    @classmethod
    def of(cls, conditions: Iterable[Node]) -> _EventReader:
        filters: dict[Filter, ValueTest] = {}
        times: dict[Subject, None] = {}
        decimals: dict[Path, None] = {}
        different: dict[Path, None] = {}
        for node in conditions:
            for part in _filters_on_events(node):
                test = settled_test(part)
                if test is None:
                    times[part.subject] = None
                else:
                    filters[part] = test
            if isinstance(node, PropertyCondition):
                (different if node.aggregate is Aggregate.DISTINCT_COUNT else decimals)[node.path] = None
            if isinstance(node, SequenceCondition) and node.same_property is not None:
                different[node.same_property] = None
        columns = EventColumns(tuple(filters.values()), tuple(times), tuple(decimals), tuple(different))
        return cls(tuple(filters), columns)

    def asked_values(self, cells: Sequence[Any]) -> dict[str, Any]:
        """The arguments of an event that come from the columns asked for."""
        if not cells:
            return {}
        rest = iter(cells)
        return {
            "holds": {item: next(rest) for item in self.filters},
            "times": {subject: _utc(next(rest)) for subject in self.columns.times},
            "decimals": {path: next(rest) for path in self.columns.decimals},
            "different": {path: (next(rest), next(rest)) for path in self.columns.texts_and_numbers},
        }


def _filters_on_events(node: Node) -> Iterator[Filter]:
    for events in selections_of(node):
        if events.event_filter is not None:
            yield from (part for part in walk(events.event_filter) if isinstance(part, Filter))


def _events(
    cursor: duckdb.DuckDBPyConnection, contact_id: int, conditions: Sequence[Node]
) -> tuple[dict[str, tuple[Event, ...]], tuple[Event, ...]]:
    """The events of the kinds that conditions name, and the goals if one asks for goals."""
    kinds = {events.kind for node in conditions for events in selections_of(node)}
    with_goals = any(isinstance(node, GoalCondition) for node in conditions)
    custom_kinds = {kind for kind in kinds if kind.startswith(CUSTOM_EVENT_PREFIX)}
    reader = _EventReader.of(conditions)
    found: list[Event] = []
    goals: list[Event] = []
    if kinds:
        rows = cursor.execute(timeline_sql(frozenset(kinds), reader.columns), [contact_id]).fetchall()
        found += (_timeline_event(row, reader) for row in rows)
    if custom_kinds or with_goals:
        query = custom_events_sql(frozenset(custom_kinds), reader.columns, with_goals=with_goals)
        custom = [_custom_event(row, reader) for row in cursor.execute(query, [contact_id]).fetchall()]
        goals += (event for event in custom if event.goal_type is not None)
        found += (event for event in custom if event.kind in custom_kinds)
    found.sort(key=attrgetter("occurred_at"))
    return {kind: tuple(event for event in found if event.kind == kind) for kind in kinds}, tuple(goals)


def _timeline_event(row: Sequence[Any], reader: _EventReader) -> Event:
    size = len(TIMELINE_COLUMNS)
    kind, occurred_at, template_id, entity_id, properties = row[:size]
    return Event(
        kind=kind,
        occurred_at=occurred_at.replace(tzinfo=UTC),
        reference=entity_id,
        properties=properties,
        template_id=template_id,
        **reader.asked_values(row[size:]),
    )


def _custom_event(row: Sequence[Any], reader: _EventReader) -> Event:
    size = len(CUSTOM_EVENT_COLUMNS)
    name, external_id, occurred_at, goal_type, goal_name, goal_value, deleted_at, superseded_at, properties = row[:size]
    ends = [_utc(at) for at in (deleted_at, superseded_at) if at is not None]
    return Event(
        kind=f"{CUSTOM_EVENT_PREFIX}{name}",
        occurred_at=occurred_at.replace(tzinfo=UTC),
        reference=external_id,
        properties=properties,
        goal_type=goal_type,
        goal_name=goal_name,
        goal_value=goal_value,
        ends_at=min(ends, default=None),
        **reader.asked_values(row[size:]),
    )


def _utc(value: Any) -> Any:
    """An instant as a UTC datetime; any other value as it is."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
