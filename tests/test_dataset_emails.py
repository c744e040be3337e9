"""E-mail addresses, in every file format."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from ingest.dataset.column_types.email import Email
from tests.test_dataset import (
    E_ACUTE,
    E_AND_ACUTE,
    FORMATS,
    problem,
    stored,
)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("table", ["contacts", "timeline", "custom_events", "subscriptions"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  Ada.Lovelace@Example.COM\t", "ada.lovelace@example.com"),
        (f"Ren{E_AND_ACUTE}@Example.com", f"ren{E_ACUTE}@example.com"),
        ("info@XN--BCHER-KVA.example", "info@bücher.example"),
        ("info@BÜCHER.example", "info@bücher.example"),
        ("ada@ｅｘａｍｐｌｅ。com", "ada@example.com"),
        ("o'brien+news@mail-1.co.uk", "o'brien+news@mail-1.co.uk"),
    ],
)
def test_an_address_has_one_spelling_in_every_table(
    tmp_path: Path, suffix: str, table: str, value: str, expected: str
) -> None:
    """So that events find their contact, however either of them writes it."""
    assert stored(tmp_path, suffix, table, "email", value) == expected


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "value",
    [
        "nobody",
        "a@b",
        "a@@example.com",
        ".a@example.com",
        "a..b@example.com",
        "a b@example.com",
        "a@exa\nmple.com",
        "a@-example.com",
        "a@ab--cd.com",
        "a@example.c0",
        "a@example.test",
        "a@sub.localhost",
        "a@example.com,b@example.com",
        "Ada <ada@example.com>",
        "a@" + "x" * 64 + ".com",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused_in_contacts_alone(tmp_path: Path, suffix: str, value: str) -> None:
    """Elsewhere it belongs to no contact, and the report counts it."""
    assert "e-mail address" in problem(tmp_path, suffix, "contacts", "email", value)
    assert stored(tmp_path, suffix, "timeline", "email", value) == value.lower()


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_address_of_blanks_is_empty(tmp_path: Path, suffix: str) -> None:
    """In every table."""
    assert problem(tmp_path, suffix, "contacts", "email", "  ").startswith("is empty")
    assert problem(tmp_path, suffix, "timeline", "email", "  ").startswith("is empty")


@given(
    st.one_of(
        st.text(alphabet="aZ09._-@+'xn é", min_size=1, max_size=30),
        st.from_regex(r"\A[A-Za-z0-9._+-]{1,70}@([A-Za-z0-9-]{1,65}\.){1,4}[A-Za-z0-9]{1,8}\Z"),
        st.sampled_from(["test", "local", "arpa", "com", "onion"]).map("a@b.{}".format),
        st.integers(240, 260).map(lambda length: "a" * (length - 12) + "@example.com"),
    )
)
def test_the_fast_path_takes_exactly_what_email_validator_takes(address: str) -> None:
    """The regular expression for ordinary addresses never decides otherwise than email_validator."""
    converted = Email(validated=True).convert(pl.Series([address]))
    try:
        expected = validate_email(address.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        expected = None
    assert converted.values.to_list() == [expected]
    assert (0 in converted.refused) == (expected is None)
