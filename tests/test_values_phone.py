"""Phone numbers, one at a time and in columns, against phonenumbers itself."""

from __future__ import annotations

import random

import phonenumbers
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS, PhoneMetadata

from ingest import values
from ingest.dataset.columns import PHONE
from ingest.values import RefusedValueError
from ingest.values.phone import _read_number, international, numbering_plans, plain_international, plain_national

COUNTRIES = [None, "DE", "US", "FR", "IT", "AR", "MX", "BR", "RU", "GB", "CN", "XK"]
CODES = sorted(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@pytest.mark.parametrize(
    ("value", "country", "stored"),
    [
        ("+491711234567", None, "+491711234567"),
        (" +1 (650) 253-0000 ", None, "+16502530000"),
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("tel:+49-171-1234567", None, "+491711234567"),
        ("＋４９ １７１ １２３４５６７", None, "+491711234567"),
        ("+49１７１1234567", None, "+491711234567"),
        ("\u202a+49 171 1234567\u202c", None, "+491711234567"),  # as Windows copies it
        ("+39 02 3661 8300", None, "+390236618300"),  # Italy keeps its zero
        ("+54 9 11 2345 6789", None, "+5491123456789"),
        ("+491711234567", "US", "+491711234567"),
        ("0171 1234567", "DE", "+491711234567"),
        ("030/1234567", "DE", "+49301234567"),
        ("0049 171 1234567", "DE", "+491711234567"),
        ("(650) 253-0000", "US", "+16502530000"),
        ("02 3661 8300", "IT", "+390236618300"),
        ("049 123 456", "XK", "+38349123456"),
    ],
)
def test_a_number_that_is_clear_is_stored_in_e164(value: str, country: str | None, stored: str) -> None:
    assert values.phone(value, country) == (stored, True)
    assert values.phone(stored, None) == (stored, True)


@pytest.mark.parametrize(
    ("value", "country", "stored"),
    [
        (" 0171 1234567 ", None, "0171 1234567"),
        ("+999 123 456 789", None, "+999 123 456 789"),
        ("+49", None, "+49"),
        ("+1 253 0000", None, "+1 253 0000"),  # without its area code
        ("+49004363743", None, "+49004363743"),  # of two zeros, one is stripped now and one the next time
        ("+1 650 253 0000 ext. 5", None, "+1 650 253 0000 ext. 5"),
        ("1-800-FLOWERS", "US", "1-800-FLOWERS"),
        ("+49 171 1234567, +49 30 1234567", None, "+49 171 1234567, +49 30 1234567"),
        ("call me", "DE", "call me"),
        ("12", "US", "12"),
        ("0171 1234567", "ZZ", "0171 1234567"),
        ("cafe\u0301", None, "caf\u00e9"),
    ],
)
def test_other_text_stays_what_it_is(value: str, country: str | None, stored: str) -> None:
    assert values.phone(value, country) == (stored, False)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "is empty"),
        (" \t", "is empty"),
        (491711234567, "is a number, but must be text"),
        ("+49\x00", "NUL character"),
        ("+49\ud800", "surrogate"),
        ("1" * 65, "longer than the 64 characters"),
    ],
)
def test_what_cannot_be_kept_is_refused(value: object, message: str) -> None:
    with pytest.raises(RefusedValueError, match=message):
        values.phone(value, None)


def by_phonenumbers(text: str, country: str | None) -> str | None:
    """E.164 as the library makes it; None for what it does not read, or not as a possible number."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Texts near to phone numbers: a calling code, digits that are often prefixes, and punctuation between."""
    digits = draw(st.sampled_from(CODES)) + draw(st.sampled_from(["", "0", "00", "1", "8", "9", "15", "011"]))
    digits += draw(st.text("0123456789", min_size=3, max_size=12))
    between = st.sampled_from([""] * 9 + [" ", "-", "(", ")", ".", "/"])
    spread = "".join(digit + draw(between) for digit in digits) if draw(st.booleans()) else digits
    return draw(st.sampled_from(["+", "+", "+", "+ ", "", "00", "("])) + spread


@given(numbers(), st.sampled_from(COUNTRIES))
def test_a_number_is_what_phonenumbers_makes_of_it(text: str, country: str | None) -> None:
    """If that is read as itself again; and the fast path never decides otherwise."""
    read = by_phonenumbers(text, country)
    stable = read is not None and by_phonenumbers(read, None) == read
    assert values.phone(text, country) == ((read, True) if stable else (text.strip(), False))
    assert plain_international(text) in {None, read}


@given(st.sampled_from(CODES).flatmap(lambda code: st.text("0123456789", min_size=3, max_size=14).map(code.__add__)))
def test_the_fast_path_for_e164_is_phonenumbers_itself(digits: str) -> None:
    assert plain_international(f"+{digits}") in {None, by_phonenumbers(f"+{digits}", None)}


def test_the_fast_path_takes_a_mobile_number_of_every_country() -> None:
    """Argentina's as well, whose national prefix may be no digit at all."""
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is not None:
            text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert plain_international(text) == text
    assert len(numbering_plans()) == len(CODES)


@given(
    st.lists(numbers() | st.sampled_from(["", " ", "x" * 65, "+49" + " " * 60 + "1711234567"]), min_size=1, max_size=8)
)
def test_a_column_stores_what_is_stored_for_each_number_alone(texts: list[str]) -> None:
    """Of those in international form; what else there is stays as it is, blanks included."""
    converted = PHONE.convert(pl.Series(texts))
    assert not converted.refused
    assert converted.values.to_list() == [international(text.strip()) or text for text in texts]


def test_a_column_refuses_what_no_text_column_takes() -> None:
    converted = PHONE.convert(pl.Series(["+491711234567", None, "+49\x00", "0171 1234567"]))
    assert converted.values.to_list() == ["+491711234567", None, None, "0171 1234567"]
    assert list(converted.refused) == [2]


@pytest.mark.parametrize("country", sorted(SUPPORTED_REGIONS))
def test_national_numbers_that_are_read_at_once_are_read_as_phonenumbers_does(country: str) -> None:
    choose = random.Random(country)
    metadata = PhoneMetadata.metadata_for_region(country)
    assert metadata is not None
    assert metadata.general_desc is not None
    for _ in range(20):
        length = choose.choice(metadata.general_desc.possible_length) + choose.choice((-1, 0, 0, 1))
        digits = "".join(choose.choice("0123456789") for _ in range(length))
        before = choose.choice(("", "", metadata.national_prefix or "", str(metadata.country_code)))
        text = f"{before}{digits[:3]}{choose.choice((' ', '-', '.', ''))}{digits[3:]}"
        at_once = plain_national(text, country)
        assert at_once in {None, _read_number(text, country)}, text
