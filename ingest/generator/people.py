"""Flat lookup tables over the countries, to draw many people at once."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.generator.columns import Column
from ingest.generator.names import COUNTRIES, Country
from ingest.generator.randomness import weighted_slots
from ingest.generator.rhythm import SECOND_US

CURRENCIES = tuple(sorted({country.currency for country in COUNTRIES}))
POSTCODES_PER_PLACE = 64

_UNMARKED = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "ı": "i", "æ": "ae", "đ": "d", "ẹ": "e"})
_POSTCODE_SIGNS = {"#": "0123456789", "@": "ABCDEFGHJKLMNPRSTUVWXY"}


@dataclass(frozen=True, slots=True, eq=False)
class WordTable:
    """The words of all countries in one column. `start` and `count` say which are a country's own."""

    words: Column
    start: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]


def _word_table(words_of: Callable[[Country], Sequence[str]]) -> WordTable:
    lists = [words_of(country) for country in COUNTRIES]
    count = np.array([len(words) for words in lists])
    return WordTable(pa.array([word for words in lists for word in words]), np.cumsum(count) - count, count)


def _written(name: str) -> str:
    return name.partition("|")[0]


def _address_word(name: str) -> str:
    """The name as it stands in an e-mail address: lower case a to z."""
    native, _, latin = name.partition("|")
    plain = unicodedata.normalize("NFKD", (latin or native).lower().translate(_UNMARKED))
    return "".join(letter for letter in plain if "a" <= letter <= "z")


def _postcodes(pattern: str, rng: np.random.Generator) -> list[str]:
    draws = rng.random((POSTCODES_PER_PLACE, len(pattern))).tolist()
    return ["".join(_sign(sign, chance) for sign, chance in zip(pattern, row, strict=True)) for row in draws]


def _sign(sign: str, chance: float) -> str:
    choices = _POSTCODE_SIGNS.get(sign, sign)
    return choices[int(chance * len(choices))]


FIRST_NAMES = _word_table(lambda country: [_written(name) for name in country.first_names])
LAST_NAMES = _word_table(lambda country: [_written(name) for name in country.last_names])
ADDRESS_FIRST_NAMES = _word_table(lambda country: [_address_word(name) for name in country.first_names])
ADDRESS_LAST_NAMES = _word_table(lambda country: [_address_word(name) for name in country.last_names])
LANGUAGES = _word_table(lambda country: country.languages)

COUNTRY_CODES = pa.array([country.code for country in COUNTRIES])
COUNTRY_CURRENCY = np.array([CURRENCIES.index(country.currency) for country in COUNTRIES])
PHONE_PREFIXES = pa.array([country.phone_prefix for country in COUNTRIES])

_PLACES = [(index, place) for index, country in enumerate(COUNTRIES) for place in country.places]
_PLACE_SUM = [sum(place.weight for place in country.places) for country in COUNTRIES]
PLACE_SLOTS = weighted_slots([COUNTRIES[index].weight * place.weight / _PLACE_SUM[index] for index, place in _PLACES])
PLACE_COUNTRY = np.array([index for index, _ in _PLACES])
PLACE_STATES = pa.array([place.state for _, place in _PLACES])
PLACE_TIMEZONES = pa.array([place.timezone for _, place in _PLACES])


def place_postcodes() -> Column:
    """POSTCODES_PER_PLACE postcodes of each place, place by place."""
    rng = np.random.Generator(np.random.PCG64(0))
    return pa.array([code for _, place in _PLACES for code in _postcodes(place.postcode_pattern, rng)])


def place_utc_offsets_us(at: datetime) -> npt.NDArray[np.int64]:
    """How far each place's clock is ahead of UTC at one instant; close enough for rhythms all year."""
    offsets = [ZoneInfo(place.timezone).utcoffset(at) for _, place in _PLACES]
    return np.array([int(offset.total_seconds()) * SECOND_US if offset else 0 for offset in offsets])
