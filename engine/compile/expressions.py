"""Expressions of a plan as SQL conditions that are TRUE or FALSE for every row, never NULL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from sqlglot import exp

from engine.compile.dialects import Dialect
from engine.compile.instants import at_or_after, in_window
from engine.compile.sql import (
    all_of,
    any_of,
    column,
    double,
    integer,
    is_any_of,
    is_not_null,
    negated,
    or_false,
    text,
)
from engine.compile.zones import ZONE_EDGES
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.tree import EVENT_PROPERTIES
from engine.definition.value_tests import (
    ArrayHasAnyOf,
    BooleanIsAnyOf,
    Comparison,
    IsSet,
    NumberCompares,
    NumberIsAnyOf,
    NumberIsBetween,
    Subject,
    TextCompares,
    TextContainsAnyOf,
    TextEndsWithAnyOf,
    TextIsAnyOf,
    TextStartsWithAnyOf,
    TextTest,
)
from engine.errors import InvalidPlanError
from engine.plan.nodes import (
    AverageIsWithin,
    Complement,
    CountIs,
    DidSteps,
    EventTimeIsIn,
    Every,
    Expression,
    Fact,
    HasAnyTag,
    HasIdentity,
    IsFoundBySql,
    IsIn,
    IsInWindows,
    IsMember,
    IsOnList,
    LatestIsSince,
    Measure,
    MeasureIsWithin,
    Never,
    PlacedTest,
    Some,
    ValueTest,
)
from engine.plan.windows import AnyWindow, LocalWindow

_COMPARISONS: Mapping[Comparison, type[exp.Binary]] = {
    Comparison.EQUAL: exp.EQ,
    Comparison.GREATER: exp.GT,
    Comparison.AT_LEAST: exp.GTE,
    Comparison.LESS: exp.LT,
    Comparison.AT_MOST: exp.LTE,
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where an expression finds its values, and in which dialect it is said.

    `alias` is the table with contact fields, event properties, subscriptions or facts; `facts` names the columns of
    facts in it, and `windows` those of local windows in the zone edges.
    """

    dialect: Dialect
    alias: str
    windows: Mapping[LocalWindow, str]
    facts: Mapping[Fact, str]

    def fact(self, fact: Fact) -> exp.Column:
        """The column of a fact."""
        return column(self.facts[fact], self.alias)


def condition(expression: Expression, columns: Columns) -> exp.Expr:
    """The SQL condition of an expression."""
    match expression:
        case Every():
            return all_of([condition(part, columns) for part in expression.parts])
        case Some():
            return any_of([condition(part, columns) for part in expression.parts])
        case Complement():
            return negated(condition(expression.part, columns))
        case Never():
            return exp.false()
        case ValueTest():
            return value_test(expression.subject, expression.test, columns)
        case HasAnyTag():
            tags = [text(tag) for tag in expression.tags]
            return or_false(columns.dialect.has_any(column("tags", columns.alias), tags))
        case HasIdentity():
            return exp.true()  # of the rows of its scan
        case IsIn() | IsMember() | DidSteps() | IsFoundBySql():
            raise InvalidPlanError("expression", f"{expression} is no condition on one row")
        case IsOnList():
            if expression.status is None:
                return exp.true()
            return exp.EQ(this=column("status", columns.alias), expression=text(expression.status))
        case CountIs():
            count = columns.fact(expression.fact)
            return _COMPARISONS[expression.comparison](this=count, expression=integer(expression.number))
        case LatestIsSince():
            latest = columns.fact(expression.fact)
            if expression.start_at is None:
                return is_not_null(latest)
            return or_false(at_or_after(latest, expression.start_at, columns.dialect))
        case EventTimeIsIn():
            return or_false(_window_test(columns.fact(expression.fact), expression.window, columns))
        case MeasureIsWithin():
            return _measure_test(expression, columns)
        case AverageIsWithin():
            return _average_test(expression, columns)
        case _:
            assert_never(expression)


# --- facts --------------------------------------------------------------------------------------------------


def _measure_test(test: MeasureIsWithin, columns: Columns) -> exp.Expr:
    if test.fact.measure in (Measure.COUNT, Measure.DISTINCT_COUNT):
        return _between(columns.fact(test.fact), test.low, test.high, columns.dialect)
    if test.fact.measure is Measure.SUM:
        # The sum of no value is NULL in SQL, and 0 here.
        sum_or_zero = exp.Coalesce(this=columns.fact(test.fact), expressions=[integer(0)])
        return _between(sum_or_zero, test.low, test.high, columns.dialect)
    return or_false(_between(columns.fact(test.fact), test.low, test.high, columns.dialect))


def _between(value: exp.Expr, low: Decimal | None, high: Decimal | None, dialect: Dialect) -> exp.Expr:
    if low is not None and low == high:
        return exp.EQ(this=value, expression=dialect.decimal(low))
    conditions: list[exp.Expr] = []
    if low is not None:
        conditions.append(exp.GTE(this=value.copy(), expression=dialect.decimal(low)))
    if high is not None:
        conditions.append(exp.LTE(this=value.copy(), expression=dialect.decimal(high)))
    return all_of(conditions)


def _average_test(test: AverageIsWithin, columns: Columns) -> exp.Expr:
    """low <= total / count <= high as low * count <= total <= high * count: exact, for a decimal has no thirds."""
    total = columns.fact(test.total)
    count = columns.dialect.exact_count(columns.fact(test.count))
    conditions: list[exp.Expr] = [exp.GT(this=count.copy(), expression=integer(0))]
    for bound, compare in ((test.low, exp.GTE), (test.high, exp.LTE)):
        if bound is not None:
            product = exp.Mul(this=columns.dialect.decimal(bound), expression=count.copy())
            conditions.append(compare(this=total.copy(), expression=product))
    return or_false(all_of(conditions))


