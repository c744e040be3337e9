"""Text in its usual spelling where it is recognised: countries and languages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import Conversion, replaced
from ingest.dataset.column_types.text import Text
from ingest.values.text import WHITE_SPACE


@dataclass(frozen=True, slots=True)
class RecognisedText(ColumnType):
    """Any text, stored as `recognise` spells it; what it does not know is stored as it is."""

    recognise: Callable[[str], str | None]

    def convert(self, raw: pl.Series) -> Conversion:
        """Text in NFC. Rows: one per raw value."""
        text = Text().convert(raw)
        return Conversion(respelt(text.values, text.values.is_not_null(), self.recognise), text.refused)


def respelt(texts: pl.Series, doubtful: pl.Series, recognise: Callable[[str], str | None]) -> pl.Series:
    """The texts; but where `doubtful`, as `recognise` spells them without the blanks around them, if it knows them.

    `recognise` runs in Python, once for each distinct text.
    """
    positions = doubtful.fill_null(False).arg_true()
    if positions.is_empty():
        return texts
    looked_at = texts.gather(positions)
    spellings = {text: recognise(text.strip(WHITE_SPACE)) for text in looked_at.unique().to_list()}
    changed = {text: spelling for text, spelling in spellings.items() if spelling is not None and spelling != text}
    if not changed:
        return texts
    return replaced(texts, positions, looked_at.replace(list(changed), list(changed.values())))
