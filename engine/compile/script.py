"""A whole plan as one statement of any dialect: it finds the members on its own, without bitmaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.compile.sql import all_of, any_of, column, if_, is_not_null, named, negated, or_false, table, text
from engine.compile.steps import Step, scan_step, step_of
from engine.compile.words import ZONE_EDGES_IN_WORDS, ZONE_OFFSETS_IN_WORDS, condition_in_words
from engine.compile.zones import zone_edges_query, zone_offsets_query
from engine.errors import InvalidPlanError, UnsupportedByDialectError
from engine.plan.expressions import leaves
from engine.plan.nodes import Complement, Every, Expression, IsIn, IsMember, Never, Some
from engine.plan.scans import Membership, Plan, SqlScan

CONDITIONS = "conditions"
"""The step that brings the sets of all conditions together. Rows: one per contact."""

MEMBERS = "m"


def members_script(plan: Plan, segment_ids: Sequence[str], dialect: Dialect) -> str:
    """One SELECT in named steps, with a comment over each.

    Rows: (segment_id, contact_id), one per member of the named segments, in no order. It reads the tables of the store:
    contacts, subscriptions, identities, timeline, custom_events.
    Raises: UnsupportedByDialectError.
    """
    _check_width(plan, dialect)
    steps = [*_scan_steps(plan, dialect), _conditions_step(plan, dialect)]
    levels = list(_membership_steps(plan, dialect))
    last = levels[-1].name if levels else CONDITIONS
    columns = _columns(plan)
    found = [if_(column(columns[segment_id], MEMBERS), text(segment_id)) for segment_id in segment_ids]
    rows = exp.select(column("contact_id", MEMBERS), named(dialect.rows_of(found), "segment_id"))
    query = (
        exp.select(column("segment_id", "found"), column("contact_id", "found"))
        .from_(rows.from_(table(last, MEMBERS)).subquery("found"))
        .where(is_not_null(column("segment_id", "found")))
    )
    final = step_of("members", "The members of each segment.", query, dialect)
    parts = ",\n".join(f"{_comment(step, dialect)}{step.name} AS (\n{step.pretty_sql}\n)" for step in [*steps, *levels])
    return f"WITH\n{parts}\n{_comment(final, dialect)}{final.pretty_sql};\n"


def _check_width(plan: Plan, dialect: Dialect) -> None:
    column_count = 1 + sum(len(scan.conditions) for scan in plan.scans) + len(plan.memberships)
    if dialect.max_columns is not None and column_count > dialect.max_columns:
        raise UnsupportedByDialectError(
            dialect.name,
            f"hold {column_count:,} conditions and segments in one statement, only {dialect.max_columns:,}; "
            "compile fewer segments at a time",
        )


def _comment(step: Step, dialect: Dialect) -> str:
    return "".join(f"-- {dialect.comment(line)}\n" for line in step.comment.splitlines())


def _scan_steps(plan: Plan, dialect: Dialect) -> Iterator[Step]:
    if plan.zone_edges is not None:
        edges = zone_edges_query(plan.zone_edges, dialect)
        yield step_of(plan.zone_edges.name, ZONE_EDGES_IN_WORDS, edges, dialect)
    if plan.zone_offsets is not None:
        offsets = zone_offsets_query(plan.zone_offsets, dialect)
        yield step_of(plan.zone_offsets.name, ZONE_OFFSETS_IN_WORDS, offsets, dialect)
    for scan in plan.scans:
        if isinstance(scan, SqlScan):
            raise UnsupportedByDialectError(
                dialect.name,
                "run a condition of the source 'sql', which is asked apart from the statement; "
                "leave the segments out that have one, or say it by other sources",
            )
        yield scan_step(scan, plan, dialect)


def _conditions_step(plan: Plan, dialect: Dialect) -> Step:
    """Every contact with a boolean for each condition; whoever a scan does not see is in none of its sets."""
    sets = [
        named(or_false(column(condition.name, scan.name)), condition.name)
        for scan in plan.scans
        for condition in scan.conditions
    ]
    query = exp.select(column("contact_id", "c"), *sets).from_(table("contacts", "c"))
    for scan in plan.scans:
        is_same = exp.EQ(this=column("contact_id", scan.name), expression=column("contact_id", "c"))
        query = query.join(table(scan.name), on=is_same, join_type="left")
    return step_of(CONDITIONS, "Which contacts meet which conditions: one row per contact.", query, dialect)


# --- memberships ------------------------------------------------------------------------------------------------------


def _membership_steps(plan: Plan, dialect: Dialect) -> Iterator[Step]:
    """Steps that add a boolean for each segment to the rows of the step before."""
    columns = _columns(plan)
    before = CONDITIONS
    for number, level in enumerate(_levels(plan.memberships), start=1):
        found = [named(_condition(item.expression, columns), columns[item.segment_id]) for item in level]
        query = exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier(before)), *found).from_(table(before))
        lines = [
            f"{columns[item.segment_id]}: segment {item.segment_id} = {condition_in_words(item.expression)}"
            for item in level
        ]
        before = f"segments_{number}"
        yield step_of(before, "\n".join(lines), query, dialect)


def _columns(plan: Plan) -> dict[str, str]:
    """The column of each segment."""
    return {membership.segment_id: f"segment_{number}" for number, membership in enumerate(plan.memberships, start=1)}


def _levels(memberships: Sequence[Membership]) -> list[list[Membership]]:
    """Memberships by how many segments stand one behind the other in what they name."""
    depth: dict[str, int] = {}
    levels: list[list[Membership]] = []
    for membership in memberships:
        named_ones = [leaf.segment_id for leaf in leaves(membership.expression) if isinstance(leaf, IsMember)]
        depth[membership.segment_id] = max((depth[segment_id] + 1 for segment_id in named_ones), default=0)
        while len(levels) <= depth[membership.segment_id]:
            levels.append([])
        levels[depth[membership.segment_id]].append(membership)
    return levels


def _condition(expression: Expression, columns: Mapping[str, str]) -> exp.Expr:
    """An expression over sets as a condition over the columns of the step before."""
    match expression:
        case Every():
            return exp.Paren(this=all_of([_condition(part, columns) for part in expression.parts]))
        case Some():
            return any_of([_condition(part, columns) for part in expression.parts])
        case Complement():
            return negated(_condition(expression.part, columns))
        case IsIn():
            return exp.column(expression.condition)
        case IsMember():
            return exp.column(columns[expression.segment_id])
        case Never():
            return exp.false()
        case _:
            raise InvalidPlanError("expression", f"{expression} is not over sets")
