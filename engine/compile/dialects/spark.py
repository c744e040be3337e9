"""Apache Spark 4 or newer: JSON is read as VARIANT."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from sqlglot import exp

from engine.compile.dialects import text_forms
from engine.compile.dialects.case import TRANSLATED_FROM, TRANSLATED_TO, check_foldable
from engine.compile.dialects.column_type import ColumnType
from engine.compile.dialects.dialect import Dialect, utc_text
from engine.compile.dialects.json_path import place_of
from engine.compile.sql import all_of, any_of, call, double, if_, integer, is_any_of, text
from engine.definition.fields import FieldType
from engine.definition.vocabulary import GOAL_VALUE_DECIMALS, MAX_GOAL_VALUE
from engine.plan.zones import EARLIEST_AT, LATEST_AT

_PLAIN_KEY = re.compile(r"""[^\s'"?\[\]\\.]+""")
_EXACT_CHARACTERS = 17


class Spark(Dialect):
    """Spark: documents are text, instants TIMESTAMP_NTZ in UTC; it works with ANSI mode and without."""

    name = "spark"
    column_types = MappingProxyType(
        {
            ColumnType.INTEGER: "INT",
            ColumnType.TEXT: "STRING",
            ColumnType.NUMBER: "DOUBLE",
            ColumnType.DECIMAL: f"DECIMAL(38, {GOAL_VALUE_DECIMALS})",
            ColumnType.INSTANT: "TIMESTAMP_NTZ",
            ColumnType.DATE: "DATE",
            ColumnType.BOOLEAN: "BOOLEAN",
            ColumnType.JSON: "STRING",
            ColumnType.TEXTS: "ARRAY<STRING>",
        }
    )

    def table_options(self, key: Sequence[str]) -> str:
        """Files of Parquet."""
        return " USING parquet"

    def sql(self, tree: exp.Expr, *, pretty: bool = False) -> str:
        """The text of a tree. Spark would substitute variables such as ${name} in literals, too: none is left in it."""
        return super().sql(tree.transform(_without_variables), pretty=pretty)

    def comment(self, line: str) -> str:
        """A line of a comment, in which variables would be substituted as well."""
        return line.replace("${", "$ {")

    def given(self, value: exp.Expr, use: Callable[[exp.Expr], exp.Expr], *, is_short: bool) -> exp.Expr:
        """A lambda over an array of one value."""
        if is_short:
            return use(value)
        read = exp.Lambda(this=use(exp.column("given")), expressions=[exp.to_identifier("given")])
        return call("element_at", call("transform", exp.Array(expressions=[value]), read), integer(1))

    def instant(self, at: datetime) -> exp.Expr:
        """A TIMESTAMP without time zone, so that the session's does not matter."""
        return exp.cast(text(utc_text(at)), "timestampntz")

    def no_instant(self) -> exp.Expr:
        """NULL as an instant."""
        return exp.cast(exp.Null(), "timestampntz")

    def midnight(self, day: exp.Expr) -> exp.Expr:
        """A day as the instant of its midnight in UTC."""
        return exp.cast(day, "timestampntz")

    def day_after(self, at: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        """The day of the instant so many seconds later."""
        return exp.cast(exp.Add(this=at, expression=_seconds(seconds)), "date")

    def microseconds(self, at: exp.Expr) -> exp.Expr:
        """An instant as microseconds since 1970: the interval from there, in parts of one microsecond."""
        since = exp.Paren(this=exp.Sub(this=at, expression=self.instant(datetime(1970, 1, 1, tzinfo=UTC))))
        return exp.IntDiv(this=since, expression=_seconds(exp.Literal.number("0.000001")))

    def no_text(self) -> exp.Expr:
        """NULL as a text."""
        return exp.cast(exp.Null(), "text")

    def folded(self, value: exp.Expr) -> exp.Expr:
        """`lower`, after the letters that it treats otherwise."""
        return call("lower", call("translate", value, text(TRANSLATED_FROM), text(TRANSLATED_TO)))

    def check_folded(self, folded_text: str) -> None:
        """Refuse letters that only newer versions of Unicode map."""
        check_foldable(folded_text, self.name)

    def contains(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text holds another one."""
        return call("contains", value, part)

    def starts_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text begins with another one."""
        return call("startswith", value, part)

    def ends_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text ends with another one."""
        return call("endswith", value, part)

    def has_any(self, array: exp.Expr, texts: Sequence[exp.Expr]) -> exp.Expr:
        """Whether one of the texts is an element of an array of texts."""
        return call("arrays_overlap", array, exp.Array(expressions=list(texts)))

    def json_value(self, document: exp.Expr, path: Sequence[str], as_type: FieldType) -> exp.Expr:
        """The value at the path; NULL if it is missing or of another type."""
        node = _node(call("try_parse_json", document.copy()), path)
        match as_type:
            case FieldType.STRING:
                return if_(_is_type(node, "STRING"), _as(node, "string"))
            case FieldType.NUMBER:
                return if_(_is_number(node), _as(node, "double"))
            case FieldType.TIME:
                return self._instant(node)
            case FieldType.BOOLEAN:
                return if_(_is_type(node, "BOOLEAN"), _as(node, "boolean"))
            case FieldType.DATE:
                day = exp.TryCast(this=_as(node, "string"), to=exp.DataType.build("date"))
                return if_(_is_text_like(node, text_forms.DATE), day)
            case FieldType.JSON:
                return if_(exp.Not(this=_is_type(node, "VOID")), node)

    def json_decimal(self, document: exp.Expr, path: Sequence[str]) -> exp.Expr:
        """A number at the path, exact and rounded; with more digits than a double has, as the double that it is."""
        node = _node(call("try_parse_json", document.copy()), path)
        written = _as(node, "string")
        is_exact = any_of(
            [
                _is_type(node, "BIGINT"),
                exp.LTE(this=call("length", written), expression=integer(_EXACT_CHARACTERS)),
            ]
        )
        shortest = exp.cast(_as(node, "double"), "text")
        numeral = if_(is_exact, written.copy(), shortest)
        number = exp.TryCast(this=numeral, to=exp.DataType.build(f"DECIMAL(38, {GOAL_VALUE_DECIMALS})"))
        is_small = exp.LT(this=exp.Abs(this=number), expression=self.decimal(Decimal(MAX_GOAL_VALUE)))
        return if_(_is_number(node), if_(is_small, number.copy()))

    def array_has_text(self, array: exp.Expr, texts: Sequence[str]) -> exp.Expr:
        """Whether one of the texts is an element of the JSON array; NULL for what is no array."""
        wanted = [text(item) for item in texts]
        return _some_element(
            array, lambda element: if_(_is_type(element, "STRING"), is_any_of(_as(element, "string"), wanted))
        )

    def array_has_number(self, array: exp.Expr, numbers: Sequence[float]) -> exp.Expr:
        """Whether one of the numbers is an element of the JSON array; NULL for what is no array."""
        wanted = [double(number) for number in numbers]
        return _some_element(array, lambda element: if_(_is_number(element), is_any_of(_as(element, "double"), wanted)))

    def rows_of(self, array: Sequence[exp.Expr]) -> exp.Expr:
        """One row for each element."""
        return call("explode", exp.Array(expressions=list(array)))

    def _instant(self, node: exp.Expr) -> exp.Expr:
        """A text that is an RFC 3339 instant of the years 1 to 9999: its local time less its offset."""
        written = _as(node, "string")
        no_zone = call("regexp_replace", written, text(rf"([Zz]|{text_forms.OFFSET})$"), text(""))
        clock = call("substring", no_zone, integer(12), integer(text_forms.MICROSECOND_CHARACTERS - 11))
        day = call("left", written.copy(), integer(10))
        local = exp.TryCast(this=call("concat", day, text(" "), clock), to=exp.DataType.build("timestampntz"))
        last = call("right", written.copy(), integer(6))
        offset = call("make_dt_interval", integer(0), _signed(last, 2), _signed(last, 5), integer(0))
        utc = exp.Sub(this=local, expression=offset)
        is_in_range = exp.Between(this=utc, low=self.instant(EARLIEST_AT), high=self.instant(LATEST_AT))
        return if_(_is_text_like(node, text_forms.INSTANT), if_(is_in_range, utc.copy()))


SPARK = Spark()


def _seconds(count: exp.Expr) -> exp.Expr:
    return call("make_dt_interval", integer(0), integer(0), integer(0), count)


def _without_variables(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Literal) and node.is_string and "${" in node.this:
        parts = node.this.split("${")
        pieces = [text("$"), *(piece for part in parts[1:] for piece in (text(f"{{{part}"), text("$")))][:-1]
        return call("concat", text(parts[0]), *pieces)
    return node


def _node(document: exp.Expr, path: Sequence[str]) -> exp.Expr:
    """The variant at the path; NULL if it is missing. A step that is a place in an array may be a key, too."""
    node = document
    for step in path:
        place = place_of(step)
        if place is None:
            node = _member(node, step)
        else:
            # Named by a lambda, so that no part of the path is written twice.
            outer = exp.column("step")
            index = call("try_variant_get", outer.copy(), text(f"$[{place}]"), text("variant"))
            either = exp.Coalesce(this=_member(outer, step), expressions=[index])
            read = exp.Lambda(this=either, expressions=[exp.to_identifier("step")])
            node = call("element_at", call("transform", exp.Array(expressions=[node]), read), integer(1))
    return node


def _member(node: exp.Expr, key: str) -> exp.Expr:
    """The value of a key. Paths have no way to quote quotation marks and the like, maps have no need to."""
    if _PLAIN_KEY.fullmatch(key):
        return call("try_variant_get", node, text(f'$["{key}"]'), text("variant"))
    return call("try_element_at", call("try_variant_get", node, text("$"), text("map<string, variant>")), text(key))


def _as(node: exp.Expr, kind: str) -> exp.Expr:
    return call("try_variant_get", node.copy(), text("$"), text(kind))


def _is_type(node: exp.Expr, name: str) -> exp.Expr:
    return exp.EQ(this=call("schema_of_variant", node.copy()), expression=text(name))


def _is_number(node: exp.Expr) -> exp.Expr:
    return exp.RegexpLike(
        this=call("schema_of_variant", node.copy()), expression=text("^(BIGINT|DOUBLE|DECIMAL[(].*)$")
    )


def _is_text_like(node: exp.Expr, pattern: str) -> exp.Expr:
    # \z: in Java, $ also matches before a line break at the end.
    is_like = exp.RegexpLike(this=_as(node, "string"), expression=text(rf"^{pattern}\z"))
    return all_of([_is_type(node, "STRING"), is_like])


def _signed(offset: exp.Expr, at: int) -> exp.Expr:
    """Two digits of an offset such as -09:30, with its sign; 0 for a text that is none."""
    digits = call(
        "concat", call("left", offset.copy(), integer(1)), call("substring", offset.copy(), integer(at), integer(2))
    )
    number = exp.TryCast(this=digits, to=exp.DataType.build("int"))
    is_offset = exp.RegexpLike(this=offset.copy(), expression=text("^[+-]"))
    return if_(is_offset, number, integer(0))


def _some_element(array: exp.Expr, is_wanted: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    elements = call("try_variant_get", array.copy(), text("$"), text("array<variant>"))
    test = exp.Coalesce(this=is_wanted(exp.column("element")), expressions=[exp.false()])
    return call("exists", elements, exp.Lambda(this=test, expressions=[exp.to_identifier("element")]))
