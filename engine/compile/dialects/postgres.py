"""PostgreSQL 12 or newer, with ICU and the encoding UTF8."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import MappingProxyType

from sqlglot import exp

from engine.compile.dialects import text_forms
from engine.compile.dialects.case import TRANSLATED_FROM, TRANSLATED_TO, check_foldable
from engine.compile.dialects.column_type import ColumnType
from engine.compile.dialects.dialect import Dialect
from engine.compile.sql import all_of, call, column, double, if_, integer, is_any_of, named, text
from engine.definition.fields import FieldType
from engine.definition.vocabulary import GOAL_VALUE_DECIMALS, MAX_GOAL_VALUE
from engine.plan.zones import EARLIEST_AT, LATEST_AT

_LOOKS_LIKE_A_PLACE = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")
_PLACE = re.compile(r"0|[1-9][0-9]*")


class Postgres(Dialect):
    """PostgreSQL: documents are JSONB, or text that is cast to it; instants are TIMESTAMP in UTC."""

    name = "postgres"
    max_columns = 1600
    column_types = MappingProxyType(
        {
            ColumnType.INTEGER: "INTEGER",
            ColumnType.TEXT: "TEXT",
            ColumnType.NUMBER: "DOUBLE PRECISION",
            ColumnType.DECIMAL: f"NUMERIC(38, {GOAL_VALUE_DECIMALS})",
            ColumnType.INSTANT: "TIMESTAMP",
            ColumnType.DATE: "DATE",
            ColumnType.BOOLEAN: "BOOLEAN",
            ColumnType.JSON: "JSONB",
            ColumnType.TEXTS: "TEXT[]",
        }
    )

    def given(self, value: exp.Expr, use: Callable[[exp.Expr], exp.Expr], *, is_short: bool) -> exp.Expr:
        """A subquery of one row; OFFSET keeps the planner from putting the value back where it is used."""
        if is_short:
            return use(value)
        source = exp.select(named(value, "value")).offset(0).subquery("given")
        return exp.select(named(use(column("value", "given")), "answer")).from_(source).subquery()

    def day_after(self, at: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        """The day of the instant so many seconds later."""
        return exp.cast(exp.Add(this=at, expression=_seconds(seconds)), "date")

    def microseconds(self, at: exp.Expr) -> exp.Expr:
        """An instant as microseconds since 1970; an epoch is an exact decimal."""
        epoch = exp.Extract(this=exp.var("epoch"), expression=at)
        return exp.cast(exp.Mul(this=epoch, expression=integer(1_000_000)), "bigint")

    def sortable(self, value: exp.Expr) -> exp.Expr:
        """The collation "C" sorts UTF-8 by its bytes, which is by code point."""
        return _collated(value, "C")

    def folded(self, value: exp.Expr) -> exp.Expr:
        """`lower` of ICU's root locale, after the letters that it treats otherwise."""
        translated = call("translate", value, text(TRANSLATED_FROM), text(TRANSLATED_TO))
        return call("lower", _collated(translated, "und-x-icu"))

    def check_folded(self, folded_text: str) -> None:
        """Refuse letters that only newer versions of ICU map."""
        check_foldable(folded_text, self.name)

    def contains(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text holds another one."""
        return exp.GT(this=call("strpos", value, part), expression=integer(0))

    def starts_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text begins with another one."""
        return call("starts_with", value, part)

    def ends_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text ends with another one."""
        return exp.EQ(this=call("right", value, call("length", part)), expression=part.copy())

    def has_any(self, array: exp.Expr, texts: Sequence[exp.Expr]) -> exp.Expr:
        """Whether one of the texts is an element of an array of texts."""
        return exp.ArrayOverlaps(this=array, expression=_text_array(texts))

    def json_value(self, document: exp.Expr, path: Sequence[str], as_type: FieldType) -> exp.Expr:
        """The value at the path; NULL if it is missing or of another type."""
        node = _node(document, path)
        match as_type:
            case FieldType.STRING:
                return if_(_is_type(node, "string"), _text(node))
            case FieldType.NUMBER:
                return if_(_is_type(node, "number"), exp.cast(_text(node), "double"))
            case FieldType.TIME:
                return self._instant(node)
            case FieldType.BOOLEAN:
                return if_(_is_type(node, "boolean"), exp.EQ(this=_text(node), expression=text("true")))
            case FieldType.DATE:
                return if_(_is_text_like(node, text_forms.DATE), exp.cast(_text(node), "date"))
            case FieldType.JSON:
                return if_(exp.Not(this=_is_type(node, "null")), node)

    def json_decimal(self, document: exp.Expr, path: Sequence[str]) -> exp.Expr:
        """A number at the path, exact and rounded; one with decimals as the double that it is."""
        node = _node(document, path)
        has_decimals = self.contains(_text(node), text("."))
        shortest = exp.cast(exp.cast(exp.cast(_text(node), "double"), "text"), "decimal")
        number = if_(has_decimals, shortest, exp.cast(_text(node), "decimal"))
        rounded = call("round", number, integer(GOAL_VALUE_DECIMALS))
        is_small = exp.LT(this=call("abs", rounded), expression=self.decimal(Decimal(MAX_GOAL_VALUE)))
        return if_(_is_type(node, "number"), if_(is_small, rounded.copy()))

    def array_has_text(self, array: exp.Expr, texts: Sequence[str]) -> exp.Expr:
        """Whether one of the texts is an element of the JSON array."""
        return _some_element(array, "string", lambda value: is_any_of(value, [text(item) for item in texts]))

    def array_has_number(self, array: exp.Expr, numbers: Sequence[float]) -> exp.Expr:
        """Whether one of the numbers is an element of the JSON array."""
        wanted = [double(number) for number in numbers]
        return _some_element(array, "number", lambda value: is_any_of(exp.cast(value, "double"), wanted))

    def rows_of(self, array: Sequence[exp.Expr]) -> exp.Expr:
        """One row for each element."""
        return call("unnest", _text_array(array))

    def _instant(self, node: exp.Expr) -> exp.Expr:
        """A text that is an RFC 3339 instant of the years 1 to 9999: its local time less its offset."""
        written = _text(node)
        no_zone = call("regexp_replace", written, text(rf"([Zz]|{text_forms.OFFSET})$"), text(""))
        clock = call("substr", no_zone, integer(12), integer(text_forms.MICROSECOND_CHARACTERS - 11))
        day = call("left", written.copy(), integer(10))
        local = exp.cast(call("concat", day, text(" "), clock), "timestamp")
        last = call("right", written.copy(), integer(6))
        has_offset = exp.RegexpLike(this=last, expression=text("^[+-]"))
        offset = if_(has_offset, exp.cast(last.copy(), "interval"), exp.cast(text("0"), "interval"))
        utc = exp.Sub(this=local, expression=offset)
        is_in_range = exp.Between(this=utc, low=self.instant(EARLIEST_AT), high=self.instant(LATEST_AT))
        return if_(_is_text_like(node, text_forms.INSTANT), if_(is_in_range, utc.copy()))


POSTGRES = Postgres()


def _seconds(count: exp.Expr) -> exp.Expr:
    return call("make_interval", integer(0), integer(0), integer(0), integer(0), integer(0), integer(0), count)


def _collated(value: exp.Expr, collation: str) -> exp.Expr:
    return exp.Collate(this=value, expression=exp.to_identifier(collation, quoted=True))


def _text_array(texts: Sequence[exp.Expr]) -> exp.Expr:
    return exp.Array(expressions=list(texts))


def _node(document: exp.Expr, path: Sequence[str]) -> exp.Expr:
    """The JSON value at the path. What PostgreSQL too takes for a place in an array, as `01` and `-1`, is a key."""
    node: exp.Expr = exp.cast(document.copy(), "jsonb")
    run: list[str] = []
    for step in path:
        if _LOOKS_LIKE_A_PLACE.fullmatch(step) and not _PLACE.fullmatch(step):
            node = call("jsonb_object_field", _walked(node, run), text(step))
            run = []
        else:
            run.append(step)
    return _walked(node, run)


def _walked(node: exp.Expr, steps: Sequence[str]) -> exp.Expr:
    return call("jsonb_extract_path", node, *(text(step) for step in steps)) if steps else node


def _text(node: exp.Expr) -> exp.Expr:
    """The value as text, strings without their quotes."""
    return exp.JSONBExtractScalar(this=node.copy(), expression=text("{}"))


def _is_type(node: exp.Expr, name: str) -> exp.Expr:
    return exp.EQ(this=call("jsonb_typeof", node.copy()), expression=text(name))


def _is_text_like(node: exp.Expr, pattern: str) -> exp.Expr:
    return all_of([_is_type(node, "string"), exp.RegexpLike(this=_text(node), expression=text(f"^{pattern}$"))])


def _some_element(array: exp.Expr, name: str, is_wanted: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Whether an element of that type, as text, is wanted. CASE, because AND may look at its right side first."""
    is_array = _is_type(array, "array")
    elements = if_(is_array, array.copy(), exp.cast(text("[]"), "jsonb"))
    element = exp.column("value", table="element")
    alias = exp.TableAlias(this=exp.to_identifier("element"), columns=[exp.to_identifier("value")])
    source = exp.Table(this=call("jsonb_array_elements", elements), alias=alias)
    found = exp.select(integer(1)).from_(source).where(if_(_is_type(element, name), is_wanted(_text(element))))
    return exp.Exists(this=found)
