"""DuckDB: the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from types import MappingProxyType

from sqlglot import exp

from engine.compile.dialects.column_type import ColumnType
from engine.compile.dialects.dialect import Dialect
from engine.compile.sql import call, double, if_, text
from engine.definition.fields import FieldType
from engine.definition.vocabulary import GOAL_VALUE_DECIMALS, MAX_GOAL_VALUE
from engine.plan.zones import EARLIEST_AT, LATEST_AT

_BOOLEANS = {"true": exp.true(), "false": exp.false()}
_DATE_PATTERN = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
_INSTANT_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)


class DuckDb(Dialect):
    """DuckDB 2."""

    name = "duckdb"
    has_asof_joins = True
    column_types = MappingProxyType(
        {
            ColumnType.INTEGER: "INTEGER",
            ColumnType.TEXT: "VARCHAR",
            ColumnType.NUMBER: "DOUBLE",
            ColumnType.DECIMAL: f"DECIMAL(38, {GOAL_VALUE_DECIMALS})",
            ColumnType.INSTANT: "TIMESTAMP",
            ColumnType.DATE: "DATE",
            ColumnType.BOOLEAN: "BOOLEAN",
            ColumnType.JSON: "VARCHAR",
            ColumnType.TEXTS: "VARCHAR[]",
        }
    )

    def day_after(self, at: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        """The day of the instant that lies so many seconds after another one."""
        return exp.cast(exp.Add(this=at.copy(), expression=call("to_seconds", seconds)), "date")

    def microseconds(self, at: exp.Expr) -> exp.Expr:
        """An instant as microseconds since 1970."""
        return call("epoch_us", at)

    def folded(self, value: exp.Expr) -> exp.Expr:
        """`lower` maps every code point to one, in no locale."""
        return call("lower", value)

    def contains(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text holds another one."""
        return call("contains", value, part)

    def starts_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text begins with another one."""
        return call("starts_with", value, part)

    def ends_with(self, value: exp.Expr, part: exp.Expr) -> exp.Expr:
        """Whether a text ends with another one."""
        return call("ends_with", value, part)

    def has_any(self, array: exp.Expr, texts: Sequence[exp.Expr]) -> exp.Expr:
        """Whether one of the texts is an element of an array of texts."""
        if len(texts) == 1:
            return call("list_contains", array, texts[0])
        return call("list_has_any", array, exp.Array(expressions=list(texts)))

    def json_value(self, document: exp.Expr, path: Sequence[str], as_type: FieldType) -> exp.Expr:
        """The value at the path, in the SQL type of `as_type`; NULL if it is missing or of another type."""
        pointer = _pointer(path)
        match as_type:
            case FieldType.STRING:
                return if_(_is_text(document, pointer), _text_at(document, pointer))
            case FieldType.NUMBER:
                return exp.TryCast(this=_json_at(document, pointer), to=exp.DataType.build("double"))
            case FieldType.TIME:
                return _instant_at(document, pointer)
            case FieldType.BOOLEAN:
                booleans = [exp.If(this=text(name), true=value) for name, value in _BOOLEANS.items()]
                return exp.Case(this=_json_at(document, pointer), ifs=[item.copy() for item in booleans])
            case FieldType.DATE:
                return _date_at(document, pointer)
            case FieldType.JSON:
                # JSON null is no value: its text is NULL, while the text of any other value is not.
                is_value = exp.Not(this=exp.Is(this=_text_at(document, pointer), expression=exp.Null()))
                return exp.Case(ifs=[exp.If(this=is_value, true=_at("json_extract", document, pointer))])

    def json_text_test(self, document: exp.Expr, path: Sequence[str], test: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
        """A test of the text at the path. Its type, a second look at the document, is asked of what passes alone."""
        pointer = _pointer(path)
        return exp.and_(test(_text_at(document, pointer)), _is_text(document, pointer), copy=False)

    def json_array(self, document: exp.Expr, path: Sequence[str]) -> exp.Expr:
        """The value at the path, JSON null too."""
        return _at("json_extract", document, _pointer(path))

    def json_decimal(self, document: exp.Expr, path: Sequence[str]) -> exp.Expr:
        """A number at the path, exact and rounded to the decimals of goal values; NULL if missing, or too large."""
        pointer = _pointer(path)
        kind = exp.DataType.build(f"DECIMAL(38, {GOAL_VALUE_DECIMALS})")
        number = exp.TryCast(this=_json_at(document, pointer), to=kind)
        is_small = exp.LT(this=exp.Abs(this=number), expression=self.decimal(Decimal(MAX_GOAL_VALUE)))
        return exp.Case(ifs=[exp.If(this=is_small, true=number.copy())])

    def different_values(self, document: exp.Expr, path: Sequence[str]) -> list[exp.Expr]:
        """Texts behind a quotation mark, numbers as they are written shortest, and -0 as 0: one set, not two."""
        pointer = _pointer(path)
        marked_text = exp.DPipe(this=text('"'), expression=_text_at(document, pointer))
        number = exp.Add(this=self.json_value(document, path, FieldType.NUMBER), expression=double(0.0))
        return [if_(_is_text(document, pointer), marked_text, exp.cast(number, "varchar"))]

    def array_has_text(self, array: exp.Expr, texts: Sequence[str]) -> exp.Expr:
        """Whether one of the texts is an element of the JSON array; NULL or false for what is no array.

        Elements are compared as DuckDB writes JSON, in which a text has one spelling.
        """
        elements, wanted = _at("json_extract", array, "$[*]"), [call("to_json", text(value)) for value in texts]
        if len(wanted) == 1:
            return call("list_contains", elements, wanted[0])
        return call("list_has_any", elements, exp.Array(expressions=wanted))

    def array_has_number(self, array: exp.Expr, numbers: Sequence[float]) -> exp.Expr:
        """Whether one of the numbers is an element of the JSON array; NULL for what is no array."""
        elements = exp.TryCast(this=array.copy(), to=exp.DataType.build("JSON[]", dialect="duckdb"))
        element = exp.to_identifier("element")
        number = self.json_value(exp.Column(this=element), (), FieldType.NUMBER)
        read = call("list_transform", elements, exp.Lambda(this=number, expressions=[element.copy()]))
        return call("list_has_any", read, exp.Array(expressions=[double(value) for value in numbers]))

    def rows_of(self, array: Sequence[exp.Expr]) -> exp.Expr:
        """One row for each element."""
        return call("unnest", exp.Array(expressions=list(array)))


class PreparedDuckDb(DuckDb):
    """The same for statements that are prepared: they say the same at every instant, but for the instants."""

    rounds_edges = False


DUCKDB = DuckDb()
PREPARED_DUCKDB = PreparedDuckDb()


def _pointer(path: Sequence[str]) -> str:
    """A path as JSON pointer: digits index arrays and name keys of objects. Source: RFC 6901."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _instant_at(document: exp.Expr, pointer: str) -> exp.Expr:
    """A text that is an RFC 3339 instant of the years 1 to 9999, as UTC TIMESTAMP.

    The pattern refuses what the cast would accept: no zone, hour 24. Upper case, because the cast knows no `t` or `z`.
    """
    matches = call("regexp_full_match", _text_at(document, pointer), text(_INSTANT_PATTERN))
    is_instant = exp.and_(_is_text(document, pointer), matches)
    is_in_range = exp.Between(
        this=_utc(document, pointer), low=DUCKDB.instant(EARLIEST_AT), high=DUCKDB.instant(LATEST_AT)
    )
    in_range = exp.Case(ifs=[exp.If(this=is_in_range, true=_utc(document, pointer))])
    return exp.Case(ifs=[exp.If(this=is_instant, true=in_range)])


