"""Instants: RFC 3339 text, or timestamps that know their time zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from ingest.dataset.column_types.arrow_text import is_arrow_text, text_of_arrow
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.values.instant import DATE, TIME, ZONE, refuse_instant
from ingest.values.refused import RefusedValueError

FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00Z
END_SECOND = 253_402_300_800  # 10000-01-01T00:00:00Z
_PER_SECOND = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_IN_UTC = rf"^{DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"


@dataclass(frozen=True, slots=True)
class Instant(ColumnType):
    """An instant of the years 0001 to 9999, in microseconds of UTC; finer fractions are cut off towards the past."""

    wanted: ClassVar[str] = "an RFC 3339 instant in a text"
    wanted_in_parquet: ClassVar[str] = "a timestamp with a time zone, or RFC 3339 text"
    stored: ClassVar[pl.DataType] = pl.Datetime("us")

    def parquet_problem(self, given: pa.DataType) -> str | None:
        """None for a timestamp with a time zone, and for text."""
        if is_arrow_text(given) or (pa.types.is_timestamp(given) and given.tz is not None):
            return None
        if pa.types.is_timestamp(given) or pa.types.is_date(given):
            return f"is {given}, which has no time zone; write a timestamp with a time zone (UTC), or RFC 3339 text"
        return f"is {given}, but must be {self.wanted_in_parquet}"

    def raw_from_parquet(self, array: pa.Array[Any]) -> pl.Series:
        """A Datetime column in UTC without a zone, or a text column."""
        if is_arrow_text(array.type):
            return text_of_arrow(array)
        if array.type.unit == "s":  # polars has no such unit
            array = array.cast(pa.timestamp("ms", array.type.tz))
        return pl.Series(pl.from_arrow(array.view(pa.timestamp(array.type.unit))))

    def convert(self, raw: pl.Series) -> Conversion:
        """Microseconds of UTC, of a Datetime or of a text column. Rows: one per raw value."""
        if isinstance(raw.dtype, pl.Datetime):
            return _of_timestamps(raw.to_physical(), _PER_SECOND[raw.dtype.time_unit])
        microseconds = _of_utc_text(raw) if raw.str.contains(_IN_UTC).all() else _of_text(raw)
        accepted = microseconds.is_between(FIRST_SECOND * 10**6, END_SECOND * 10**6, closed="left")
        return settle(raw, microseconds.cast(self.stored), accepted, refuse_instant)


def _of_timestamps(counts: pl.Series, per_second: int) -> Conversion:
    """Instants of counts since 1970 in the unit that goes `per_second` into a second."""
    first, last = FIRST_SECOND * per_second, END_SECOND * per_second - 1
    accepted = counts.is_between(max(first, -(2**63)), min(last, 2**63 - 1))  # nanoseconds end in the year 2262
    microseconds = counts // 1_000 if per_second == _PER_SECOND["ns"] else counts * (10**6 // per_second)
    return settle(counts, microseconds.cast(pl.Datetime("us")), accepted, _refuse_count)


def _of_utc_text(text: pl.Series) -> pl.Series:
    """Microseconds of texts like 2026-05-01T10:00:00Z, the common case; null where the calendar has no such day."""
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="us").to_physical()


def _of_text(text: pl.Series) -> pl.Series:
    """Microseconds of RFC 3339 texts; null where a text is none."""
    value, zone = pl.col("value"), pl.col("value").str.tail(6)
    clock = value.str.slice(0, 10) + "T" + value.str.slice(11, 8) + "Z"
    fraction = value.str.extract(r"\.([0-9]{1,6})").str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    offset_minutes = zone.str.slice(1, 2).cast(pl.Int64) * 60 + zone.str.slice(4, 2).cast(pl.Int64)
    ahead_of_utc = pl.when(zone.str.starts_with("-")).then(-offset_minutes).otherwise(offset_minutes).fill_null(0)
    parsed = pl.DataFrame({"value": text}).select(
        value=pl.when(value.str.contains(rf"^{DATE}[Tt ]{TIME}{ZONE}$")).then(value)
    )
    parts = parsed.select(
        clock=clock,
        fraction=fraction,
        ahead_of_utc=pl.when(zone.str.contains("^[+-]")).then(ahead_of_utc).otherwise(0),
    )
    return _of_utc_text(parts["clock"]) + parts["fraction"] - parts["ahead_of_utc"] * 60_000_000


def _refuse_count(_count: int) -> str:
    """Raises: RefusedValueError, always."""
    raise RefusedValueError("is not within the years 0001 to 9999 of UTC")
