"""What the values of a column look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from ingest.csv_import.column_types import WrittenNumber, WrittenStatus
from ingest.csv_import.date_formats import DATE_FORMATS, UNIX_MILLISECONDS, UNIX_SECONDS, DateFormat, parsed
from ingest.csv_import.settings import MARK, NULL_WORDS
from ingest.values.country import known_country
from ingest.values.language import known_language
from ingest.values.phone import international
from ingest.values.timezone import known_timezone

LOOKED_AT = 500
"""So many values are looked at."""

_EMAIL = r"^[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]{2,}$"
_PHONE = r"^(?:tel:)?[+(]?[0-9][0-9 ().\-/]{5,20}$"
_MOST_COUNTRY_CHARACTERS = 60
_SALUTATIONS = (
    *("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "m", "mme", "mlle", "herr", "frau", "hr", "fr", "sr"),
    *("sra", "srta", "sig", "sig.ra", "dott", "dhr", "mevr", "pan", "pani", "様", "prof. dr", "dipl.-ing", "ing"),
)


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a column that are there: text without blanks around it."""

    texts: pl.Series

    @classmethod
    def of(cls, column: pl.Series) -> Values:
        """The first values of a column."""
        texts = column.drop_nulls().head(LOOKED_AT).str.strip_chars().str.replace(MARK, "$1")
        return cls(texts.filter((texts != "") & ~texts.str.to_lowercase().is_in(NULL_WORDS)))

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return self.texts.is_empty()

    def share(self, pattern: str) -> float:
        """Which part of them a regular expression matches; 0 if there are none."""
        return float(self.texts.str.contains(pattern).mean() or 0)  # type: ignore[arg-type]  # polars types mean() widely

    def share_known(self, recognise: Callable[[str], object]) -> float:
        """Which part of them a function knows."""
        distinct = self.texts.unique().to_list()
        known = [text for text in distinct if recognise(text) is not None]
        return float(self.texts.is_in(known).mean() or 0)  # type: ignore[arg-type]

    @property
    def emails(self) -> float:
        """Which part are e-mails."""
        return self.share(_EMAIL)

    @property
    def phones(self) -> float:
        """Which part are phone numbers, or may be."""
        return self.share(_PHONE)

    @property
    def surely_phones(self) -> float:
        """Which part are numbers in international form."""
        return self.share_known(lambda text: international(text) if text.startswith("+") else None)

    @property
    def countries(self) -> float:
        """Which part are countries."""
        return self.share_known(lambda text: known_country(text) if len(text) < _MOST_COUNTRY_CHARACTERS else None)

    @property
    def salutations(self) -> float:
        """Which part says how somebody is addressed."""
        return float(self.texts.str.to_lowercase().str.strip_chars(".").is_in(_SALUTATIONS).mean() or 0)  # type: ignore[arg-type]

    @property
    def languages(self) -> float:
        """Which part are codes of languages."""
        return self.share_known(known_language)

    @property
    def zones(self) -> float:
        """Which part are time zones of places."""
        return self.share_known(lambda text: known_timezone(text) if "/" in text or text == "UTC" else None)

    @property
    def statuses(self) -> float:
        """Which part says something of a subscription."""
        converted = WrittenStatus({}).convert(self.texts)
        return 0.0 if self.is_empty else 1 - len(converted.refused) / len(self.texts)

    def numbers(self, decimal: str) -> float:
        """Which part are numbers, with this before decimals."""
        converted = WrittenNumber(decimal).convert(self.texts)
        return 0.0 if self.is_empty else 1 - len(converted.refused) / len(self.texts)

    @property
    def decimal(self) -> str:
        """What most likely stands before decimals: what is followed by one or two digits at the end, not by three."""
        marks = {
            # What can only be before decimals: not three digits behind it, or no group of thousands before it.
            mark: self.share(rf"{sign}(?:[0-9]{{1,2}}|[0-9]{{4,}})\D*$|^\D*(?:0|[0-9]{{4,}}){sign}[0-9]")
            + self.share(rf"[0-9]{other}[0-9]{{3}}(?:{other}[0-9]{{3}})+|[0-9]{other}[0-9]{{3}}{sign}")
            for mark, sign, other in ((",", ",", r"\."), (".", r"\.", ","))
        }
        return "," if marks[","] > marks["."] else "."

    @property
    def is_decimal_open(self) -> bool:
        """Whether thousands could as well be decimals: `1.250` and the like, and nothing that decides."""
        return self.share(r"^\D*[1-9][0-9]{0,2}[.,][0-9]{3}\D*$") > 0 and not self.share(
            r"[.,](?:[0-9]{1,2}|[0-9]{4,})\D*$|^\D*(?:0|[0-9]{4,})[.,]|[.,][0-9]{3}[.,]"
        )

    @property
    def separator(self) -> str:
        """What most likely stands between tags."""
        counts = {mark: int(self.texts.str.count_matches(mark, literal=True).sum()) for mark in (",", ";", "|")}
        return max(counts, key=lambda mark: counts[mark])

    def date_formats(self, *, prefers_day_first: bool, takes_numbers: bool) -> DateFormats:
        """The formats that read nearly all values, few of them; those that say the same of day and month."""
        orders = [self._formats_with(order, takes_numbers=takes_numbers) for order in (True, False)]
        day_first, month_first = orders
        if day_first.share == month_first.share:
            chosen = day_first if prefers_day_first else month_first
            is_open = day_first.names != month_first.names
            return DateFormats(chosen.names, chosen.share, is_open)
        return max(orders, key=lambda found: found.share)

    def _formats_with(self, day_first: bool, *, takes_numbers: bool) -> DateFormats:
        left, names = self.texts, list[str]()
        while not left.is_empty() and len(names) < _MOST_FORMATS:
            shapes = {_DIGIT.sub("0", text) for text in left.to_list()}
            if len(shapes) > _MOST_SHAPES:
                break  # no dates, but text
            counts = {
                name: count
                for name in sorted(set[str]().union(*map(_formats_of_shape, shapes)))
                if DATE_FORMATS[name].is_day_first in (None, day_first)
                and (takes_numbers or name not in _NUMBER_FORMATS)
                and (count := _count(left, name, DATE_FORMATS[name]))
            }
            if not counts:
                break
            best = max(counts, key=lambda name: (counts[name], -len(name)))
            if counts[best] < max(1, len(self.texts) // 200):
                break
            names.append(best)
            left = left.filter(parsed(left, [best], "UTC").is_null())
        share = 0.0 if self.is_empty else 1 - len(left) / len(self.texts)
        return DateFormats(tuple(names), share, False)


@dataclass(frozen=True, slots=True)
class DateFormats:
    """Formats, the part of the values that they read, and whether day and month could as well change places."""

    names: tuple[str, ...]
    share: float
    is_open: bool


_MOST_FORMATS = 6
_MOST_SHAPES = 200
_LEAST_DIGITS = 4
_MAY_BE_DATE = re.compile(r"[0-9 ,./:+TZ-]*(?:[A-Za-z]{3,9}[0-9 ,./:+TZ-]*)?(?:[AaPp][Mm]|Z|UTC)?")
_DIGIT = re.compile("[0-9]")
_NUMBER_FORMATS = frozenset({UNIX_SECONDS, UNIX_MILLISECONDS, "YYYYMMDD"})


@lru_cache(maxsize=4096)
def _formats_of_shape(shape: str) -> frozenset[str]:
    """The formats that a text may be written in of which only the digits are not known."""
    if shape.count("0") < _LEAST_DIGITS or not _MAY_BE_DATE.fullmatch(shape):
        return frozenset()
    return frozenset(name for name, form in DATE_FORMATS.items() if re.search(form.shape, shape))


def _count(texts: pl.Series, name: str, form: DateFormat) -> int:
    fits = texts.filter(texts.str.contains(form.shape))
    if fits.is_empty():
        return 0
    return len(fits) - parsed(fits, [name], "UTC").null_count()


def samples(values: Values, count: int = 3) -> Sequence[str]:
    """Some different values, in order."""
    return [str(text)[:80] for text in values.texts.unique(maintain_order=True).head(count).to_list()]
