"""The first rows of a file as they would be brought in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from engine.storage.custom_fields import CustomFieldType
from ingest.csv_import.reader import Part
from ingest.csv_import.rows import RowMaker
from ingest.csv_import.settings import ImportSettings
from ingest.dataset.columns import ROW_NUMBER

PREVIEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A record: what it gives of a contact, or why it is rejected. `row` is its number in the file, from 1."""

    row: int
    values: Mapping[str, object]
    problem: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The first 20 records; and of all in the first megabyte how many there are and how many are rejected."""

    rows: Sequence[PreviewRow]
    looked_at_count: int
    rejected_count: int


def previewed(part: Part, settings: ImportSettings, custom_fields: Mapping[str, CustomFieldType], zone: str) -> Preview:
    """What becomes of the first records. Raises: InvalidValueError for a constant that is no value of its field."""
    rows = RowMaker(settings, custom_fields, zone).rows(part)
    problems = {rejection.row: rejection.problem for rejection in rows.rejections}
    frame = rows.frame.filter(pl.col(ROW_NUMBER) <= PREVIEW_ROWS)
    taken = {row.pop(ROW_NUMBER): row for row in frame.iter_rows(named=True)}
    shown = [
        PreviewRow(
            row,
            {name: value for name, value in taken.get(row, {}).items() if value is not None},
            problems.get(row),
        )
        for row in range(1, min(part.last_row, PREVIEW_ROWS) + 1)
    ]
    return Preview(shown, part.last_row, len(problems))
