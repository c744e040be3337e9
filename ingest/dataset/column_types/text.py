"""Text columns: any text, text of a pattern, or one of a few words."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from engine.definition.vocabulary import MAX_TEXT_CHARACTERS
from engine.errors import one_of
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, replaced, settle
from ingest.values.refused import RefusedValueError
from ingest.values.text import text


@dataclass(frozen=True, slots=True)
class Text(ColumnType):
    """Any text up to 65,536 characters without NUL, stored in Unicode NFC."""

    def convert(self, raw: pl.Series) -> Conversion:
        """Text in NFC. Rows: one per raw value."""
        values = normalised(raw)
        accepted = ~values.str.contains("\x00", literal=True)
        if (values.str.len_bytes().max() or 0) > MAX_TEXT_CHARACTERS:  # type: ignore[operator]  # polars types max() widely
            accepted &= values.str.len_chars() <= MAX_TEXT_CHARACTERS
        return settle(raw, values, accepted, text)


def normalised(texts: pl.Series) -> pl.Series:
    """The texts in Unicode NFC. Only what is not ASCII can change, and only that is looked at."""
    odd = non_ascii(texts)
    if not odd.any():
        return texts
    positions = odd.arg_true()
    return replaced(texts, positions, texts.gather(positions).str.normalize("NFC"))


def non_ascii(texts: pl.Series) -> pl.Series:
    """Which values hold a character beyond ASCII."""
    return texts.str.len_bytes() != texts.str.len_chars()


@dataclass(frozen=True, slots=True)
class PatternText(ColumnType):
    """Text that one regular expression matches as a whole; `allowed` says in words what it matches."""

    what: str
    pattern: str
    allowed: str

    def convert(self, raw: pl.Series) -> Conversion:
        """The text as it is. Rows: one per raw value."""
        return settle(raw, raw, raw.str.contains(f"^(?:{self.pattern})$"), self._refuse)

    def _refuse(self, value: str) -> str:
        """Raises: RefusedValueError, always."""
        raise RefusedValueError("is empty" if value == "" else f"is not {self.what}: {self.allowed}")


@dataclass(frozen=True, slots=True)
class OneOfText(ColumnType):
    """One of a few words, spelt exactly so."""

    words: tuple[str, ...]

    def convert(self, raw: pl.Series) -> Conversion:
        """The word as it is. Rows: one per raw value."""
        return settle(raw, raw, raw.is_in(self.words), self._refuse)

    def _refuse(self, value: str) -> str:
        """Raises: RefusedValueError, always."""
        raise RefusedValueError("is empty" if value == "" else f"must be {one_of(self.words)}")
