"""ClickHouse, of a version whose DateTime64 reaches from year 1 to 9999 (26.9 does)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from sqlglot import exp

from engine.compile.dialects import text_forms
from engine.compile.dialects.case import TRANSLATED_FROM, TRANSLATED_TO, check_foldable
from engine.compile.dialects.column_type import ColumnType
from engine.compile.dialects.dialect import Dialect, utc_text
from engine.compile.dialects.json_path import place_of
from engine.compile.sql import all_of, call, double, if_, integer, is_any_of, text
from engine.definition.fields import FieldType
from engine.definition.vocabulary import GOAL_VALUE_DECIMALS, MAX_GOAL_VALUE
from engine.plan.zones import EARLIEST_AT, LATEST_AT

_INSTANT_TYPE = "DateTime64(6, 'UTC')"
_INSTANT_ENDINGS = ("_at", "_start", "_end")
_DAY = 86_400_000_000
_BEFORE_1970 = 719_528 * _DAY
"""The microseconds since the start of the year 0: `intDiv` rounds negative ones up."""
_READ_DECIMALS = 30
"""More than any double below 10^20 has that could be rounded up to nine."""


class ClickHouse(Dialect):
    """ClickHouse: documents are String, instants DateTime64(6, 'UTC'), days Date32, columns Nullable."""

    name = "clickhouse"
    column_types = MappingProxyType(
        {
            ColumnType.INTEGER: "Int32",
            ColumnType.TEXT: "String",
            ColumnType.NUMBER: "Float64",
            ColumnType.DECIMAL: f"Decimal(38, {GOAL_VALUE_DECIMALS})",
            ColumnType.INSTANT: _INSTANT_TYPE,
            ColumnType.DATE: "Date32",
            ColumnType.BOOLEAN: "Bool",
            ColumnType.JSON: "String",
            ColumnType.TEXTS: "Array(String)",
        }
    )

    def column_type(self, kind: ColumnType, *, is_key: bool) -> str:
        """The type of a column. An array is never NULL: no tags are none."""
        name = self.column_types[kind]
        return name if is_key or kind is ColumnType.TEXTS else f"Nullable({name})"

    def table_options(self, key: Sequence[str]) -> str:
        """Rows in the order of the key."""
        return f" ENGINE = MergeTree ORDER BY ({', '.join(key)})"

    def sql(self, tree: exp.Expr, *, pretty: bool = False) -> str:
        """The text of a tree; columns keep their short names, which joins would take from them."""
        return super().sql(tree.transform(_with_short_names), pretty=pretty)

    def given(self, value: exp.Expr, use: Callable[[exp.Expr], exp.Expr], *, is_short: bool) -> exp.Expr:
        """A lambda over an array of one value."""
        if is_short:
            return use(value)
        read = exp.Lambda(this=use(exp.column("given")), expressions=[exp.to_identifier("given")])
        return call("arrayElement", call("arrayMap", read, exp.Array(expressions=[value])), integer(1))

    def decimal(self, value: Decimal) -> exp.Expr:
        """An exact decimal: a plain numeral is a double here."""
        return call("toDecimal256", text(f"{value:f}"), integer(GOAL_VALUE_DECIMALS))

    def exact_count(self, count: exp.Expr) -> exp.Expr:
        """A count; decimals may be multiplied by integers."""
        return call("toInt64", count)

    def instant(self, at: datetime) -> exp.Expr:
        """A DateTime64 of microseconds."""
        return call("toDateTime64", text(utc_text(at)), integer(6), text("UTC"))

    def no_instant(self) -> exp.Expr:
        """NULL; whoever reads it knows the type."""
        return exp.Null()

    def midnight(self, day: exp.Expr) -> exp.Expr:
        """A day as the instant of its midnight in UTC."""
        return call("toDateTime64", day, integer(6), text("UTC"))

    def day_after(self, at: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        """The day of the instant so many seconds later, by number: the day after the last one has no date."""
        offset = exp.Mul(this=exp.Paren(this=seconds), expression=integer(1_000_000))
        later = exp.Add(this=self.microseconds(at), expression=offset)
        return call("intDiv", exp.Add(this=later, expression=integer(_BEFORE_1970)), integer(_DAY))

    def microseconds(self, at: exp.Expr) -> exp.Expr:
        """An instant as microseconds since 1970."""
        return call("toUnixTimestamp64Micro", at)

    def folded(self, value: exp.Expr) -> exp.Expr:
        """`lowerUTF8`, after the letters that it treats otherwise."""
        return call("lowerUTF8", call("translateUTF8", value, text(TRANSLATED_FROM), text(TRANSLATED_TO)))

    def check_folded(self, folded_text: str) -> None:
        """Refuse letters that only newer versions of Unicode map."""
        check_foldable(folded_text, self.name)

    def contains(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text holds another one."""
        return exp.GT(this=call("position", value, part), expression=integer(0))

    def starts_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text begins with another one."""
        return call("startsWith", value, part)

    def ends_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text ends with another one."""
        return call("endsWith", value, part)

    def has_any(self, array: exp.Expr, texts: Sequence[exp.Expr]) -> exp.Expr:
        """Whether one of the texts is an element of an array of texts."""
        return call("hasAny", array, exp.Array(expressions=list(texts)))

    def json_value(self, document: exp.Expr, path: Sequence[str], as_type: FieldType) -> exp.Expr:
        """The value at the path; NULL if it is missing or of another type."""
        place = _place(document, path)
        match as_type:
            case FieldType.STRING:
                return if_(place.is_type("String"), place.read("JSONExtractString"))
            case FieldType.NUMBER:
                return if_(place.is_number(), place.read("JSONExtractFloat"))
            case FieldType.TIME:
                return self._instant(place)
            case FieldType.BOOLEAN:
                return if_(place.is_type("Bool"), place.read("JSONExtractBool"))
            case FieldType.DATE:
                day = call("toDate32OrNull", place.read("JSONExtractString"))
                return if_(place.is_text_like(text_forms.DATE), day)
            case FieldType.JSON:
                return if_(exp.Not(this=place.is_type("Null")), place.read("JSONExtractRaw"))

    def json_decimal(self, document: exp.Expr, path: Sequence[str]) -> exp.Expr:
        """A number at the path, exact and rounded."""
        place = _place(document, path)
        number = call("toDecimal256OrNull", place.read("JSONExtractRaw"), integer(_READ_DECIMALS))
        rounded = call("round", number, integer(GOAL_VALUE_DECIMALS))
        is_small = exp.LT(this=call("abs", rounded), expression=self.decimal(Decimal(MAX_GOAL_VALUE)))
        return if_(place.is_number(), if_(is_small, rounded.copy()))

    def array_has_text(self, array: exp.Expr, texts: Sequence[str]) -> exp.Expr:
        """Whether one of the texts is an element of the JSON array."""
        wanted = [text(item) for item in texts]
        return _some_element(
            array, lambda item: all_of([item.is_type("String"), is_any_of(item.read("JSONExtractString"), wanted)])
        )

    def array_has_number(self, array: exp.Expr, numbers: Sequence[float]) -> exp.Expr:
        """Whether one of the numbers is an element of the JSON array."""
        wanted = [double(number) for number in numbers]
        return _some_element(
            array, lambda item: all_of([item.is_number(), is_any_of(item.read("JSONExtractFloat"), wanted)])
        )

    def minimum(self, value: exp.Expr) -> exp.Expr:
        """The smallest value; of nothing it would else be 0."""
        return call("minOrNull", value)

    def maximum(self, value: exp.Expr) -> exp.Expr:
        """The largest value; of nothing it would else be 0."""
        return call("maxOrNull", value)

    def any_is_true(self, condition: exp.Expr) -> exp.Expr:
        """Whether a condition holds for any row of a group."""
        return exp.Max(this=condition)

    def with_one_zero(self, number: exp.Expr) -> exp.Expr:
        """Counting different values looks at their bits."""
        return exp.Add(this=exp.Paren(this=number), expression=integer(0))

    def rows_of(self, array: Sequence[exp.Expr]) -> exp.Expr:
        """One row for each element."""
        return call("arrayJoin", exp.Array(expressions=list(array)))

    def rows(self, names: Sequence[str], rows: Sequence[Sequence[exp.Expr]]) -> exp.Expr:
        """The table function `values`, which wants the types first."""
        structure = ", ".join(
            f"{name} Nullable({_INSTANT_TYPE})" if name.endswith(_INSTANT_ENDINGS) else f"{name} Int32"
            for name in names
        )
        tuples = [exp.Tuple(expressions=list(row)) for row in rows]
        return exp.Table(this=call("values", text(structure), *tuples))

    def _instant(self, place: _Place) -> exp.Expr:
        """A text that is an RFC 3339 instant of the years 1 to 9999: its local time less its offset."""
        written = place.read("JSONExtractString")
        no_zone = call("replaceRegexpOne", written, text(rf"([Zz]|{text_forms.OFFSET})$"), text(""))
        clock = call("substring", no_zone, integer(12), integer(text_forms.MICROSECOND_CHARACTERS - 11))
        day = call("substring", written.copy(), integer(1), integer(10))
        local = call("toDateTime64OrNull", call("concat", day, text(" "), clock), integer(6), text("UTC"))
        last = call("substring", written.copy(), integer(-6), integer(6))
        minutes = exp.Add(this=exp.Mul(this=_signed(last, 2), expression=integer(60)), expression=_signed(last, 5))
        offset = exp.Mul(this=exp.Paren(this=minutes), expression=integer(60_000_000))
        utc = exp.Sub(this=call("toUnixTimestamp64Micro", local), expression=offset)
        low, high = (call("toUnixTimestamp64Micro", self.instant(at)) for at in (EARLIEST_AT, LATEST_AT))
        is_in_range = exp.Between(this=utc, low=low, high=high)
        instant = call("fromUnixTimestamp64Micro", utc.copy(), text("UTC"))
        return if_(place.is_text_like(text_forms.INSTANT), if_(is_in_range, instant))


