"""Phone numbers: E.164 where it is clear which number is meant, else the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from ingest.values.refused import RefusedValueError
from ingest.values.text import trimmed_text

PHONE_MAX_CHARACTERS = 64
PUNCTUATION = " ().-"  # what phonenumbers passes over wherever it stands, and means nothing

_without_punctuation = str.maketrans("", "", PUNCTUATION)
# No letters: phonenumbers would read words as vanity numbers, and leave out an extension.
_may_be_number = re.compile(
    r"(?:tel:)?[-+＋\d\s()（）.\[\]［］/／‐-―−ー－\u200e\u200f\u202a-\u202e\u2066-\u2069]+", re.IGNORECASE
).fullmatch


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """What phonenumbers looks at in the national part of a number: a prefix to strip, and how many digits it has."""

    prefix: str | None
    starts_with_prefix: re.Pattern[str] | None
    digit_counts: frozenset[int]


def phone(value: object, country: str | None) -> tuple[str, bool]:
    """A number in E.164 and True; or the trimmed text in NFC and False, where no number can be made out.

    A number must be in international form, or in the national form of `country` (ISO 3166-1 alpha-2); phonenumbers
    must read it, its count of digits must be possible there (local numbers without their area code excluded), and its
    E.164 must be read as the same number again. It need not be in use: numbering plans grow faster than programs are
    updated. Text with letters stays text, so that no extension is lost and no word is read as digits.
    Raises: RefusedValueError for what is not text, is empty or has more than 64 characters.
    """
    text = trimmed_text(value)
    if len(text) > PHONE_MAX_CHARACTERS:
        raise RefusedValueError(f"is longer than the {PHONE_MAX_CHARACTERS} characters of a phone number; shorten it")
    number = plain_international(text) or plain_national(text, country) or _read_number(text, country)
    return (number, True) if number else (text, False)


def international(text: str) -> str | None:
    """E.164 of a number in international form, as `phone` makes it without a country; None for other text."""
    if not text or len(text) > PHONE_MAX_CHARACTERS:
        return None
    return plain_international(text) or _read_number(text, None)


def plain_international(text: str) -> str | None:
    """E.164 of an international number whose digits phonenumbers surely leaves as they are; None in doubt."""
    if text[0] != "+":
        return None
    digits = text[1:]
    if not digits.isdecimal():
        digits = digits.translate(_without_punctuation)
        if not digits.isdecimal():
            return None
    if not digits.isascii():
        return None
    plans = numbering_plans()
    for length in (2, 1, 3):  # no calling code begins with another, so their order is free
        plan = plans.get(digits[:length])
        if plan is not None:
            national = digits[length:]
            if len(national) not in plan.digit_counts:
                return None
            stripped = plan.starts_with_prefix.match(national) if plan.starts_with_prefix else None
            if stripped and stripped[0]:
                return None
            return f"+{digits}"
    return None


def plain_national(text: str, country: str | None) -> str | None:
    """E.164 of a number in national form that phonenumbers surely reads so, eight times as fast; None in doubt.

    In doubt are numbers that may begin with a prefix for calls abroad, with their own calling code, or with a prefix
    that is more than some digits to leave out.
    """
    plan = None if country is None else _national_plan(country)
    if plan is None:
        return None
    digits = text.translate(_without_punctuation)
    if not (digits.isdecimal() and digits.isascii()) or digits.startswith(plan.code) or plan.abroad.match(digits):
        return None
    national = digits
    found = plan.starts_with_prefix.match(digits) if plan.starts_with_prefix else None
    if found is not None and found[0]:
        if not plan.prefix or found[0] != plan.prefix or plan.is_number(digits):
            return None
        national = digits[len(plan.prefix) :]
    if national.startswith("0") or len(national) not in plan.digit_counts:
        return None
    return plain_international(f"+{plan.code}{national}")


@dataclass(frozen=True, slots=True)
class _NationalPlan:
    """How numbers are dialled within a country. `prefix`: digits to leave out, None where it is not as simple."""

    code: str
    prefix: str | None
    starts_with_prefix: re.Pattern[str] | None
    abroad: re.Pattern[str]
    digit_counts: frozenset[int]
    is_number: Callable[[str], object]


@cache
def _national_plan(country: str) -> _NationalPlan | None:
    from phonenumbers import PhoneMetadata  # noqa: PLC0415  # see numbering_plans

    metadata = PhoneMetadata.metadata_for_region(country)
    if metadata is None or metadata.general_desc is None or metadata.international_prefix is None:
        return None
    prefix = metadata.national_prefix_for_parsing or None
    is_simple = prefix is not None and prefix.isdecimal() and metadata.national_prefix_transform_rule is None
    return _NationalPlan(
        code=str(metadata.country_code),
        prefix=prefix if is_simple else None,
        starts_with_prefix=re.compile(prefix) if prefix else None,
        abroad=re.compile(metadata.international_prefix),
        digit_counts=frozenset(metadata.general_desc.possible_length)
        - frozenset(metadata.general_desc.possible_length_local_only),
        is_number=re.compile(metadata.general_desc.national_number_pattern or "").fullmatch,
    )


@cache
def numbering_plans() -> Mapping[str, NumberingPlan]:
    """The plan of each calling code."""
    # It takes 70 ms to load, which most runs of the command line need not spend.
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata  # noqa: PLC0415

    plans = {}
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
        if metadata is None or metadata.general_desc is None:
            continue
        prefix = metadata.national_prefix_for_parsing or None
        plans[str(code)] = NumberingPlan(
            prefix=prefix,
            starts_with_prefix=re.compile(prefix) if prefix else None,
            digit_counts=frozenset(metadata.general_desc.possible_length)
            - frozenset(metadata.general_desc.possible_length_local_only),
        )
    return plans


@lru_cache(maxsize=65_536)
def _read_number(text: str, country: str | None) -> str | None:
    """E.164 of the number that phonenumbers reads; None if it reads none that is possible."""
    import phonenumbers  # noqa: PLC0415  # see numbering_plans

    if not _may_be_number(text):
        return None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    e164: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Of two zeros too many, phonenumbers strips one: that would be another number when it comes back.
    return e164 if e164 == text or international(e164) == e164 else None
