"""E-mail addresses, in the one spelling by which every table names a contact."""

from __future__ import annotations

import re
from unicodedata import normalize

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from ingest.values.refused import RefusedValueError
from ingest.values.text import WHITE_SPACE, text

EMAIL_MAX_BYTES = 254

_ATOM = r"[a-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# What email_validator accepts at first sight, and leaves as it is: the rest goes to email_validator itself.
ORDINARY_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z]{{1,63}}"
SPECIAL_USE_ENDINGS = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)
PUNYCODE_HYPHENS = "--"  # Punycode has them, and so have the labels that look like it

_is_ordinary = re.compile(ORDINARY_ADDRESS).fullmatch


def email(value: object) -> str:
    """The address, trimmed, in lower case and NFC. Raises: RefusedValueError for what email_validator refuses."""
    trimmed = text(value).strip(WHITE_SPACE)
    lowered = trimmed.lower()
    if (
        len(lowered) <= EMAIL_MAX_BYTES  # what is ordinary has as many bytes
        and _is_ordinary(lowered)
        and PUNYCODE_HYPHENS not in lowered
        and not lowered.endswith(SPECIAL_USE_ENDINGS)
    ):
        return lowered
    return settled_address(trimmed)


def contact_email(given: str) -> str:
    """The spelling under which a contact of this address is known; text that is no address, in lower case."""
    return address_or_text(given.strip(WHITE_SPACE))


def settled_address(trimmed: str) -> str:
    """The address in its one spelling, by email_validator. Raises: RefusedValueError."""
    if not trimmed:
        raise RefusedValueError("is empty")
    if len(trimmed.encode()) > EMAIL_MAX_BYTES:  # before email_validator, which takes long over a long text
        raise RefusedValueError(f"is longer than the {EMAIL_MAX_BYTES} bytes of an e-mail address")
    try:
        address = validate_email(trimmed, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise RefusedValueError(f"is not an e-mail address: {error}") from error
    return normalize("NFC", address.lower())


def address_or_text(trimmed: str) -> str:
    """The spelling that the contacts table has for this address; other text in lower case."""
    try:
        return settled_address(trimmed)
    except RefusedValueError:
        return normalize("NFC", trimmed.lower())