CLICKHOUSE = ClickHouse()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a JSON value stands: some keys down in a document."""

    document: exp.Expr
    keys: tuple[str, ...] = ()

    def read(self, function: str) -> exp.Expr:
        """What a JSON function says of it."""
        return call(function, self.document.copy(), *(text(key) for key in self.keys))

    def is_type(self, *names: str) -> exp.Expr:
        """Whether it has one of the types of JSONType; a value that is missing has the type Null."""
        return is_any_of(self.read("JSONType"), [text(name) for name in names])

    def is_number(self) -> exp.Expr:
        """Whether it is a number."""
        return self.is_type("Int64", "UInt64", "Double")

    def is_text_like(self, pattern: str) -> exp.Expr:
        """Whether it is a text of that form."""
        return all_of([self.is_type("String"), call("match", self.read("JSONExtractString"), text(f"^{pattern}$"))])


def _place(document: exp.Expr, path: Sequence[str]) -> _Place:
    """A number is the place in an array from 1, and that of a member in an object: so objects are asked for the key."""
    place = _Place(document)
    for step in path:
        index = place_of(step)
        if index is None:
            place = _Place(place.document, (*place.keys, step))
        else:
            # Named by a lambda, so that no part of the path is written twice.
            outer = _Place(exp.column("step"))
            element = call("JSONExtractRaw", exp.column("step"), integer(index + 1))
            member = call("JSONExtractRaw", exp.column("step"), text(step))
            either = call("if", outer.is_type("Array"), element, member)
            read = exp.Lambda(this=either, expressions=[exp.to_identifier("step")])
            inner = call("arrayMap", read, exp.Array(expressions=[place.read("JSONExtractRaw")]))
            place = _Place(call("arrayElement", inner, integer(1)))
    return place


def _signed(offset: exp.Expr, at: int) -> exp.Expr:
    """Two digits of an offset such as -09:30, with its sign; 0 for a text that is none."""
    sign, digits = (
        call("substring", offset.copy(), integer(place), integer(length)) for place, length in ((1, 1), (at, 2))
    )
    number = call("toInt64OrZero", call("concat", sign, digits))
    return call("if", call("match", offset.copy(), text("^[+-]")), number, integer(0))


def _some_element(array: exp.Expr, is_wanted: Callable[[_Place], exp.Expr]) -> exp.Expr:
    elements = call("JSONExtractArrayRaw", exp.Coalesce(this=array.copy(), expressions=[text("")]))
    test = exp.Lambda(this=is_wanted(_Place(exp.column("element"))), expressions=[exp.to_identifier("element")])
    return call("arrayExists", test, elements)


def _with_short_names(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Select):
        node.set("expressions", [_with_short_name(item) for item in node.expressions])
    return node


def _with_short_name(item: exp.Expr) -> exp.Expr:
    if isinstance(item, exp.Column) and item.table and not isinstance(item.this, exp.Star):
        return exp.alias_(item, item.this.copy())
    return item
