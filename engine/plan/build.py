"""All segments of a batch become one plan: equal conditions once, equal facts once, one scan for many of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from engine.definition.references import with_referenced
from engine.definition.timeframes import ONE_MICROSECOND
from engine.definition.tree import Segment
from engine.plan.bind import Catalog, membership_expression
from engine.plan.expressions import (
    facts_of,
    holds_without_events,
    leaves,
    local_windows_of,
    local_windows_of_fact,
    replace_leaves,
    source_of,
)
from engine.plan.nodes import (
    Complement,
    DidSteps,
    Events,
    Expression,
    Fact,
    HasAnyTag,
    HasIdentity,
    IsFoundBySql,
    IsIn,
    IsMember,
    IsOnList,
    KindOfEvents,
    Never,
    ValueTest,
)
from engine.plan.presence import read_presence_from_latest
from engine.plan.scans import (
    Condition,
    EventScan,
    IdentityScan,
    Membership,
    Plan,
    ProfileScan,
    Scan,
    SequenceScan,
    SqlScan,
    SubscriptionScan,
    TallyScan,
    ZoneEdges,
    ZoneOffsets,
)
from engine.plan.tallies import VALUES, can_be_tallied, edges_of, window_of
from engine.plan.windows import LocalWindow, Window, just_after
from engine.plan.zones import EARLIEST_AT

FACTS_PER_SCAN = 12
"""Measured: every filtered aggregate costs about 11 ns a row; past a dozen a second scan is cheaper."""

EDGES_PER_TALLY = 16
"""A tally holds a number for each contact and stretch between the edges of its windows."""

CONDITIONS_PER_SCAN = 200


def build_plan(
    segments: Sequence[Segment],
    catalog: Catalog,
    as_of: datetime,
    *,
    others: Mapping[str, Segment] | None = None,
    has_tallies: bool = False,
) -> Plan:
    """The plan that finds the members of all segments, and of those that they name, at `as_of` (UTC).

    With `has_tallies` events may be counted outside of SQL; else each scan is a query that finds who meets conditions.

    The lists that the segments name must be in the catalog, the segments among them or the others: see `check_lists`
    and `check_references_of` of `engine.definition`.
    """
    segments = with_referenced(segments, others or {})
    expressions = [
        read_presence_from_latest(membership_expression(segment, catalog, as_of), as_of) for segment in segments
    ]
    conditions = _conditions(expressions)
    return Plan(
        as_of=as_of,
        zone_edges=_zone_edges(conditions),
        zone_offsets=_zone_offsets(conditions),
        scans=tuple(_scans(tuple(conditions.values()), has_tallies=has_tallies)),
        memberships=tuple(
            Membership(segment.id, _over_sets(expression, conditions))
            for segment, expression in zip(segments, expressions, strict=True)
        ),
    )


def _conditions(expressions: Iterable[Expression]) -> dict[Expression, Condition]:
    """Every distinct leaf as a condition, in order of first use."""
    distinct = dict.fromkeys(
        leaf for expression in expressions for leaf in leaves(expression) if not isinstance(leaf, Never | IsMember)
    )
    return {
        leaf: Condition(f"condition_{number}", leaf, is_negated=holds_without_events(leaf))
        for number, leaf in enumerate(distinct, start=1)
    }


def _over_sets(expression: Expression, conditions: dict[Expression, Condition]) -> Expression:
    """The same members, from the sets of the conditions."""

    def replaced(leaf: Expression) -> Expression:
        condition = conditions.get(leaf)
        if condition is None:
            return leaf
        return Complement(IsIn(condition.name)) if condition.is_negated else IsIn(condition.name)

    return replace_leaves(expression, replaced)


def _scans(conditions: Sequence[Condition], *, has_tallies: bool) -> Iterator[Scan]:
    profile = [condition for condition in conditions if isinstance(condition.leaf, ValueTest | HasAnyTag)]
    for number, part in enumerate(_parts(profile, CONDITIONS_PER_SCAN), start=1):
        yield ProfileScan(f"contacts_{number}", tuple(part))
    by_list: dict[str, list[Condition]] = {}
    for condition in conditions:
        if isinstance(condition.leaf, IsOnList):
            by_list.setdefault(condition.leaf.list_id, []).append(condition)
    for number, (list_id, on_list) in enumerate(by_list.items(), start=1):
        yield SubscriptionScan(f"list_{number}_{_slug(list_id)}", list_id, tuple(on_list))
    for number, condition in enumerate(conditions, start=1):
        if isinstance(condition.leaf, HasIdentity):
            yield IdentityScan(f"identities_{number}_{condition.leaf.kind}", condition.leaf.kind, (condition,))
    for number, condition in enumerate(conditions, start=1):
        if isinstance(condition.leaf, DidSteps):
            kinds = "_then_".join(step.events.kind for step in condition.leaf.steps)
            yield SequenceScan(f"sequence_{number}_{_slug(kinds)}", _reach_of_steps(condition.leaf), (condition,))
    tallied = [condition for condition in conditions if has_tallies and can_be_tallied(condition.leaf)]
    yield from _tally_scans(tallied)
    names = {condition.name for condition in tallied}
    yield from _event_scans([condition for condition in conditions if condition.name not in names])
    for number, condition in enumerate(conditions, start=1):
        if isinstance(condition.leaf, IsFoundBySql):
            yield SqlScan(f"sql_{number}", (condition,))


def _parts(conditions: Sequence[Condition], size: int) -> Iterator[Sequence[Condition]]:
    for first in range(0, len(conditions), size):
        yield conditions[first : first + size]


# --- events -----------------------------------------------------------------------------------------------------------


def _event_scans(conditions: Sequence[Condition]) -> Iterator[EventScan]:
    """Scans by kind of event, each with the facts that it finds."""
    reach = _reach_of_facts(conditions)
    by_source: dict[tuple[Events, bool], list[Condition]] = {}
    for condition in conditions:
        for fact in facts_of(condition.leaf)[:1]:  # all facts of one condition are about the same events
            is_local = any(local_windows_of_fact(fact)) or fact.has_days_of_contacts
            by_source.setdefault((source_of(fact.events), is_local), []).append(condition)
    number = 0
    for (events, _), of_source in by_source.items():
        # Narrow windows together, so that a scan reads no more than its widest needs.
        of_source.sort(key=lambda condition: reach[facts_of(condition.leaf)[0]].start_at or EARLIEST_AT, reverse=True)
        for part in _of_few_facts(of_source):
            number += 1
            facts = dict.fromkeys(fact for condition in part for fact in facts_of(condition.leaf))
            yield EventScan(
                name=f"events_{number}_{_slug(_words(events))}",
                events=events,
                hull=_hull([reach[fact] for fact in facts]),
                facts=tuple((f"fact_{place}", fact) for place, fact in enumerate(facts, start=1)),
                conditions=tuple(part),
            )


def _tally_scans(conditions: Sequence[Condition]) -> Iterator[TallyScan]:
    """Tallies by selection of events, of windows that reach about as far back."""
    by_selection: dict[Events, list[Condition]] = {}
    for condition in conditions:
        by_selection.setdefault(facts_of(condition.leaf)[0].events, []).append(condition)
    number = 0
    for events, of_selection in by_selection.items():
        of_selection.sort(key=lambda condition: _reach(condition.leaf).start_at or EARLIEST_AT, reverse=True)
        for part in _of_few_edges(of_selection):
            number += 1
            measures = {fact.measure for condition in part for fact in facts_of(condition.leaf)}
            yield TallyScan(
                name=f"tally_{number}_{_slug(_words(events))}",
                events=events,
                has_values=not measures.isdisjoint(VALUES),
                hull=_hull([_reach(condition.leaf) for condition in part]),
                conditions=tuple(part),
            )


def _of_few_edges(conditions: Sequence[Condition]) -> Iterator[list[Condition]]:
    """The conditions in order, cut into parts whose windows have at most EDGES_PER_TALLY edges."""
    part: list[Condition] = []
    for condition in conditions:
        if part and len(edges_of(tuple(item.leaf for item in (*part, condition)))) > EDGES_PER_TALLY:
            yield part
            part = []
        part.append(condition)
    if part:
        yield part


def _reach(leaf: Expression) -> Window:
    """The stretch of events that a leaf needs."""
    return _hull([window_of(leaf, fact) for fact in facts_of(leaf)])


def _of_few_facts(conditions: Sequence[Condition]) -> Iterator[list[Condition]]:
    """The conditions in order, cut into parts that need at most FACTS_PER_SCAN facts."""
    part: list[Condition] = []
    facts: set[Fact] = set()
    for condition in conditions:
        needed = facts | set(facts_of(condition.leaf))
        if part and (len(needed) > FACTS_PER_SCAN or len(part) == CONDITIONS_PER_SCAN):
            yield part
            part, needed = [], set(facts_of(condition.leaf))
        part.append(condition)
        facts = needed
    if part:
        yield part


def _reach_of_facts(conditions: Sequence[Condition]) -> dict[Fact, Window]:
    """Every distinct fact with the stretch of events that it needs."""
    reach: dict[Fact, Window] = {}
    for condition in conditions:
        for fact in facts_of(condition.leaf):
            window, known = window_of(condition.leaf, fact), reach.get(fact)
            reach[fact] = window if known is None else _hull([known, window])
    return reach


def _reach_of_steps(sequence: DidSteps) -> Window:
    """The stretch of events that a sequence needs: what must be absent may come later than its window."""
    window = sequence.window.hull if isinstance(sequence.window, LocalWindow) else sequence.window
    if sequence.absence is None:
        return window
    return Window(window.start_at, just_after(sequence.absence.decided_at - ONE_MICROSECOND + sequence.absence.within))


def _hull(windows: Sequence[Window]) -> Window:
    """The smallest window that holds all of them."""
    starts, ends = [window.start_at for window in windows], [window.end_at for window in windows]
    return Window(
        None if None in starts else min(at for at in starts if at is not None),
        None if None in ends else max(at for at in ends if at is not None),
    )


def _words(events: Events) -> str:
    return events.kind if isinstance(events, KindOfEvents) else f"{events.goal_type or 'any'}_goals"


def _slug(words: str) -> str:
    """A name for a step that reads well in SQL and as a file name."""
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:40] or "x"


# --- zones ------------------------------------------------------------------------------------------------------------


def _zone_edges(conditions: Iterable[Expression]) -> ZoneEdges | None:
    windows = dict.fromkeys(window for leaf in conditions for window in local_windows_of(leaf))
    columns = tuple((f"window_{number}", window) for number, window in enumerate(windows, start=1))
    return ZoneEdges("zone_edges", columns) if columns else None


def _zone_offsets(conditions: Iterable[Expression]) -> ZoneOffsets | None:
    facts = [fact for leaf in conditions for fact in facts_of(leaf) if fact.has_days_of_contacts]
    if not facts:
        return None
    hull = _hull([fact.window.hull if isinstance(fact.window, LocalWindow) else fact.window for fact in facts])
    return ZoneOffsets("zone_offsets", hull, facts[0].zones)
