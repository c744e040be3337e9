"""A value alone and a value in a column of a file: the same is stored, or the same is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import values
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import NOT_UTF8
from ingest.dataset.columns import COUNTRY, EMAIL_OF_CONTACT, INSTANT, LANGUAGE, NUMBER, TAGS, TEXT
from ingest.values import RefusedValueError
from tests.test_dataset import FORMATS, stored

# Whatever is treated apart somewhere: blanks of all kinds, NUL, capitals that become ASCII, letters of two spellings.
ODD = "aAzZ09@.-_+' \t\n\x1c\x1f\x85\xa0\u200b\u2028\u3000\x00éE\u0301\u0338İıſK\u212aßΣς\U0001d15e\U0001f600"


def alone(function: Callable[[object], object], value: object) -> tuple[object, str | None]:
    """What is stored, and what is wrong."""
    try:
        return function(value), None
    except RefusedValueError as problem:
        return None, str(problem)


def in_column(column: ColumnType, raw: pl.Series) -> tuple[object, str | None]:
    converted = column.convert(raw)
    return converted.values.to_list()[0], converted.refused.get(0)


# The mark of bytes that are not UTF-8, of which a file says something else.
any_text = st.text(max_size=8).filter(lambda text: NOT_UTF8 not in text)


@given(st.text(ODD, max_size=12) | any_text | st.sampled_from(["x", "é"]).map(lambda x: x * 65_537))
def test_text(value: str) -> None:
    assert alone(values.text, value) == in_column(TEXT, pl.Series([value]))


@given(
    st.text(ODD, max_size=20)
    | st.from_regex(r"\A[ \t\x1c]?[A-Za-z0-9._+é-]{1,70}@([A-Za-z0-9é-]{1,65}\.){1,4}[A-Za-z0-9]{1,8}\s?\Z")
    | st.sampled_from(["test", "local", "arpa", "com", "onion", "example"]).map("A@b.{}".format)
    | st.integers(240, 260).map(lambda length: "a@" + ".".join(["b" * 60] * 3) + "." + "c" * (length - 190) + ".com")
)
def test_emails(value: str) -> None:
    assert alone(values.email, value) == in_column(EMAIL_OF_CONTACT, pl.Series([value]))


@given(st.floats() | st.integers(-(2**63), 2**63 - 1))
def test_numbers(value: float) -> None:
    """With repr, for -0.0 is not 0.0."""
    assert repr(alone(values.number, value)) == repr(in_column(NUMBER, NUMBER.raw_from_json([value])))


two_digits = st.integers(0, 62).map("{:02}".format)
near_instants = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["0000", "0001", "1969", "2024", "2026", "9999", "10000", "２026"]),
    *[st.integers(0, 13).map("{:02}".format), st.integers(0, 32).map("{:02}".format)],
    st.sampled_from(["T", "t", " ", "", "_"]),
    *[st.integers(0, 24).map("{:02}".format), two_digits, two_digits],
    st.sampled_from(["", ".", ".5", ".123", ".123456", ".9999999", ".0000000000001", ",5"]),
    st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+23:59", "-23:59", "+24:00", "+0200", "-01:00", "Z\n"]),
)


@given(near_instants | st.text("0123456789-:TZ. ", max_size=22))
def test_instants(value: str) -> None:
    """In both ways through a column: the one for nothing but UTC, and the one for all."""
    expected = alone(values.instant, value)
    assert in_column(INSTANT, pl.Series([value])) == expected
    assert in_column(INSTANT, pl.Series([value, "2026-05-01T10:00:00.5Z"])) == expected


@given(st.datetimes(timezones=st.just(UTC)))
def test_datetimes(value: datetime) -> None:
    naive = value.replace(tzinfo=None)
    assert alone(values.instant, value) == in_column(INSTANT, pl.Series([naive], dtype=pl.Datetime("us")))


@given(st.lists(st.text(ODD, max_size=4) | st.integers(62, 66).map("x".__mul__), max_size=5))
def test_tags(value: list[str]) -> None:
    stored_tags, problem = alone(values.tags, value)
    in_file, problem_in_file = in_column(TAGS, pl.Series([value], dtype=pl.List(pl.String)))
    assert (stored_tags, problem is None) == (in_file, problem_in_file is None)


COUNTRY_TEXTS = ["DE", "de", " Germany ", "UK", "u.s.", "Türkiye", "Turkiye", "Atlantis", "", " ", "XX", "kosovo"]
LANGUAGE_TEXTS = ["en", "EN", "pt_br", " zh-hant-tw", "english", "xq", "", "x-a", "i-lux", "iw", "en-", "ENG"]


@given(st.lists(st.sampled_from(COUNTRY_TEXTS) | st.text(ODD, max_size=5), min_size=1, max_size=9))
def test_countries(texts: list[str]) -> None:
    _same_where_it_is_known(COUNTRY, values.country, texts)


@given(st.lists(st.sampled_from(LANGUAGE_TEXTS) | st.text(ODD, max_size=5), min_size=1, max_size=9))
def test_languages(texts: list[str]) -> None:
    _same_where_it_is_known(LANGUAGE, values.language, texts)


def _same_where_it_is_known(column: ColumnType, function: Callable[[object], object], texts: list[str]) -> None:
    """A file is lenient: what is unknown is kept, in NFC and with its blanks."""
    converted = column.convert(pl.Series(texts))
    expected = []
    for text in texts:
        known, problem = alone(function, text)
        expected.append(known if problem is None else alone(values.text, text)[0])
    assert converted.values.to_list() == expected
    assert set(converted.refused) == {position for position, text in enumerate(texts) if "\x00" in text}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("phone", "+1 (650) 253-0000", "+16502530000"),
        ("phone", "+44 (0)20 7946 0958", "+442079460958"),
        ("phone", "0171 / 123 45 67", "0171 / 123 45 67"),
        ("phone", "+999 12345678", "+999 12345678"),
        ("country", "germany", "DE"),
        ("country", "uk", "GB"),
        ("country", "Atlantis", "Atlantis"),
        ("language", "pt_br", "pt-BR"),
        ("language", "Klingon", "Klingon"),
        ("timezone", "Mars/Olympus", "Mars/Olympus"),
    ],
)
def test_a_file_spells_what_it_knows_and_keeps_what_it_does_not(
    tmp_path: Path, suffix: str, column: str, value: str, expected: str
) -> None:
    """In every format."""
    assert stored(tmp_path, suffix, "contacts", column, value) == expected
