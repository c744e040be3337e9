"""Dates: days of the calendar, without a time and without a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from ingest.dataset.column_types.arrow_text import is_arrow_text, text_of_arrow
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.values.date import date
from ingest.values.refused import RefusedValueError

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, counted from 1970-01-01


@dataclass(frozen=True, slots=True)
class Date(ColumnType):
    """A day of the years 0001 to 9999: a date, or a text such as 2026-05-01."""

    wanted: ClassVar[str] = "a date in a text, such as 2026-05-01"
    wanted_in_parquet: ClassVar[str] = "a date, or text such as 2026-05-01"
    stored: ClassVar[pl.DataType] = pl.Date()

    def parquet_problem(self, given: pa.DataType) -> str | None:
        """None for a date, and for text."""
        if is_arrow_text(given) or pa.types.is_date(given):
            return None
        return f"is {given}, but must be {self.wanted_in_parquet}"

    def raw_from_parquet(self, array: pa.Array[Any]) -> pl.Series:
        """A column of days since 1970, or a text column."""
        if is_arrow_text(array.type):
            return text_of_arrow(array)
        return pl.Series(pl.from_arrow(array.cast(pa.date32()).view(pa.int32())))

    def convert(self, raw: pl.Series) -> Conversion:
        """A Date column, of days since 1970 or of a text column. Rows: one per raw value."""
        if raw.dtype == pl.Int32:
            return settle(raw, raw.cast(self.stored), raw.is_between(_FIRST_DAY, _LAST_DAY), _refuse_count)
        days = raw.str.to_date("%Y-%m-%d", strict=False)
        accepted = days.is_not_null() & raw.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$") & (days.dt.year() >= 1)
        return settle(raw, days, accepted, _refuse_text)


def _refuse_count(_count: int) -> str:
    """Raises: RefusedValueError, always."""
    raise RefusedValueError("days since 1970 are not within the years 0001 to 9999")


def _refuse_text(text: str) -> str:
    """Raises: RefusedValueError, always."""
    date(text)
    raise AssertionError(text)  # what `date` takes was accepted
