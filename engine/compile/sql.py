"""The few shapes of SQL that everything else is made of; none of them parses a caller's text.

sqlglot parses strings that are handed to its builders as SQL, and shares nodes that are used twice: so these functions
take and return fresh nodes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sqlglot import exp

from engine.definition.timeframes import ONE_MICROSECOND
from engine.plan.windows import Window

MAX_EXACT_INTEGER = 2**53


def table(name: str, alias: str | None = None) -> exp.Table:
    """A table or step of ours."""
    return exp.Table(this=exp.to_identifier(name), alias=_alias(alias))


def _alias(name: str | None) -> exp.TableAlias | None:
    return None if name is None else exp.TableAlias(this=exp.to_identifier(name))


def column(name: str, of: str, *, quoted: bool = False) -> exp.Column:
    """A column of the table with that alias; its name is quoted if a caller chose it."""
    return exp.Column(this=exp.to_identifier(name, quoted=quoted), table=exp.to_identifier(of))


def named(expression: exp.Expr, name: str, *, quoted: bool = False) -> exp.Alias:
    """The expression under a name; quoted if a caller chose it."""
    return exp.Alias(this=expression, alias=exp.to_identifier(name, quoted=quoted))


def call(function: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A function by the name that the dialect gives it."""
    return exp.Anonymous(this=function, expressions=list(arguments))


def text(value: str) -> exp.Literal:
    """A text, quoted as the dialect wants it."""
    return exp.Literal.string(value)


def integer(value: int) -> exp.Expr:
    """A whole number."""
    return exp.Literal.number(value) if value >= 0 else exp.Neg(this=exp.Literal.number(-value))


def double(value: float) -> exp.Expr:
    """A double, exactly: small whole numbers as they are, others through their shortest decimal text."""
    if value.is_integer() and abs(value) < MAX_EXACT_INTEGER:
        return integer(int(value))
    return exp.cast(text(repr(value)), "double")


def decimal(value: Decimal) -> exp.Expr:
    """An exact decimal numeral."""
    digits = exp.Literal.number(f"{abs(value):f}")
    return exp.Neg(this=digits) if value < 0 else digits


def instant(at: datetime) -> exp.Expr:
    """A UTC TIMESTAMP."""
    return _timestamp(at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" "))


def _timestamp(utc: str) -> exp.Expr:
    return exp.cast(text(utc), "timestamp")


def all_of(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """AND; TRUE for no condition."""
    if not conditions:
        return exp.true()
    return conditions[0] if len(conditions) == 1 else exp.and_(*conditions, copy=False)


def any_of(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """OR in parentheses; FALSE for no condition."""
    if not conditions:
        return exp.false()
    return conditions[0] if len(conditions) == 1 else exp.Paren(this=exp.or_(*conditions, copy=False))


def negated(condition: exp.Expr) -> exp.Expr:
    """NOT (...): sqlglot adds no parentheses of its own."""
    return exp.Not(this=exp.Paren(this=condition))


def or_false(condition: exp.Expr) -> exp.Expr:
    """The condition with NULL read as false, so that its negation is its exact complement."""
    return exp.Coalesce(this=condition, expressions=[exp.false()])


def is_null(value: exp.Expr) -> exp.Expr:
    """IS NULL."""
    return exp.Is(this=value, expression=exp.Null())


def is_not_null(value: exp.Expr) -> exp.Expr:
    """IS NOT NULL."""
    return exp.Not(this=is_null(value))


def in_window(value: exp.Expr, window: Window) -> list[exp.Expr]:
    """The conditions that the instant lies in the window; none for an open one."""
    conditions: list[exp.Expr] = []
    if window.start_at is not None:
        conditions.append(at_or_after(value.copy(), window.start_at))
    if window.end_at is not None:
        conditions.append(before(value.copy(), window.end_at))
    return conditions


def at_or_after(value: exp.Expr, at: datetime) -> exp.Expr:
    """value >= at, written as value > the round second just before, where that is shorter to read."""
    bound, is_before = rounded(at)
    return (exp.GT if is_before else exp.GTE)(this=value, expression=_timestamp(bound))


def before(value: exp.Expr, at: datetime) -> exp.Expr:
    """value < at, written as value <= the round second just before, where that is shorter to read."""
    bound, is_before = rounded(at)
    return (exp.LTE if is_before else exp.LT)(this=value, expression=_timestamp(bound))


def rounded(at: datetime) -> tuple[str, bool]:
    """An edge as UTC text: the whole second one microsecond before it, with True, or the edge itself."""
    is_before = at.microsecond == 1
    edge = at - ONE_MICROSECOND if is_before else at
    return edge.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" "), is_before
