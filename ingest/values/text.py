"""Text: any text up to 65,536 characters without NUL, in Unicode NFC."""

from __future__ import annotations

from unicodedata import normalize

from engine.definition.vocabulary import MAX_TEXT_CHARACTERS
from ingest.values.refused import RefusedValueError, wrong_type

# Unicode's White_Space, which polars strips; Python's own `strip` takes U+001C to U+001F as well.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def text(value: object) -> str:
    """The text in NFC; blanks around it stay.

    Raises: RefusedValueError for what is not text, for NUL, for half a surrogate pair, and for too many characters.
    """
    if not isinstance(value, str):
        raise wrong_type(value, "text")
    if not value.isascii():
        value = in_nfc(value)
    if "\x00" in value:
        raise RefusedValueError("holds a NUL character; remove it")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise RefusedValueError(f"is longer than the limit of {MAX_TEXT_CHARACTERS:,} characters")
    return value


def trimmed_text(value: object) -> str:
    """The text in NFC without the blanks around it.

    Raises: RefusedValueError as `text` does, and where nothing is left.
    """
    trimmed = text(value).strip(WHITE_SPACE)
    if not trimmed:
        raise RefusedValueError("is empty; give null to remove the value")
    return trimmed


def in_nfc(value: str) -> str:
    """Text that is not all ASCII, in NFC. Raises: RefusedValueError for half a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RefusedValueError(
            f"holds {value[error.start]!a}, half of a surrogate pair; write the character that the pair stands for"
        ) from error
    return normalize("NFC", value)
