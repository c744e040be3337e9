"""Languages: tags of BCP 47."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from ingest.values.refused import RefusedValueError
from ingest.values.text import trimmed_text

LANGUAGE_MAX_CHARACTERS = 35  # what RFC 5646, section 4.4.1, asks every program to hold
_EXAMPLE = "write a BCP 47 tag such as en, pt-BR or zh-Hant"

_TAG = re.compile(
    r"""
    (?P<language> [a-z]{2,3} ) (?P<extended> (?:-[a-z]{3}){0,3} )
    (?P<script> (?:-[a-z]{4})? )
    (?P<region> (?:-(?:[a-z]{2}|[0-9]{3}))? )
    (?P<variants> (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))* )
    (?P<extensions> (?:-[a-wy-z0-9](?:-[a-z0-9]{2,8})+)* )
    (?P<private> (?:-x(?:-[a-z0-9]{1,8})+)? )
    """,
    re.VERBOSE,
)
_PRIVATE_TAG = re.compile(r"x(?:-[a-z0-9]{1,8})+")
_SINGLETON = re.compile(r"-([a-wy-z0-9])(?=-)")
_PRIVATE_LANGUAGE = re.compile(r"q[a-t][a-z]")
# Those of RFC 5646, section 2.2.8, which are no more than themselves.
_GRANDFATHERED = {
    tag.lower(): tag
    for tag in (
        *("art-lojban", "cel-gaulish", "en-GB-oed", "no-bok", "no-nyn", "sgn-BE-FR", "sgn-BE-NL", "sgn-CH-DE"),
        *("i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux", "i-mingo", "i-navajo", "i-pwn"),
        *("i-tao", "i-tay", "i-tsu", "zh-guoyu", "zh-hakka", "zh-min", "zh-min-nan", "zh-xiang"),
    )
}
# Withdrawn codes that programs still write, with those that replaced them. Source: IANA language subtag registry.
_REPLACED = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}


def language(value: object) -> str:
    """The tag in the usual letter case, with hyphens, and with the shortest code of its language.

    Raises: RefusedValueError for what is not text, is not well-formed, or names no language of ISO 639.
    """
    text = trimmed_text(value)
    if len(text) > LANGUAGE_MAX_CHARACTERS:
        raise RefusedValueError(
            f"is longer than the {LANGUAGE_MAX_CHARACTERS} characters of a language tag; {_EXAMPLE}"
        )
    tag = known_language(text)
    if tag is None:
        first = re.split("[-_]", text)[0]
        if _is_well_formed(text):
            raise RefusedValueError(f"begins with {first!r}, which is not a language of ISO 639; {_EXAMPLE}")
        raise RefusedValueError(f"is not a language; {_EXAMPLE}")
    return tag


@lru_cache(maxsize=4_096)
def known_language(text: str) -> str | None:
    """The tag in its usual form; None for text that is no tag."""
    if not text.isascii() or len(text) > LANGUAGE_MAX_CHARACTERS:
        return None
    lowered = text.lower().replace("_", "-")
    if lowered in _GRANDFATHERED:
        return _GRANDFATHERED[lowered]
    if _PRIVATE_TAG.fullmatch(lowered):
        return lowered
    parts = _TAG.fullmatch(lowered)
    if parts is None or _repeats(parts):
        return None
    primary = _primary_subtag(parts["language"])
    if primary is None:
        return None
    rest = parts["variants"] + parts["extensions"] + parts["private"]
    return primary + parts["extended"] + parts["script"].title() + parts["region"].upper() + rest


def _is_well_formed(text: str) -> bool:
    parts = _TAG.fullmatch(text.lower().replace("_", "-"))
    return parts is not None and text.isascii() and not _repeats(parts)


def _repeats(parts: re.Match[str]) -> bool:
    """Whether a variant or an extension comes twice, which RFC 5646, section 2.2.9, forbids."""
    variants = parts["variants"].split("-")[1:]
    singletons = _SINGLETON.findall(parts["extensions"])
    return len(set(variants)) < len(variants) or len(set(singletons)) < len(singletons)


def _primary_subtag(code: str) -> str | None:
    """The shortest code of the language, which is the one that BCP 47 takes; None if there is no such language."""
    return code if _PRIVATE_LANGUAGE.fullmatch(code) else _primary_subtags().get(code)


@cache
def _primary_subtags() -> Mapping[str, str]:
    """The shortest code of a language or a family of languages, by each of its codes."""
    import pycountry  # noqa: PLC0415  # 80 ms that most runs of the command line need not spend

    subtags = {family.alpha_3: family.alpha_3 for family in pycountry.language_families}
    for found in pycountry.languages:
        shortest = getattr(found, "alpha_2", found.alpha_3)
        for key in ("alpha_2", "alpha_3", "bibliographic"):
            if code := getattr(found, key, None):
                subtags[code] = shortest
    return subtags | _REPLACED
