"""Countries: ISO 3166-1 alpha-2."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from unicodedata import combining, normalize

from ingest.values.refused import RefusedValueError, spelling_hint
from ingest.values.text import trimmed_text

# Not in ISO 3166-1, which leaves XK to its users: the European Union, CLDR and phonenumbers write it for Kosovo.
_KOSOVO = "XK"
_COUNTRY_MAX_CHARACTERS = 100
_EVERYDAY_NAMES = {
    "AE": ("UAE", "Emirates"),
    "BN": ("Brunei",),
    "CD": ("DR Congo", "DRC", "Democratic Republic of the Congo", "Congo-Kinshasa"),
    "CG": ("Republic of the Congo", "Congo-Brazzaville"),
    "CI": ("Ivory Coast",),
    "CV": ("Cape Verde",),
    "CZ": ("Czech Republic",),
    "FK": ("Falkland Islands", "Falklands"),
    "FM": ("Micronesia",),
    "GB": ("UK", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "HK": ("Hong Kong SAR",),
    "KP": ("DPRK",),
    "KR": ("Republic of Korea",),
    "MK": ("Macedonia",),
    "MM": ("Burma",),
    "MO": ("Macau",),
    "NL": ("Holland",),
    "PS": ("Palestine",),
    "RU": ("Russia",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TR": ("Turkey", "Türkiye"),
    "US": ("America", "United States of America", "U.S. of America"),
    "VA": ("Vatican", "Vatican City"),
    _KOSOVO: ("XKX", "Kosovo", "Republic of Kosovo"),
}


def country(value: object) -> str:
    """The alpha-2 code of a country, given as alpha-2 or alpha-3 code or by its English name, in any letter case.

    Raises: RefusedValueError for what is not text, or names no country.
    """
    if type(value) is str and value in alpha_2_codes():
        return value
    text = trimmed_text(value)
    code = known_country(text)
    if code is None:
        hint = spelling_hint(text, _english_names())
        raise RefusedValueError(f"is not a country; write its ISO 3166-1 code, such as DE; {hint}")
    return code


def known_country(text: str) -> str | None:
    """The alpha-2 code of a country; None for text that names none."""
    if text in alpha_2_codes():
        return text
    if len(text) > _COUNTRY_MAX_CHARACTERS:
        return None
    return _country_of(text)


@lru_cache(maxsize=4_096)
def _country_of(text: str) -> str | None:
    return _codes_by_key().get(_key(text))


@cache
def alpha_2_codes() -> frozenset[str]:
    """Every code, in upper case."""
    return frozenset(_codes_by_key().values())


@cache
def _codes_by_key() -> Mapping[str, str]:
    """The codes, by whatever a country may be called."""
    import pycountry  # noqa: PLC0415  # 80 ms that most runs of the command line need not spend

    codes = {_key(name): code for code, names in _EVERYDAY_NAMES.items() for name in names} | {"xk": _KOSOVO}
    for found in pycountry.countries:
        names = (getattr(found, key, None) for key in ("alpha_2", "alpha_3", "name", "official_name", "common_name"))
        codes |= {_key(name): found.alpha_2 for name in names if name}
    return codes


@cache
def _english_names() -> frozenset[str]:
    """What to propose to somebody who misspelt a country."""
    import pycountry  # noqa: PLC0415  # as above

    names = {getattr(found, "common_name", found.name) for found in pycountry.countries}
    return frozenset(names | {"Russia", "Turkey", "Kosovo", "Great Britain", "Czech Republic", "Vatican City"})


def _key(name: str) -> str:
    """The name without what people write differently: letter case, accents, dots, quotation marks, `The`, blanks."""
    letters = "".join(letter for letter in normalize("NFKD", name) if not combining(letter))
    plain = letters.casefold().replace(".", "").replace("’", "'").replace("&", " and ").replace("-", " ")
    words = plain.split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return " ".join(words)
