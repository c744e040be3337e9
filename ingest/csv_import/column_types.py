"""Columns as files of other tools write them: dates, numbers, words for true and false, tags with any separator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from engine.errors import shown
from ingest.csv_import.date_formats import parsed
from ingest.csv_import.settings import NO_STATUS_WORDS, STATUS_WORDS
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.dataset.column_types.date import Date
from ingest.dataset.column_types.instant import END_SECOND, FIRST_SECOND
from ingest.dataset.column_types.tags import Tags
from ingest.values.refused import RefusedValueError

TRUE_WORDS = (
    "true",
    "1",
    "yes",
    "y",
    "t",
    "x",
    "on",
    "ja",
    "j",
    "oui",
    "o",
    "si",
    "sí",
    "s",
    "sì",
    "sim",
    "tak",
    "evet",
    "はい",
)
FALSE_WORDS = ("false", "0", "no", "n", "f", "off", "nein", "non", "não", "nao", "nee", "nie", "nej", "hayır", "いいえ")
_BESIDE_NUMBERS = r"[\s€$£¥₹%'’\u00a0\u202f]|^(?:EUR|USD|GBP|CHF|Fr\.|R\$)|(?:EUR|USD|GBP|CHF)$"


@dataclass(frozen=True, slots=True)
class WrittenInstant(ColumnType):
    """An instant in one of some formats; see `date_formats.parsed`."""

    formats: tuple[str, ...]
    zone: str
    stored: ClassVar[pl.DataType] = pl.Datetime("us")

    def convert(self, raw: pl.Series) -> Conversion:
        """Microseconds of UTC. Rows: one per text."""
        instants = parsed(raw, self.formats, self.zone)
        accepted = instants.to_physical().is_between(FIRST_SECOND * 10**6, END_SECOND * 10**6, closed="left")
        return settle(raw, instants, accepted, self._refuse)

    def _refuse(self, _: str) -> str:
        """Raises: RefusedValueError, always."""
        raise RefusedValueError(f"is not a date written as {_either(self.formats)}")


@dataclass(frozen=True, slots=True)
class WrittenDate(ColumnType):
    """A day in one of some formats; a time behind it is left out."""

    formats: tuple[str, ...]
    stored: ClassVar[pl.DataType] = Date.stored

    def convert(self, raw: pl.Series) -> Conversion:
        """Days. Rows: one per text."""
        days = parsed(raw, self.formats, "UTC").cast(pl.Date)
        return settle(raw, days, days.is_not_null() & days.dt.year().is_between(1, 9999), self._refuse)

    def _refuse(self, _: str) -> str:
        """Raises: RefusedValueError, always."""
        raise RefusedValueError(f"is not a date written as {_either(self.formats)}")


@dataclass(frozen=True, slots=True)
class WrittenNumber(ColumnType):
    """A number with `decimal` before its decimals, perhaps in groups of thousands, and with a sign of its currency."""

    decimal: str
    stored: ClassVar[pl.DataType] = pl.Float64()

    def convert(self, raw: pl.Series) -> Conversion:
        """Doubles. Rows: one per text."""
        group, decimal = (r"\.", ",") if self.decimal == "," else (",", r"\.")
        shape = rf"^[+-]?(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+|)(?:{decimal}[0-9]*)?(?:[eE][+-]?[0-9]{{1,3}})?$"
        plain = pl.col("raw").str.replace_all(_BESIDE_NUMBERS, "")
        numeral = plain.str.replace_all(group, "").str.replace(decimal, ".")
        number = pl.when(plain.str.contains(shape)).then(numeral).cast(pl.Float64, strict=False)
        values = pl.DataFrame({"raw": raw}).select(pl.when(number.is_finite()).then(number)).to_series()
        return settle(raw, values, values.is_not_null(), self._refuse)

    def _refuse(self, _: str) -> str:
        """Raises: RefusedValueError, always."""
        raise RefusedValueError(f"is not a number with {shown(self.decimal)} before its decimals")


@dataclass(frozen=True, slots=True)
class WrittenBoolean(ColumnType):
    """Yes or no, in one of some languages."""

    stored: ClassVar[pl.DataType] = pl.Boolean()

    def convert(self, raw: pl.Series) -> Conversion:
        """True or false. Rows: one per text."""
        lowered = raw.str.to_lowercase()
        return settle(raw, lowered.is_in(TRUE_WORDS), lowered.is_in(TRUE_WORDS + FALSE_WORDS), self._refuse)

    def _refuse(self, _: str) -> str:
        """Raises: RefusedValueError, always."""
        raise RefusedValueError("is neither true nor false; write yes or no")


@dataclass(frozen=True, slots=True)
class WrittenTags(ColumnType):
    """Tags in one cell, with a separator between them, perhaps each in quotation marks."""

    separator: str
    stored: ClassVar[pl.DataType] = Tags.stored

    def convert(self, raw: pl.Series) -> Conversion:
        """Lists of tags, none of them empty. Rows: one per text."""
        tag = pl.element()
        lists = raw.str.split(self.separator).list.eval(tag.str.strip_chars("\"'[] \t\u00a0"))
        found = Tags().convert(lists.list.eval(tag.filter(tag != "")))
        return Conversion(found.values, found.refused)


@dataclass(frozen=True, slots=True)
class WrittenStatus(ColumnType):
    """What the words of another tool say of a subscription; null where there is none."""

    words: Mapping[str, str]

    def convert(self, raw: pl.Series) -> Conversion:
        """Statuses of subscriptions. Rows: one per text."""
        known = {**STATUS_WORDS, **{word.lower(): status for word, status in self.words.items()}}
        lowered = raw.str.to_lowercase().str.strip_chars()
        distinct = lowered.drop_nulls().unique().to_list()
        statuses = lowered.replace_strict(
            distinct, [known.get(word) for word in distinct], default=None, return_dtype=pl.String
        )
        nothing = [word for word in distinct if word in NO_STATUS_WORDS and word not in known]
        return settle(raw, statuses, statuses.is_not_null() | lowered.is_in(nothing), self._refuse)

    def _refuse(self, _: str) -> str:
        """Raises: RefusedValueError, always."""
        raise RefusedValueError("says nothing known of a subscription; say what it means in words")


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)
