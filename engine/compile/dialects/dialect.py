"""What an SQL engine must be able to say; the plan and the shape of its queries are the same for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

from sqlglot import exp

from engine.compile.dialects.column_type import ColumnType
from engine.definition.fields import FieldType


class Dialect(ABC):
    """One SQL engine. What is not abstract is what most engines say; trees that come back are fresh ones.

    An expression of a value is NULL where there is no value, and where a JSON value is of another type; it never fails.
    """

    name: ClassVar[str]
    """The name of the engine, and of sqlglot's dialect for it."""

    column_types: ClassVar[Mapping[ColumnType, str]]
    """The types of columns that may be NULL."""

    max_columns: ClassVar[int | None] = None
    """How many columns a query may have; None for more than anybody asks for."""

    has_asof_joins: ClassVar[bool] = False
    """Whether an event can be joined with the latest one before it."""

    rounds_edges: ClassVar[bool] = True
    """Whether an edge is said by the round second a microsecond before it, where that is shorter to read."""

    def sql(self, tree: exp.Expr, *, pretty: bool = False) -> str:
        """The text of a tree."""
        return tree.sql(dialect=self.name, pretty=pretty, copy=False)

    def comment(self, line: str) -> str:
        """A line of words as it may stand in a comment."""
        return line

    # --- tables ---------------------------------------------------------------------------------------------------

    def column_type(self, kind: ColumnType, *, is_key: bool) -> str:
        """The type of a column; those of keys are never NULL."""
        return f"{self.column_types[kind]} NOT NULL" if is_key else self.column_types[kind]

    def table_options(self, key: Sequence[str]) -> str:
        """What follows the columns of a table whose rows are read by that key."""
        return ""

    def given(self, value: exp.Expr, use: Callable[[exp.Expr], exp.Expr], *, is_short: bool) -> exp.Expr:
        """What `use` makes of a value.

        Engines that would compute it each time it is used are made to compute it before, unless it is short to say.
        """
        return use(value)

    # --- numbers, instants, days ----------------------------------------------------------------------------------

    def decimal(self, value: Decimal) -> exp.Expr:
        """An exact decimal."""
        digits = exp.Literal.number(f"{abs(value):f}")
        return exp.Neg(this=digits) if value < 0 else digits

    def exact_count(self, count: exp.Expr) -> exp.Expr:
        """A count as an exact decimal that may be multiplied."""
        return exp.cast(count, exp.DataType.build("DECIMAL(9, 0)"))

    def instant(self, at: datetime) -> exp.Expr:
        """An instant, as the engine's tables hold them."""
        return exp.Cast(this=exp.Literal.string(utc_text(at)), to=exp.DataType(this=exp.DType.TIMESTAMP))

    def no_instant(self) -> exp.Expr:
        """NULL as an instant."""
        return exp.cast(exp.Null(), "timestamp")

    def midnight(self, day: exp.Expr) -> exp.Expr:
        """A day as the instant of its midnight in UTC."""
        return day

    @abstractmethod
    def day_after(self, at: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        """The day of the instant that lies so many seconds, a whole number, after another one."""

    @abstractmethod
    def microseconds(self, at: exp.Expr) -> exp.Expr:
        """An instant as a whole number: microseconds since 1970."""

    # --- text -----------------------------------------------------------------------------------------------------

    def no_text(self) -> exp.Expr:
        """NULL as a text."""
        return exp.cast(exp.Null(), "varchar")

    def sortable(self, value: exp.Expr) -> exp.Expr:
        """A text that sorts by code point."""
        return value

    @abstractmethod
    def folded(self, value: exp.Expr) -> exp.Expr:
        """A text in simple lower case, as `engine.definition.folding` has it."""

    def check_folded(self, folded_text: str) -> None:  # noqa: B027  # no engine but those that differ refuses any
        """Refuse a text in lower case that `folded` would look for in vain. Raises: UnsupportedByDialectError."""

    @abstractmethod
    def contains(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text holds another one, character by character."""

    @abstractmethod
    def starts_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text begins with another one, character by character."""

    @abstractmethod
    def ends_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text ends with another one, character by character."""

    @abstractmethod
    def has_any(self, array: exp.Expr, texts: Sequence[exp.Expr]) -> exp.Expr:
        """Whether one of the texts is an element of an array of texts."""

    # --- JSON documents -------------------------------------------------------------------------------------------

    @abstractmethod
    def json_value(self, document: exp.Expr, path: Sequence[str], as_type: FieldType) -> exp.Expr:
        """The value at the path, in the SQL type of `as_type`; NULL if it is missing or of another type."""

    def json_text_test(self, document: exp.Expr, path: Sequence[str], test: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
        """A test of the text at the path; NULL or false where there is none."""
        return test(self.json_value(document, path, FieldType.STRING))

    def json_array(self, document: exp.Expr, path: Sequence[str]) -> exp.Expr:
        """The array at the path; what else is there does not matter."""
        return self.json_value(document, path, FieldType.JSON)

    @abstractmethod
    def json_decimal(self, document: exp.Expr, path: Sequence[str]) -> exp.Expr:
        """A number at the path, exact and rounded to the decimals of goal values; NULL if missing, or too large."""

    def different_values(self, document: exp.Expr, path: Sequence[str]) -> list[exp.Expr]:
        """Expressions of the texts and of the numbers at the path; how many different ones each has adds up."""
        number = self.with_one_zero(self.json_value(document, path, FieldType.NUMBER))
        return [self.json_value(document, path, FieldType.STRING), number]

    @abstractmethod
    def array_has_text(self, array: exp.Expr, texts: Sequence[str]) -> exp.Expr:
        """Whether one of the texts is an element of the JSON array; NULL or false for what is no array."""

    @abstractmethod
    def array_has_number(self, array: exp.Expr, numbers: Sequence[float]) -> exp.Expr:
        """Whether one of the numbers is an element of the JSON array; NULL or false for what is no array."""

    # --- aggregates and rows --------------------------------------------------------------------------------------

    def minimum(self, value: exp.Expr) -> exp.Expr:
        """The smallest value, NULL if there is none."""
        return exp.Min(this=value)

    def maximum(self, value: exp.Expr) -> exp.Expr:
        """The largest value, NULL if there is none."""
        return exp.Max(this=value)

    def any_is_true(self, condition: exp.Expr) -> exp.Expr:
        """Whether a condition holds for any row of a group."""
        return exp.LogicalOr(this=condition)

    def with_one_zero(self, number: exp.Expr) -> exp.Expr:
        """A double in which -0 is 0, where values are grouped, or different ones counted."""
        return number

    @abstractmethod
    def rows_of(self, array: Sequence[exp.Expr]) -> exp.Expr:
        """One row for each of these texts, in a SELECT list."""

    def rows(self, names: Sequence[str], rows: Sequence[Sequence[exp.Expr]]) -> exp.Expr:
        """A source of a query with these rows.

        Columns with names in `_at`, `_start` or `_end` hold instants, the others small integers.
        """
        alias = exp.TableAlias(this=exp.to_identifier("edges"), columns=[exp.to_identifier(name) for name in names])
        return exp.Values(expressions=[exp.Tuple(expressions=list(row)) for row in rows], alias=alias)


def utc_text(at: datetime) -> str:
    """An instant in UTC, as most engines write a TIMESTAMP."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
