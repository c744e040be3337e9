"""Web addresses."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.values.url import ORDINARY_URL, URL_MAX_CHARACTERS, url


@dataclass(frozen=True, slots=True)
class Url(ColumnType):
    """An absolute URL of http or https, up to 2,048 characters, in Unicode NFC."""

    def convert(self, raw: pl.Series) -> Conversion:
        """URLs as they were given. Rows: one per raw value."""
        accepted = raw.str.contains(f"^(?i:{ORDINARY_URL})$") & (raw.str.len_bytes() <= URL_MAX_CHARACTERS)
        return settle(raw, raw, accepted, url)
