"""The queries of whom time alone can move: contacts with a value where windows differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from engine.compile.dialects import DUCKDB
from engine.compile.event_sources import CONTACTS, EVENTS, source_conditions, source_of, with_contacts_of
from engine.compile.expressions import Columns, condition, instant_of
from engine.compile.instants import in_window
from engine.compile.sql import all_of, any_of, column, is_not_null, named, table, text
from engine.definition.value_tests import Subject
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.plan.crossings import Crossings
from engine.plan.nodes import GoalEvents, IsInWindows, KindOfEvents, ValueTest
from engine.plan.windows import AnyWindow, LocalWindow, Window, just_after
from engine.plan.zones import EARLIEST_AT


@dataclass(frozen=True, slots=True)
class CrossingQuery:
    """A query that finds not less than the values in `windows`, which go by the source of a value.

    Rows: one per value. Columns: contact_id, source, at (UTC), and with `has_zones` the zone_id of the contact.
    """

    sql: str
    windows: Mapping[str, Sequence[AnyWindow]]
    has_zones: bool


def crossing_queries(crossings: Crossings) -> Iterator[CrossingQuery]:
    """The queries that together find all that windows cross."""
    of_kinds = {
        events.kind: windows for events, windows in crossings.events.items() if isinstance(events, KindOfEvents)
    }
    custom = {kind: windows for kind, windows in of_kinds.items() if kind.startswith(CUSTOM_EVENT_PREFIX)}
    if of_kinds:
        yield _events_query("timeline", column("kind", EVENTS), of_kinds)
    if custom:
        by_name = {kind.removeprefix(CUSTOM_EVENT_PREFIX): windows for kind, windows in custom.items()}
        yield _events_query("custom_events", column("event_name", EVENTS), by_name)
    for events, windows in crossings.events.items():
        if isinstance(events, GoalEvents):
            query = (
                exp.select()
                .from_(table("custom_events", EVENTS), copy=False)
                .where(*source_conditions(events), copy=False)
            )
            yield _query(query, EVENTS, column("occurred_at", EVENTS), windows)
    if crossings.has_custom_events:
        for name in ("deleted_at", "superseded_at"):
            query = exp.select().from_(table("custom_events", EVENTS), copy=False)
            yield _query(query, EVENTS, column(name, EVENTS), [crossings.ends])
    for subject, windows in crossings.fields.items():
        query = exp.select().from_(table("contacts", CONTACTS), copy=False)
        yield _query(query, CONTACTS, instant_of(subject, _columns(CONTACTS)), windows, subject)
    alive = Window(None, just_after(crossings.after))
    for (kind, subject), windows in crossings.properties.items():
        query = (
            exp.select().from_(source_of(kind, alive, DUCKDB), copy=False).where(*source_conditions(kind), copy=False)
        )
        yield _query(query, EVENTS, instant_of(subject, _columns(EVENTS)), windows, subject)


def all_crossings(queries: Sequence[CrossingQuery]) -> str:
    """One query with the rows of all. Columns: query (its number), contact_id, source, at, zone_id (or NULL)."""
    return " UNION ALL ".join(
        f"""
        SELECT {number}::INTEGER AS query, contact_id, source, "at"::TIMESTAMP AS "at",
            {"zone_id" if query.has_zones else "NULL::SMALLINT"} AS zone_id
        FROM ({query.sql})
        """
        for number, query in enumerate(queries)
    )


def _events_query(source: str, kind: exp.Column, by_kind: Mapping[str, Iterable[AnyWindow]]) -> CrossingQuery:
    """One pass over the events of several kinds; which windows are those of which kind is for the reader."""
    windows = {name: tuple(found) for name, found in by_kind.items()}
    is_of_kind = exp.In(this=kind, expressions=[text(name) for name in sorted(windows)])
    query = exp.select().from_(table(source, EVENTS), copy=False).where(is_of_kind, copy=False)
    every = [window for found in windows.values() for window in found]
    return _of_windows(query, EVENTS, column("occurred_at", EVENTS), every, source=kind.copy(), windows=windows)


def _query(
    query: exp.Select, alias: str, at: exp.Expr, windows: Iterable[AnyWindow], subject: Subject | None = None
) -> CrossingQuery:
    found = tuple(windows)
    return _of_windows(query, alias, at, found, source=text(""), windows={"": found}, subject=subject)


def _of_windows(
    query: exp.Select,
    alias: str,
    at: exp.Expr,
    every: Sequence[AnyWindow],
    *,
    source: exp.Expr,
    windows: Mapping[str, Sequence[AnyWindow]],
    subject: Subject | None = None,
) -> CrossingQuery:
    has_zones = any(isinstance(window, LocalWindow) for window in every)
    joined = has_zones and alias != CONTACTS
    if joined:
        query = with_contacts_of(alias, query)
    hulls = united(part for window in every for part in stretches_of(window))
    if subject is not None:
        query = query.where(condition(ValueTest(subject, IsInWindows(tuple(hulls))), _columns(alias)), copy=False)
    else:
        parts = [in_window(at, hull, DUCKDB) or [is_not_null(at.copy())] for hull in hulls]
        query = query.where(any_of([all_of(part) for part in parts]), copy=False)
    selected = [column("contact_id", alias), named(source, "source"), named(at.copy(), "at")]
    if has_zones:
        selected.append(column("zone_id", CONTACTS))
    return CrossingQuery(DUCKDB.sql(query.select(*selected, copy=False)), windows, has_zones)


def _columns(alias: str) -> Columns:
    return Columns(DUCKDB, alias, {}, {})


def stretches_of(window: AnyWindow) -> set[Window]:
    """What a window is in any zone, where it is not empty."""
    parts = {part for _, part in window.by_zone} if isinstance(window, LocalWindow) else {window}
    return {part for part in parts if not part.is_empty}


def united(windows: Iterable[Window]) -> list[Window]:
    """Windows that hold the same instants, in order, none of them touching the next."""
    found: list[tuple[datetime, datetime | None]] = []
    for start, end in sorted(
        ((window.start_at or EARLIEST_AT, window.end_at) for window in windows),
        key=lambda window: window[0],
    ):
        if found and (found[-1][1] is None or found[-1][1] >= start):
            last = found[-1][1]
            found[-1] = (found[-1][0], None if last is None or end is None else max(last, end))
        else:
            found.append((start, end))
    return [Window(None if start == EARLIEST_AT else start, end) for start, end in found]
