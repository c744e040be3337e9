"""Columns of dates and of web addresses, as custom fields have them."""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from ingest.dataset.column_types.date import Date
from ingest.dataset.column_types.url import Url


def test_a_column_of_dates_takes_days_and_nothing_else() -> None:
    days = ["2026-05-01", "0001-01-01", "9999-12-31", "2024-02-29"]
    refused = ["2026-02-30", "0000-01-01", "2026-5-1", "2026-05-01T00:00:00Z", " 2026-05-01", "10000-01-01", ""]
    converted = Date().convert(pl.Series([*days, None, *refused]))
    assert converted.values.to_list()[:5] == [*map(date.fromisoformat, days), None]
    assert list(converted.refused) == list(range(5, 12))
    counts = pa.array([0, -719_162, -719_163, 2_932_896, 2_932_897, None], pa.int32()).view(pa.date32())
    converted = Date().convert(Date().raw_from_parquet(counts))
    assert list(converted.refused) == [2, 4]
    assert [converted.values[at] for at in (0, 1, 3, 5)] == [date(1970, 1, 1), date.min, date.max, None]
    assert Date().parquet_problem(pa.timestamp("us", "UTC")) is not None
    assert Date().parquet_problem(pa.date64()) is None


def test_a_column_of_urls_takes_what_a_single_value_takes() -> None:
    good = ["https://x.example", "HTTP://X.example/a?b=c#d", "https://x.example/\u00eb", "http://[::1]:80/", None]
    bad = [
        "x.example",
        "ftp://x.example",
        "https://x.example/a b",
        'https://x.example/"',
        f"https://x.example/{'a' * 2048}",
    ]
    converted = Url().convert(pl.Series([*good, *bad]))
    assert converted.values.to_list()[:5] == good
    assert list(converted.refused) == list(range(5, 10))
