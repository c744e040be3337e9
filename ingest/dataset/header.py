"""Which column of a file is which column of its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from engine.errors import DatasetError, did_you_mean, shown
from ingest.dataset.columns import Column, Table
from ingest.dataset.records import ExtraColumns

NAMED_UNKNOWN_COLUMNS = 5
_BYTE_ORDER_MARK = "\ufeff"


def stripped(name: str) -> str:
    """A column name without the blanks and byte order marks around it."""
    return name.strip().strip(_BYTE_ORDER_MARK).strip()


def matched_columns(
    file: Path, names: Sequence[str], table: Table, extra_columns: ExtraColumns, *, complete: bool = True
) -> dict[str, Column]:
    """The column of the table for each of the file's column names that has one.

    With `complete`, `names` are all the columns of the file, so that a required one must be among them.
    Raises: DatasetError for a name that occurs twice, that the table does not know, or that is missing.
    """
    counts = Counter(stripped(name).casefold() for name in names)
    twice = sorted({shown(name) for name in names if counts[stripped(name).casefold()] > 1 and stripped(name)})
    if twice:
        raise DatasetError(file, f"has the same column more than once: {', '.join(twice)}; keep one of them")
    known = table.by_name
    unknown = [name for name in names if stripped(name) not in known]
    if unknown and extra_columns == "refuse":
        raise DatasetError(file, _unknown_columns(unknown, table))
    missing = known.keys() - {stripped(name) for name in names}
    required = [column.name for column in table.columns if column.required and column.name in missing]
    if complete and required:
        raise DatasetError(file, f"has no column {' and no '.join(required)}, which every row of {table.name} needs")
    return {name: known[stripped(name)] for name in names if stripped(name) in known}


def _unknown_columns(unknown: Sequence[str], table: Table) -> str:
    """Message that names the unknown columns, each with the nearest known one."""
    free = table.by_name.keys()
    hints = [f"{shown(name)} ({did_you_mean(stripped(name), free)})" for name in unknown[:NAMED_UNKNOWN_COLUMNS]]
    more = f" and {len(unknown) - len(hints)} more" if len(unknown) > len(hints) else ""
    plural = "s" if len(unknown) > 1 else ""
    separator = "; columns are separated by commas" if len(unknown) == 1 and set(unknown[0]) & set(";\t|") else ""
    return (
        f"has the unknown column{plural} {', '.join(hints)}{more}{separator}; "
        "rename or remove what is unknown, or ignore it with --extra-columns ignore"
    )
