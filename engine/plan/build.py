"""All segments of a batch become one plan: equal facts once, facts over the same events in one scan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from engine.definition.tree import Segment
from engine.plan.bind import Catalog, membership_expression
from engine.plan.expressions import facts_of, leaves, local_windows_of, local_windows_of_fact
from engine.plan.nodes import (
    Events,
    EventScan,
    Expression,
    Fact,
    GoalEvents,
    IsOnList,
    KindOfEvents,
    LatestIsSince,
    Membership,
    Plan,
    SubscriptionScan,
    ZoneEdges,
)
from engine.plan.presence import read_presence_from_latest
from engine.plan.windows import LocalWindow, Window
from engine.plan.zones import EARLIEST_AT

__all__ = ["Catalog", "build_plan"]

FACTS_PER_SCAN = 12
"""Measured: every filtered aggregate costs about 11 ns a row; past a dozen a second scan is cheaper."""

SEGMENTS_PER_GROUP = 256
LEAVES_PER_GROUP = 4_000
"""One membership query holds at most so much: a larger one is slower to prepare than to split."""


def build_plan(segments: Sequence[Segment], catalog: Catalog, as_of: datetime) -> Plan:
    """The plan that finds the members of all segments at `as_of` (UTC).

    The lists that the segments name must be in the catalog: see `engine.definition.check_lists`.
    """
    memberships = tuple(
        Membership(
            segment.id,
            read_presence_from_latest(membership_expression(segment, catalog, as_of), as_of),
        )
        for segment in segments
    )
    scans = tuple(_event_scans(memberships))
    return Plan(
        as_of=as_of,
        zone_edges=_zone_edges(memberships),
        event_scans=scans,
        subscription_scan=_subscription_scan(memberships),
        membership_groups=tuple(_groups(memberships)),
    )


def _all_leaves(memberships: Iterable[Membership]) -> Iterator[Expression]:
    for membership in memberships:
        yield from leaves(membership.expression)


# --- events -----------------------------------------------------------------------------------------------------------


def _event_scans(memberships: Sequence[Membership]) -> Iterator[EventScan]:
    """Scans by kind of event, each with the facts that it finds."""
    reach = _reach_of_facts(memberships)
    by_source: dict[tuple[Events, bool], list[Fact]] = {}
    for fact in reach:
        by_source.setdefault((_source(fact.events), any(local_windows_of_fact(fact))), []).append(fact)
    fact_count = scan_count = 0
    for (events, _), facts in by_source.items():
        # Narrow windows together, so that a scan reads no more than its widest needs.
        facts.sort(key=lambda fact: reach[fact].start_at or EARLIEST_AT, reverse=True)
        for first in range(0, len(facts), FACTS_PER_SCAN):
            part = facts[first : first + FACTS_PER_SCAN]
            named = tuple((f"fact_{fact_count + offset}", fact) for offset, fact in enumerate(part, start=1))
            fact_count, scan_count = fact_count + len(part), scan_count + 1
            yield EventScan(
                name=f"events_{scan_count}_{_slug(events)}",
                events=events,
                hull=_hull([reach[fact] for fact in part]),
                facts=named,
            )


def _reach_of_facts(memberships: Sequence[Membership]) -> dict[Fact, Window]:
    """Every distinct fact, in order of first use, with the stretch of events that it needs.

    The latest event is needed only as far back as the earliest instant that it is compared with.
    """
    reach: dict[Fact, Window] = {}
    for leaf in _all_leaves(memberships):
        for fact in facts_of(leaf):
            window = fact.window.hull if isinstance(fact.window, LocalWindow) else fact.window
            if isinstance(leaf, LatestIsSince):
                window = Window(leaf.start_at, window.end_at)
            known = reach.get(fact)
            reach[fact] = window if known is None else _hull([known, window])
    return reach


def _hull(windows: Sequence[Window]) -> Window:
    """The smallest window that holds all of them."""
    starts, ends = [window.start_at for window in windows], [window.end_at for window in windows]
    return Window(
        None if None in starts else min(at for at in starts if at is not None),
        None if None in ends else max(at for at in ends if at is not None),
    )


def _source(events: Events) -> Events:
    """What a scan reads: the events without what only some of its facts ask for."""
    match events:
        case KindOfEvents():
            return KindOfEvents(events.kind)
        case GoalEvents():
            return GoalEvents(events.goal_type)


def _slug(events: Events) -> str:
    """A name for a step that reads well in SQL and as a file name."""
    words = events.kind if isinstance(events, KindOfEvents) else f"{events.goal_type or 'any'}_goals"
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:40] or "kind"


# --- lists, zones, groups ---------------------------------------------------------------------------------------------


def _subscription_scan(memberships: Sequence[Membership]) -> SubscriptionScan | None:
    list_ids = dict.fromkeys(leaf.list_id for leaf in _all_leaves(memberships) if isinstance(leaf, IsOnList))
    columns = tuple((f"status_{number}", list_id) for number, list_id in enumerate(list_ids, start=1))
    return SubscriptionScan("subscription_statuses", columns) if columns else None


def _zone_edges(memberships: Sequence[Membership]) -> ZoneEdges | None:
    windows = dict.fromkeys(window for leaf in _all_leaves(memberships) for window in local_windows_of(leaf))
    columns = tuple((f"window_{number}", window) for number, window in enumerate(windows, start=1))
    return ZoneEdges("zone_edges", columns) if columns else None


def _groups(memberships: Sequence[Membership]) -> Iterator[tuple[Membership, ...]]:
    group: list[Membership] = []
    leaf_count = 0
    for membership in memberships:
        size = sum(1 for _ in leaves(membership.expression))
        if group and (len(group) == SEGMENTS_PER_GROUP or leaf_count + size > LEAVES_PER_GROUP):
            yield tuple(group)
            group, leaf_count = [], 0
        group.append(membership)
        leaf_count += size
    if group:
        yield tuple(group)
