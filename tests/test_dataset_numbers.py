"""Numbers and exact numbers, in every file format."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dataset.column_types.number import ExactNumber, Number
from tests.test_dataset import (
    FORMATS,
    problem,
    stored,
)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("value", [0, -7, 12.5, 0.1, 1e300, 5e-324, -0.0, 2**53 + 1, 123456789.125])
def test_a_number_is_stored_as_a_double(tmp_path: Path, suffix: str, value: float) -> None:
    """Integers and floats."""
    number = stored(tmp_path, suffix, "contacts", "lifetime_value", value)
    assert isinstance(number, float)
    assert number == float(value)


@pytest.mark.parametrize(("text", "value"), [("+1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1E3", 1e3), ("007", 7.0)])
def test_csv_takes_plain_and_scientific_notation(tmp_path: Path, text: str, value: float) -> None:
    """As spreadsheets write it."""
    assert stored(tmp_path, ".csv", "contacts", "lifetime_value", text) == value


@pytest.mark.parametrize("column", ["lifetime_value", "orders_count", "custom_number_1"])
@pytest.mark.parametrize(
    "text", ["NaN", "nan", "inf", "-Infinity", "1e400", "1,5", "1_000", "0x10", " 5", "5 ", "true", "€5", "١"]
)
def test_csv_takes_no_other_number(tmp_path: Path, column: str, text: str) -> None:
    """Neither NaN nor infinities, and nothing that would have to be guessed."""
    assert "is not a finite number" in problem(tmp_path, ".csv", "contacts", column, text)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("table", "column"), [("contacts", "orders_count"), ("custom_events", "goal_value")])
def test_parquet_takes_no_nan_and_no_infinity(tmp_path: Path, value: float, table: str, column: str) -> None:
    """In doubles and in exact numbers."""
    assert "is not a finite number" in problem(tmp_path, ".parquet", table, column, value)


@pytest.mark.parametrize("value", [True, "5", [5]])
@pytest.mark.parametrize(("table", "column"), [("contacts", "orders_count"), ("custom_events", "goal_value")])
def test_json_that_is_no_number_is_refused(tmp_path: Path, value: object, table: str, column: str) -> None:
    """Booleans are no numbers, and text is none."""
    assert problem(tmp_path, ".jsonl", table, column, value).endswith(", but must be a number")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False, allow_infinity=False))
def test_numerals_become_the_nearest_double(number: object) -> None:
    """Exactly as Python rounds them."""
    (value,) = Number().convert(pl.Series([str(number)])).values.to_list()
    assert (None if math.isinf(float(str(number))) else float(str(number))) == value


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (12, "12"), (-77.25, "-77.25"), (0.0, "0.0")])
def test_a_goal_value_is_an_exact_numeral(tmp_path: Path, suffix: str, value: float, text: str) -> None:
    """What is written is what is stored; of a double the shortest numeral that means it."""
    assert stored(tmp_path, suffix, "custom_events", "goal_value", value) == text


@pytest.mark.parametrize("text", ["11.770", "0.1000000000000000055511151231257827", "-99999999999999999999.99", "1e19"])
def test_a_goal_value_in_csv_keeps_every_digit(tmp_path: Path, text: str) -> None:
    """Also those that a double would lose, up to the limit."""
    assert stored(tmp_path, ".csv", "custom_events", "goal_value", text) == text


@given(st.floats(-1e20, 1e20, exclude_min=True, exclude_max=True))
def test_the_numeral_of_a_double_reads_back_as_that_double(number: float) -> None:
    """From Parquet, where the double is all there is."""
    (numeral,) = ExactNumber().convert(pl.Series([number])).values.to_list()
    assert float(numeral) == number


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("value", [1e20, -1e20, 1e300])
def test_a_goal_value_beyond_the_limit_is_refused(tmp_path: Path, suffix: str, value: float) -> None:
    """From 1e20 on, on both sides."""
    assert "is too large" in problem(tmp_path, suffix, "custom_events", "goal_value", value)


def test_a_numeral_of_many_digits_with_an_exponent_is_one_that_the_store_reads() -> None:
    """Without an exponent, rounded to the decimals of goal values."""
    odd = ["100000000000000000000000000000E-10", "123456789012345678901234567890e-15", "0e999999999999999999", "1e-400"]
    converted = ExactNumber().convert(pl.Series(odd))
    assert converted.values.to_list() == [
        "10000000000000000000.000000000",
        "123456789012345.678901235",
        "0.000000000",
        "0.000000000",
    ]
    assert not converted.refused
