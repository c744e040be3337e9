"""Time zones of contacts in queries: the edges of local windows, and the offsets that lead to local days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.compile.sql import all_of, any_of, column, integer, is_null, table
from engine.plan.nodes import Fact
from engine.plan.scans import ZoneEdges, ZoneOffsets
from engine.plan.windows import LocalWindow
from engine.plan.zones import day_offsets

ZONE_EDGES, ZONE_OFFSETS = "z", "o"
"""The aliases under which a query joins them."""


def zone_edges_query(edges: ZoneEdges, dialect: Dialect) -> exp.Select:
    """The query that gives the edges. Rows: one per zone id."""
    by_zone = {name: dict(window.by_zone) for name, window in edges.columns}
    zone_ids = sorted({zone_id for windows in by_zone.values() for zone_id in windows})
    rows = []
    for zone_id in zone_ids:
        cells: list[exp.Expr] = [integer(zone_id)]
        for name, _ in edges.columns:
            window = by_zone[name][zone_id]
            cells += [_edge(window.start_at, dialect), _edge(window.end_at, dialect)]
        rows.append(cells)
    names = ["zone_id", *(f"{name}_{side}" for name, _ in edges.columns for side in ("start", "end"))]
    return exp.select(exp.Star()).from_(dialect.rows(names, rows), copy=False)


def zone_offsets_query(offsets: ZoneOffsets, dialect: Dialect) -> exp.Select:
    """The query that gives the offsets. Rows: one per zone id and stretch between changes of its clocks."""
    rows: list[Sequence[exp.Expr]] = []
    for zone_id, zone_name in offsets.zones:
        stretches = day_offsets(zone_name, offsets.hull.start_at, offsets.hull.end_at)
        ends = [*(item.start_at for item in stretches[1:]), None]
        for stretch, end_at in zip(stretches, ends, strict=True):
            edges = (_edge(stretch.start_at, dialect), _edge(end_at, dialect))
            rows.append((integer(zone_id), integer(stretch.seconds), *edges))
    return exp.select(exp.Star()).from_(
        dialect.rows(("zone_id", "offset_seconds", "start_at", "end_at"), rows), copy=False
    )


def with_zone_edges(query: exp.Select, contacts: str, zone_edges: str) -> exp.Select:
    """The query with the edges of the zone of each contact, who stands in it under an alias."""
    same_zone = exp.EQ(this=column("zone_id", ZONE_EDGES), expression=column("zone_id", contacts))
    return query.join(table(zone_edges, ZONE_EDGES), on=same_zone, copy=False)


def with_zone_offsets(query: exp.Select, contacts: str, at: exp.Column, zone_offsets: str) -> exp.Select:
    """The query with the offset that the zone of a contact had at an instant: one row for each."""
    start, end = column("start_at", ZONE_OFFSETS), column("end_at", ZONE_OFFSETS)
    is_stretch = [
        exp.EQ(this=column("zone_id", ZONE_OFFSETS), expression=column("zone_id", contacts)),
        any_of([is_null(start), exp.GTE(this=at.copy(), expression=start.copy())]),
        any_of([is_null(end), exp.LT(this=at.copy(), expression=end.copy())]),
    ]
    return query.join(table(zone_offsets, ZONE_OFFSETS), on=all_of(is_stretch), copy=False)


def local_day(fact: Fact, at: exp.Column, dialect: Dialect) -> exp.Expr:
    """The local day of an instant, in the one zone of a fact or, with the offsets joined, in the contact's."""
    if fact.has_days_of_contacts:
        return dialect.day_after(at, column("offset_seconds", ZONE_OFFSETS))
    ((_, zone_name),) = fact.zones
    hull = fact.window.hull if isinstance(fact.window, LocalWindow) else fact.window
    first, *later = day_offsets(zone_name, hull.start_at, hull.end_at)
    if not later:
        return dialect.day_after(at, integer(first.seconds))
    latest_first = []
    for stretch in reversed(later):
        assert stretch.start_at is not None
        since = exp.GTE(this=at.copy(), expression=dialect.instant(stretch.start_at))
        latest_first.append(exp.If(this=since, true=integer(stretch.seconds)))
    return dialect.day_after(at, exp.Case(ifs=latest_first, default=integer(first.seconds)))


def _edge(at: datetime | None, dialect: Dialect) -> exp.Expr:
    return dialect.no_instant() if at is None else dialect.instant(at)
