"""A plan as named steps in order, each with its SQL and a comment in the words of the domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from engine.compile.expressions import ZONE_EDGES, Columns, condition
from engine.compile.scans import CONTACTS, event_scan_query, subscription_scan_query, zone_edges_query
from engine.compile.sql import column, named, rounded, table
from engine.compile.words import fact_in_words, scan_in_words
from engine.plan.expressions import facts_of, leaves, local_windows_of
from engine.plan.nodes import Expression, Fact, IsInWindows, IsOnList, Membership, Plan, ValueTest
from engine.plan.windows import LocalWindow, Window, just_after

DIALECT = "duckdb"


@dataclass(frozen=True, slots=True)
class Step:
    """One statement. A step that makes a table is named after it; the others give members.

    `comment` holds plain lines; `sql` has no comment of its own.
    """

    name: str
    comment: str
    sql: str

    @property
    def script(self) -> str:
        """The statement as a file: comment, statement, semicolon."""
        lines = "".join(f"-- {line}\n" for line in self.comment.splitlines())
        return f"{lines}{self.sql};\n"


@dataclass(frozen=True, slots=True)
class CompiledPlan:
    """`tables` make temporary tables, in order; each of `memberships` then gives the members of some segments.

    A membership query has the columns contact_id, and one boolean per segment, named by its id; one row per contact.
    `readers` says which segments a step works for, by the step's name.
    """

    tables: tuple[Step, ...]
    memberships: tuple[tuple[tuple[str, ...], Step], ...]
    readers: Mapping[str, tuple[str, ...]]


def compile_plan(plan: Plan) -> CompiledPlan:
    """The steps of a plan, in the order in which they run."""
    windows: dict[LocalWindow, str] = (
        {} if plan.zone_edges is None else {window: name for name, window in plan.zone_edges.columns}
    )
    memberships = tuple(
        (
            tuple(membership.segment_id for membership in group),
            _membership_step(number, group, plan, windows),
        )
        for number, group in enumerate(plan.membership_groups, start=1)
    )
    readers = _readers(plan) | {step.name: segment_ids for segment_ids, step in memberships}
    return CompiledPlan(tuple(_table_steps(plan, windows)), memberships, readers)


def _readers(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The segments that read each table."""
    step_of_fact = {fact: scan.name for scan in plan.event_scans for _, fact in scan.facts}
    readers: dict[str, dict[str, None]] = {}
    for group in plan.membership_groups:
        for membership in group:
            for leaf in leaves(membership.expression):
                steps = [step_of_fact[fact] for fact in facts_of(leaf)]
                if plan.zone_edges is not None and next(local_windows_of(leaf), None):
                    steps.append(plan.zone_edges.name)
                if plan.subscription_scan is not None and isinstance(leaf, IsOnList):
                    steps.append(plan.subscription_scan.name)
                for step in steps:
                    readers.setdefault(step, {})[membership.segment_id] = None
    return {step: tuple(segment_ids) for step, segment_ids in readers.items()}


def _table_steps(plan: Plan, windows: Mapping[LocalWindow, str]) -> Iterator[Step]:
    if plan.zone_edges is not None:
        comment = "Where local days start and end, in UTC, for every time zone that contacts have."
        yield _table_step(plan.zone_edges.name, comment, zone_edges_query(plan.zone_edges))
    until_now = Window(None, just_after(plan.as_of))
    for scan in plan.event_scans:
        edges = None if plan.zone_edges is None else plan.zone_edges.name
        query = event_scan_query(scan, as_of_end=until_now, zone_edges=edges, windows=windows)
        facts = [f"{name}: {fact_in_words(fact)}" for name, fact in scan.facts]
        yield _table_step(scan.name, "\n".join([scan_in_words(scan), *facts]), query)
    if plan.subscription_scan is not None:
        lists = [f"{name}: status on list {list_id!r}" for name, list_id in plan.subscription_scan.columns]
        comment = "\n".join(["Each contact's status on the lists that are asked for.", *lists])
        yield _table_step(plan.subscription_scan.name, comment, subscription_scan_query(plan.subscription_scan))


def _table_step(name: str, comment: str, query: exp.Select) -> Step:
    create = exp.Create(
        this=table(name),
        kind="TABLE",
        replace=True,
        expression=query,
        properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
    )
    return Step(name, comment, _rendered(create))


def _membership_step(
    number: int, group: tuple[Membership, ...], plan: Plan, windows: Mapping[LocalWindow, str]
) -> Step:
    parts = [leaf for membership in group for leaf in leaves(membership.expression)]
    facts: dict[Fact, tuple[str, str]] = {}
    joined: list[str] = []
    needed = {fact for leaf in parts for fact in facts_of(leaf)}
    for scan in plan.event_scans:
        found = {fact: (scan.name, name) for name, fact in scan.facts if fact in needed}
        if found:
            facts |= found
            joined.append(scan.name)
    lists: dict[str, tuple[str, str]] = {}
    if plan.subscription_scan is not None and any(isinstance(leaf, IsOnList) for leaf in parts):
        lists = {list_id: (plan.subscription_scan.name, name) for name, list_id in plan.subscription_scan.columns}
        joined.append(plan.subscription_scan.name)
    columns = Columns(CONTACTS, windows, facts, lists)
    query = exp.select(
        column("contact_id", CONTACTS),
        *(named(condition(item.expression, columns), item.segment_id, quoted=True) for item in group),
    ).from_(table("contacts", CONTACTS))
    for name in joined:
        same_contact = exp.EQ(this=column("contact_id", name), expression=column("contact_id", CONTACTS))
        query = query.join(table(name), on=same_contact, join_type="left")
    if plan.zone_edges is not None and _reads_local_fields(parts):
        same_zone = exp.EQ(this=column("zone_id", ZONE_EDGES), expression=column("zone_id", CONTACTS))
        query = query.join(table(plan.zone_edges.name, ZONE_EDGES), on=same_zone)
    comment = f"Who is in which segment at {rounded(plan.as_of)[0]}: one row per contact, one column per segment."
    return Step(f"memberships_{number}", comment, _rendered(query))


def _reads_local_fields(parts: Sequence[Expression]) -> bool:
    """Whether a contact field is compared with an edge that differs by time zone."""
    return any(
        isinstance(part, ValueTest) and isinstance(part.test, IsInWindows) and next(local_windows_of(part), None)
        for part in parts
    )


def _rendered(tree: exp.Expr) -> str:
    return tree.sql(dialect=DIALECT, pretty=True)