def _date_at(document: exp.Expr, pointer: str) -> exp.Expr:
    """A text that is a day of the years 1 to 9999, as DATE. The cast would accept other spellings, and year 0."""
    matches = call("regexp_full_match", _text_at(document, pointer), text(_DATE_PATTERN))
    is_date = exp.and_(_is_text(document, pointer), matches)
    date = exp.TryCast(this=_text_at(document, pointer), to=exp.DataType.build("date"))
    return exp.Case(ifs=[exp.If(this=is_date, true=date)])


def _utc(document: exp.Expr, pointer: str) -> exp.Expr:
    aware = exp.TryCast(this=call("upper", _text_at(document, pointer)), to=exp.DataType.build("timestamptz"))
    return exp.AtTimeZone(this=aware, zone=text("UTC"))


def _at(function: str, document: exp.Expr, pointer: str) -> exp.Expr:
    return call(function, document.copy(), text(pointer))


def _json_at(document: exp.Expr, pointer: str) -> exp.Expr:
    """The value as it is written: a text in quotation marks, so that no cast takes it for a number. One parse."""
    return exp.cast(_at("json_extract", document, pointer), "varchar")


def _text_at(document: exp.Expr, pointer: str) -> exp.Expr:
    return _at("json_extract_string", document, pointer)


def _is_text(document: exp.Expr, pointer: str) -> exp.Expr:
    return exp.EQ(this=_at("json_type", document, pointer), expression=text("VARCHAR"))
