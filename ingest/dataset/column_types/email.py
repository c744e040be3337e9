"""E-mail addresses, in the one spelling by which every table names a contact."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.dataset.column_types.text import Text, non_ascii
from ingest.values.email import (
    EMAIL_MAX_BYTES,
    ORDINARY_ADDRESS,
    PUNYCODE_HYPHENS,
    SPECIAL_USE_ENDINGS,
    address_or_text,
    contact_email,
    settled_address,
)

__all__ = ["Email", "contact_email"]

_SPECIAL_USE = rf"(?:{'|'.join(map(re.escape, SPECIAL_USE_ENDINGS))})$"


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
            settled = settle(trimmed, lowered, _ordinary(lowered), settled_address)
        else:
            plain = ~(non_ascii(lowered) | lowered.str.contains("xn--", literal=True))
            settled = settle(trimmed, lowered, plain, address_or_text)
        return Conversion(settled.values, {**settled.refused, **text.refused})


def _ordinary(lowered: pl.Series) -> pl.Series:
    """Which are addresses without doubt: ASCII, and nothing in them that email_validator would refuse or rewrite."""
    return (
        lowered.str.contains(f"^{ORDINARY_ADDRESS}$")
        & (lowered.str.len_bytes() <= EMAIL_MAX_BYTES)
        & ~lowered.str.contains(PUNYCODE_HYPHENS, literal=True)
        & ~lowered.str.contains(_SPECIAL_USE)
    )
