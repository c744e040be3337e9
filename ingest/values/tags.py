"""Tags: a list of short texts."""

from __future__ import annotations

from ingest.values.refused import RefusedValueError, wrong_type
from ingest.values.text import in_nfc

TAG_MAX_CHARACTERS = 64


def tags(value: object) -> list[str]:
    """The texts in NFC, each once, in the given order.

    Raises: RefusedValueError for what is not a list of text, for NUL, and for a tag without 1 to 64 characters.
    """
    if not isinstance(value, list):
        raise wrong_type(value, "an array of text")
    distinct: dict[str, None] = {}
    for tag in value:
        if not isinstance(tag, str):
            raise RefusedValueError("holds what is not text, but must be an array of text")
        normal = tag if tag.isascii() else in_nfc(tag)
        if "\x00" in normal:
            raise RefusedValueError("holds a tag with a NUL character; remove it")
        if not 1 <= len(normal) <= TAG_MAX_CHARACTERS:
            raise RefusedValueError(f"holds a tag that does not have 1 to {TAG_MAX_CHARACTERS} characters")
        distinct[normal] = None
    return list(distinct)
