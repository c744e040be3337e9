"""E-mail addresses, in the one spelling by which every table names a contact."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import polars as pl
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, RefusedValueError, settle
from ingest.dataset.column_types.text import Text, non_ascii

EMAIL_MAX_BYTES = 254

_ATOM = r"[a-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# What email_validator accepts at first sight, and leaves as it is: the rest goes to email_validator itself.
_ORDINARY = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z]{{1,63}}$"
_SPECIAL_USE = rf"\.(?:{'|'.join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))})$"


@dataclass(frozen=True, slots=True)
class Email(ColumnType):
    """An e-mail address, trimmed and in lower case.

    With `validated`, what is no address is refused; without, it stays as it is and simply belongs to no contact.
    """

    validated: bool

    def convert(self, raw: pl.Series) -> Conversion:
        """Addresses in lower case and NFC. Rows: one per raw value."""
        text = Text().convert(raw)
        trimmed = text.values.str.strip_chars()
        lowered = trimmed.str.to_lowercase()
        if self.validated:
            settled = settle(trimmed, lowered, _ordinary(lowered), _address)
        else:
            plain = ~(non_ascii(lowered) | lowered.str.contains("xn--", literal=True))
            settled = settle(trimmed, lowered, plain, _address_or_text)
        return Conversion(settled.values, {**settled.refused, **text.refused})


def contact_email(text: str) -> str:
    """The spelling under which a contact of this address is known; text that is no address, in lower case."""
    return _address_or_text(text.strip())


def _ordinary(lowered: pl.Series) -> pl.Series:
    """Which are addresses without doubt: ASCII, and nothing in them that email_validator would refuse or rewrite."""
    return (
        lowered.str.contains(_ORDINARY)
        & (lowered.str.len_bytes() <= EMAIL_MAX_BYTES)
        & ~lowered.str.contains("--", literal=True)  # Punycode, and the labels that look like it
        & ~lowered.str.contains(_SPECIAL_USE)
    )


def _address(trimmed: str) -> str:
    """The address in its one spelling. Raises: RefusedValueError."""
    if not trimmed:
        raise RefusedValueError("is empty")
    if len(trimmed.encode()) > EMAIL_MAX_BYTES:  # before email_validator, which takes long over a long text
        raise RefusedValueError(f"is longer than the {EMAIL_MAX_BYTES} bytes of an e-mail address")
    try:
        address = validate_email(trimmed, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise RefusedValueError(f"is not an e-mail address: {error}") from error
    return unicodedata.normalize("NFC", address.lower())


def _address_or_text(trimmed: str) -> str:
    """The spelling that the contacts table has for this address; other text in lower case."""
    try:
        return _address(trimmed)
    except RefusedValueError:
        return unicodedata.normalize("NFC", trimmed.lower())
