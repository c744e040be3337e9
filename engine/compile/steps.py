"""A plan as named steps in order, each with its SQL and a comment in the words of the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from sqlglot import exp

from engine.compile.asof_sequences import asof_sequence_query
from engine.compile.dialects import DUCKDB, Dialect
from engine.compile.dialects.dialect import utc_text
from engine.compile.event_sources import EVENTS
from engine.compile.expressions import Columns
from engine.compile.scans import (
    event_scan_query,
    identity_scan_query,
    profile_scan_query,
    subscription_scan_query,
    tally_scan_query,
)
from engine.compile.sequences import sequence_scan_query
from engine.compile.sql import table
from engine.compile.words import (
    ZONE_EDGES_IN_WORDS,
    ZONE_OFFSETS_IN_WORDS,
    condition_in_words,
    fact_in_words,
    scan_in_words,
    tally_in_words,
)
from engine.compile.zones import zone_edges_query, zone_offsets_query
from engine.plan.scans import (
    EventScan,
    IdentityScan,
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
from engine.plan.windows import LocalWindow, Window, just_after


@dataclass(frozen=True, slots=True)
class Step:
    """One statement.

    With `conditions` it is a query: columns contact_id, then one boolean for each of them, by name. Without, it gives
    the events of a tally, or makes the temporary table that it is named after. `comment` holds plain lines. `sql` is
    what runs; `pretty` makes the same for people.
    """

    name: str
    comment: str
    sql: str
    pretty: Callable[[], str]
    conditions: tuple[str, ...] = ()

    @property
    def pretty_sql(self) -> str:
        """The statement, for people."""
        return self.pretty()

    @property
    def script(self) -> str:
        """The statement as a file: comment, statement, semicolon."""
        lines = "".join(f"-- {line}\n" for line in self.comment.splitlines())
        return f"{lines}{self.pretty_sql};\n"


def zone_edges_step(edges: ZoneEdges) -> Step:
    """The step that makes the table of edges, in DuckDB; it comes before every scan."""
    return _table_step(edges.name, ZONE_EDGES_IN_WORDS, zone_edges_query(edges, DUCKDB))


def zone_offsets_step(offsets: ZoneOffsets) -> Step:
    """The step that makes the table of offsets, in DuckDB; it comes before every scan."""
    return _table_step(offsets.name, ZONE_OFFSETS_IN_WORDS, zone_offsets_query(offsets, DUCKDB))


def _table_step(name: str, comment: str, query: exp.Select) -> Step:
    create = exp.Create(
        this=table(name),
        kind="TABLE",
        replace=True,
        expression=query,
        properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
    )
    return step_of(name, comment, create, DUCKDB)


def scan_step(scan: Scan, plan: Plan, dialect: Dialect = DUCKDB) -> Step:
    """The step of one scan of the plan."""
    zone_edges = None if plan.zone_edges is None else plan.zone_edges.name
    windows: Mapping[LocalWindow, str] = (
        {} if plan.zone_edges is None else {window: name for name, window in plan.zone_edges.columns}
    )
    lines = [scan_in_words(scan)]
    match scan:
        case EventScan():
            as_of_end = Window(None, just_after(plan.as_of))
            query = event_scan_query(
                scan,
                dialect,
                as_of_end=as_of_end,
                zone_edges=zone_edges,
                zone_offsets=None if plan.zone_offsets is None else plan.zone_offsets.name,
                windows=windows,
            )
            lines += [f"{name}: {fact_in_words(fact)}" for name, fact in scan.facts]
        case TallyScan():
            query = tally_scan_query(scan, dialect, as_of_end=Window(None, just_after(plan.as_of)))
            lines += [f"{item.name}: {tally_in_words(item.leaf)}" for item in scan.conditions]
            return step_of(scan.name, "\n".join(lines), query, dialect)
        case SequenceScan():
            as_of_end = Window(None, just_after(plan.as_of))
            make = asof_sequence_query if dialect.has_asof_joins else sequence_scan_query
            query = make(scan, Columns(dialect, EVENTS, windows, {}), as_of_end=as_of_end, zone_edges=zone_edges)
        case SubscriptionScan():
            query = subscription_scan_query(scan, dialect)
        case IdentityScan():
            query = identity_scan_query(scan, dialect)
        case SqlScan():
            return _query_step(scan, plan)
        case ProfileScan():
            query = profile_scan_query(scan, dialect, zone_edges=zone_edges, windows=windows)
        case _:
            assert_never(scan)
    names = tuple(condition.name for condition in scan.conditions)
    return step_of(scan.name, "\n".join(lines), query, dialect, names)


def _query_step(scan: SqlScan, plan: Plan) -> Step:
    """The step of an analyst's query, in the analyst's own words; it runs behind the SQL door."""
    as_of = utc_text(plan.as_of)
    comment = f"{scan_in_words(scan)}\n$as_of is {as_of}."
    names = tuple(condition.name for condition in scan.conditions)
    return Step(scan.name, comment, scan.query, lambda: scan.query, names)


def memberships_in_words(plan: Plan) -> str:
    """Which sets make up each segment, one line per segment: it is computed from bitmaps, not in SQL."""
    return "".join(f"{item.segment_id} = {condition_in_words(item.expression)}\n" for item in plan.memberships)


def step_of(name: str, comment: str, tree: exp.Expr, dialect: Dialect, conditions: tuple[str, ...] = ()) -> Step:
    """The step of a tree."""
    sql = dialect.sql(tree)

    def pretty() -> str:
        # sqlglot's pretty printer puts this in place of newlines inside literals, and then newlines in place of all of
        # it: what runs is never pretty-printed, and nothing is that holds the word.
        return sql if "__SQLGLOT__" in sql else dialect.sql(tree, pretty=True)

    return Step(name, comment, sql, pretty, conditions)
