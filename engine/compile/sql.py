"""The few shapes of SQL that everything else is made of; none of them parses a caller's text.

sqlglot parses strings that are handed to its builders as SQL, and shares nodes that are used twice: so these functions
take and return fresh nodes only. For the same reason builders are told `copy=False` wherever queries are made: a copy
of all that is there, at every step, was more than half of the time that compiling took.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

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


def kept(conditions: Iterable[exp.Expr]) -> list[exp.Expr]:
    """Conditions as filters of rows, each part on its own: there NULL is as good as false.

    Parts of their own are asked one after the other, the later ones only of the rows that are left.
    """
    parts: list[exp.Expr] = []
    for condition in conditions:
        if isinstance(condition, exp.Coalesce) and condition.expressions == [exp.false()]:
            parts += kept([condition.this])
        elif isinstance(condition, exp.And):
            parts += kept([condition.this, condition.expression])
        else:
            parts.append(condition)
    return parts


def is_null(value: exp.Expr) -> exp.Expr:
    """IS NULL."""
    return exp.Is(this=value, expression=exp.Null())


def is_not_null(value: exp.Expr) -> exp.Expr:
    """IS NOT NULL."""
    return exp.Not(this=is_null(value))


def is_any_of(value: exp.Expr, items: Sequence[exp.Expr]) -> exp.Expr:
    """= one item, or IN several."""
    return exp.EQ(this=value, expression=items[0]) if len(items) == 1 else exp.In(this=value, expressions=list(items))


def if_(condition: exp.Expr, value: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Expr:
    """The value where the condition holds, else the other one, or NULL."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)], default=otherwise)
