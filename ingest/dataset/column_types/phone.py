"""Phone numbers, in E.164 where they are written in international form."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, replaced
from ingest.dataset.column_types.recognised import respelt
from ingest.dataset.column_types.text import Text
from ingest.values.phone import PHONE_MAX_CHARACTERS, PUNCTUATION, international, numbering_plans

_PLUS = "[+＋]"
_DIGITS_AND_PUNCTUATION = rf"^\+[0-9{re.escape(PUNCTUATION)}]*$"
_PLUS_OR_PUNCTUATION = rf"[+{re.escape(PUNCTUATION)}]"


@dataclass(frozen=True, slots=True)
class Phone(ColumnType):
    """Any text; numbers in international form are stored in E.164.

    A number in national form stays as it is: which country it belongs to, another column of the row would have to say.
    """

    def convert(self, raw: pl.Series) -> Conversion:
        """Text in NFC. Rows: one per raw value."""
        text = Text().convert(raw)
        trimmed = text.values.str.strip_chars()
        doubtful = trimmed.str.contains(_PLUS) & (trimmed.str.len_chars() <= PHONE_MAX_CHARACTERS)
        if not doubtful.any():
            return text
        positions, numbers = _plain_numbers(trimmed, doubtful)
        values = replaced(text.values, positions, numbers)
        return Conversion(
            respelt(values, replaced(doubtful, positions, pl.Series([False])), international), text.refused
        )


def _plain_numbers(trimmed: pl.Series, doubtful: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Where `plain_international` is sure of a number, and the number: all of a calling code at once."""
    digits = pl.col("digits")
    plans = numbering_plans()
    numbers = (
        pl.DataFrame({"digits": trimmed})
        .with_row_index("position")
        .filter(doubtful & trimmed.str.contains(_DIGITS_AND_PUNCTUATION))
        .with_columns(digits.str.replace_all(_PLUS_OR_PUNCTUATION, ""))
        .with_columns(code=digits.str.extract(f"^({'|'.join(plans)})"))
        .drop_nulls("code")
    )
    plain: list[pl.DataFrame] = []
    for (code,), group in numbers.partition_by("code", as_dict=True).items():
        plan = plans[str(code)]
        national = digits.str.slice(len(str(code)))
        is_plain = national.str.len_bytes().is_in(sorted(plan.digit_counts))
        if plan.prefix is not None:
            is_plain &= national.str.extract(f"^({plan.prefix})").str.len_bytes().fill_null(0) == 0
        plain.append(group.filter(is_plain))
    found = pl.concat(plain) if plain else numbers
    return found["position"], "+" + found["digits"]
