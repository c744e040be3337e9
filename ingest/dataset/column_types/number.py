"""Numbers: doubles to compare with, and exact decimal numerals for money."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from types import NoneType
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from engine.definition.vocabulary import GOAL_VALUE_DECIMALS, MAX_GOAL_VALUE
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.values.refused import RefusedValueError

NUMERAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"


# With an exponent, the store reads neither many digits nor a large exponent.
ODD_NUMERAL = r"^.{20,}[eE]|[eE][+-]?[0-9]{3,}$"


class _NumberColumn(ColumnType):
    """What both kinds of number share: how they arrive."""

    __slots__ = ()
    wanted: ClassVar[str] = "a number"
    wanted_in_parquet: ClassVar[str] = "an integer, a float or a decimal"
    json_types: ClassVar[frozenset[type]] = frozenset({int, float})

    def parquet_problem(self, given: pa.DataType) -> str | None:
        """None for integers, floats and decimals, and for a column of nothing but nulls."""
        known = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
        if any(is_known(given) for is_known in known):
            return None
        return f"is {given}, but must be {self.wanted_in_parquet}"

    def raw_from_parquet(self, array: pa.Array[Any]) -> pl.Series:
        """A numeric column; of decimals the column of their numerals, which loses no digit."""
        if pa.types.is_decimal(array.type):
            array = array.cast(pa.large_string())
        elif pa.types.is_float16(array.type):
            array = array.cast(pa.float32())
        return pl.Series(pl.from_arrow(array))


@dataclass(frozen=True, slots=True)
class Number(_NumberColumn):
    """A finite double."""

    stored: ClassVar[pl.DataType] = pl.Float64()

    def raw_from_json(self, values: list[object]) -> pl.Series:
        """A Float64 column. Raises: TypeError for what is no JSON number."""
        if not set(map(type, values)) <= {int, float, NoneType}:
            raise TypeError
        return pl.Series(values, dtype=pl.Float64)

    def convert(self, raw: pl.Series) -> Conversion:
        """Doubles of a numeric column or of a column of numerals. Rows: one per raw value."""
        values = raw.cast(pl.Float64, strict=False)
        accepted = values.is_finite()
        if raw.dtype == pl.String:
            accepted &= raw.str.contains(f"^{NUMERAL}$")
        return settle(raw, values, accepted, _refuse_number)


@dataclass(frozen=True, slots=True)
class ExactNumber(_NumberColumn):
    """A number between -1e20 and 1e20 (both excluded), stored as its decimal numeral so that no digit is lost.

    A numeral in a file stays as it is written; a double becomes the shortest numeral that reads back as that double.
    """

    def raw_from_json(self, values: list[object]) -> pl.Series:
        """A column of numerals. Raises: TypeError for what is no JSON number."""
        if not set(map(type, values)) <= {int, float, NoneType}:
            raise TypeError
        return pl.Series([None if value is None else repr(value) for value in values], dtype=pl.String)

    def convert(self, raw: pl.Series) -> Conversion:
        """Numerals of a numeric column or of a column of numerals. Rows: one per raw value."""
        rounded = raw.cast(pl.Float64, strict=False)
        accepted = rounded.is_finite() & (rounded.abs() < MAX_GOAL_VALUE)
        if raw.dtype == pl.String:
            accepted &= raw.str.contains(f"^{NUMERAL}$")
            accepted &= ~raw.str.contains(ODD_NUMERAL)
        return settle(raw, raw.cast(pl.String), accepted, _numeral_at_the_limit)


def _numeral_at_the_limit(value: str | float) -> str:
    """The numeral, if it is only its rounding to a double that reached the limit. Raises: RefusedValueError."""
    if isinstance(value, str) and re.fullmatch(NUMERAL, value):
        if abs(Decimal(value)) < MAX_GOAL_VALUE:
            return _rounded(Decimal(value)) if "e" in value.lower() else value
        raise RefusedValueError("is too large; it must be between -1e20 and 1e20")
    if isinstance(value, str) or value - value != 0:  # infinity and NaN do not cancel out
        return _refuse_number(value)
    raise RefusedValueError("is too large; it must be between -1e20 and 1e20")


def _rounded(value: Decimal) -> str:
    """The numeral with as many decimals as goal values have, halves away from zero, and no exponent."""
    smallest = Decimal(1).scaleb(-GOAL_VALUE_DECIMALS)
    return f"{value.quantize(smallest, ROUND_HALF_UP, Context(prec=40)):f}"


def _refuse_number(value: str | float) -> str:
    """Raises: RefusedValueError, always."""
    if isinstance(value, str) and not re.fullmatch(NUMERAL, value):
        raise RefusedValueError("is not a finite number; write it like 12.5 or 1.25e3")
    raise RefusedValueError("is not a finite number; leave it out where there is none")
