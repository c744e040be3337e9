"""Instants compared with the edges of windows."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.definition.timeframes import ONE_MICROSECOND
from engine.plan.windows import Window


def in_window(value: exp.Expr, window: Window, dialect: Dialect) -> list[exp.Expr]:
    """The conditions that the instant lies in the window; none for an open one."""
    conditions: list[exp.Expr] = []
    if window.start_at is not None:
        conditions.append(at_or_after(value.copy(), window.start_at, dialect))
    if window.end_at is not None:
        conditions.append(before(value.copy(), window.end_at, dialect))
    return conditions


def at_or_after(value: exp.Expr, at: datetime, dialect: Dialect) -> exp.Expr:
    """value >= at, written as value > the round second just before, where that is shorter to read."""
    bound, is_before = rounded(at) if dialect.rounds_edges else (at, False)
    return (exp.GT if is_before else exp.GTE)(this=value, expression=dialect.instant(bound))


def before(value: exp.Expr, at: datetime, dialect: Dialect) -> exp.Expr:
    """value < at, written as value <= the round second just before, where that is shorter to read."""
    bound, is_before = rounded(at) if dialect.rounds_edges else (at, False)
    return (exp.LTE if is_before else exp.LT)(this=value, expression=dialect.instant(bound))


def rounded(at: datetime) -> tuple[datetime, bool]:
    """An edge: the whole second one microsecond before it, with True, or the edge itself."""
    is_before = at.microsecond == 1
    return (at - ONE_MICROSECOND if is_before else at), is_before