# --- values -----------------------------------------------------------------------------------------------------------


def value_test(subject: Subject, test: PlacedTest, columns: Columns) -> exp.Expr:
    """The condition that the subject passes the test; FALSE where it is missing."""
    document, value = _document(subject, columns), value_of(subject, columns)
    match test:
        case IsSet():
            return is_not_null(value)
        case TextIsAnyOf() | TextContainsAnyOf() | TextStartsWithAnyOf() | TextEndsWithAnyOf() | TextCompares():
            if not subject.is_json:
                return or_false(_text_test(value, test, columns))
            return or_false(
                columns.dialect.json_text_test(document, subject.path, lambda value: _text_test(value, test, columns))
            )
        case NumberIsAnyOf():
            return or_false(is_any_of(value, [double(item) for item in test.numbers]))
        case NumberCompares():
            return or_false(_COMPARISONS[test.comparison](this=value, expression=double(test.number)))
        case NumberIsBetween():
            return or_false(exp.Between(this=value, low=double(test.low), high=double(test.high)))
        case IsInWindows():
            return or_false(
                columns.dialect.given(
                    instant_of(subject, columns),
                    lambda at: any_of([_window_test(at.copy(), window, columns) for window in test.windows]),
                    is_short=not subject.is_json,
                )
            )
        case BooleanIsAnyOf():
            return _boolean_test(value, test)
        case ArrayHasAnyOf():
            array = columns.dialect.json_array(document, subject.path) if subject.is_json else document
            return or_false(_array_test(array, test, columns.dialect))
        case _:
            assert_never(test)


def value_of(subject: Subject, columns: Columns) -> exp.Expr:
    """The value of a subject, in its type; NULL where it is missing."""
    document = _document(subject, columns)
    return columns.dialect.json_value(document, subject.path, subject.type) if subject.is_json else document


def instant_of(subject: Subject, columns: Columns) -> exp.Expr:
    """The value of a subject as an instant; a date is its midnight in UTC."""
    value = value_of(subject, columns)
    return columns.dialect.midnight(value) if subject.type is FieldType.DATE else value


def _document(subject: Subject, columns: Columns) -> exp.Column:
    is_ours = subject.field_name in CONTACT_FIELDS or subject.field_name == EVENT_PROPERTIES
    return column(subject.field_name, columns.alias, quoted=not is_ours)


def _text_test(value: exp.Expr, test: TextTest, columns: Columns) -> exp.Expr:
    """Whether a text passes a test; NULL where there is no text."""
    match test:
        case TextIsAnyOf():
            return is_any_of(value, [text(item) for item in test.texts])
        case TextContainsAnyOf():
            return _folded_test(columns.dialect.contains, value, test.folded_texts, columns)
        case TextStartsWithAnyOf():
            return _folded_test(columns.dialect.starts_with, value, test.folded_texts, columns)
        case TextEndsWithAnyOf():
            return _folded_test(columns.dialect.ends_with, value, test.folded_texts, columns)
        case TextCompares():
            return _COMPARISONS[test.comparison](this=columns.dialect.sortable(value), expression=text(test.text))


def _folded_test(
    relation: Callable[[exp.Expr, exp.Expr], exp.Expr],
    value: exp.Expr,
    folded_texts: tuple[str, ...],
    columns: Columns,
) -> exp.Expr:
    """Whether a relation of two texts holds for the value in lower case and one of the texts."""
    for item in folded_texts:
        columns.dialect.check_folded(item)
    return columns.dialect.given(
        columns.dialect.folded(value),
        lambda folded: any_of([relation(folded.copy(), text(item)) for item in folded_texts]),
        is_short=len(folded_texts) == 1,
    )


def _boolean_test(value: exp.Expr, test: BooleanIsAnyOf) -> exp.Expr:
    if len(test.booleans) > 1:
        return is_not_null(value)
    return or_false(value if test.booleans[0] else exp.Not(this=value))


def _window_test(value: exp.Expr, window: AnyWindow, columns: Columns) -> exp.Expr:
    conditions = window_conditions(value, window, columns)
    return all_of(conditions) if conditions else is_not_null(value)


def window_conditions(value: exp.Expr, window: AnyWindow, columns: Columns) -> list[exp.Expr]:
    """The conditions that an instant lies in a window; those of a local one read the joined zone edges."""
    if not isinstance(window, LocalWindow):
        return in_window(value, window, columns.dialect)
    conditions: list[exp.Expr] = []
    if window.hull.start_at is not None:
        start = column(f"{columns.windows[window]}_start", ZONE_EDGES)
        conditions.append(exp.GTE(this=value.copy(), expression=start))
    if window.hull.end_at is not None:
        end = column(f"{columns.windows[window]}_end", ZONE_EDGES)
        conditions.append(exp.LT(this=value.copy(), expression=end))
    return conditions


def _array_test(value: exp.Expr, test: ArrayHasAnyOf, dialect: Dialect) -> exp.Expr:
    conditions = []
    if test.texts:
        conditions.append(or_false(dialect.array_has_text(value, test.texts)))
    if test.numbers:
        conditions.append(or_false(dialect.array_has_number(value, test.numbers)))
    return any_of(conditions)
