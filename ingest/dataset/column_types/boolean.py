"""Columns that are true or false."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.values.refused import RefusedValueError


@dataclass(frozen=True, slots=True)
class Boolean(ColumnType):
    """true or false; in CSV also 1 or 0, in upper or lower case."""

    wanted: ClassVar[str] = "true or false"
    wanted_in_parquet: ClassVar[str] = "bool"
    stored: ClassVar[pl.DataType] = pl.Boolean()
    json_types: ClassVar[frozenset[type]] = frozenset({bool})

    def parquet_problem(self, given: pa.DataType) -> str | None:
        """None for bool, and for a column of nothing but nulls."""
        if pa.types.is_boolean(given) or pa.types.is_null(given):
            return None
        return f"is {given}, but must be {self.wanted_in_parquet}"

    def raw_from_parquet(self, array: pa.Array[Any]) -> pl.Series:
        """A Boolean column."""
        return pl.Series(pl.from_arrow(array))

    def raw_from_json(self, values: list[object]) -> pl.Series:
        """A Boolean column. Raises: TypeError for any other JSON value."""
        if not set(map(type, values)) <= {bool, NoneType}:
            raise TypeError
        return pl.Series(values, dtype=pl.Boolean)

    def convert(self, raw: pl.Series) -> Conversion:
        """A Boolean column of a Boolean or a text column. Rows: one per raw value."""
        if raw.dtype == pl.Boolean:
            return Conversion(raw, {})
        lowered = raw.str.to_lowercase()
        return settle(raw, lowered.is_in(["true", "1"]), lowered.is_in(["true", "1", "false", "0"]), _refuse)


def _refuse(_value: str) -> str:
    """Raises: RefusedValueError, always."""
    raise RefusedValueError("is not a boolean; write true or false")
