"""Converting a whole column at once, with a slower second look at the few values that need one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ingest.values.refused import RefusedValueError

# Stands for bytes that are not UTF-8. It begins with NUL, which no column type takes: a value with it is refused.
NOT_UTF8 = "\x00\ufffd"


@dataclass(frozen=True, slots=True)
class Conversion:
    """A column as it is stored, and the values that it could not take.

    Rows: one value per raw value, in the same order; null where the raw value is missing or refused.
    Columns: `refused` maps the position of a refused value to the problem.
    """

    values: pl.Series
    refused: Mapping[int, str]


def settle(raw: pl.Series, values: pl.Series, accepted: pl.Series, second_look: Callable[[Any], str]) -> Conversion:
    """`values` where `accepted`, and what `second_look` makes of each other raw value that is not null.

    `second_look` runs in Python: it returns the text to store or raises RefusedValueError.
    """
    doubtful = (~accepted.fill_null(False)) & raw.is_not_null()
    positions = doubtful.arg_true()
    if positions.is_empty():
        return Conversion(values, {})
    refused: dict[int, str] = {}
    settled: dict[int, str] = {}
    for position, value in zip(positions.to_list(), raw.gather(positions).to_list(), strict=True):
        try:
            settled[position] = second_look(value)
        except RefusedValueError as problem:
            refused[position] = _problem_of(value, problem)
    kept = pl.select(pl.when(~doubtful).then(values)).to_series()
    if settled:
        kept = replaced(kept, list(settled), pl.Series(list(settled.values()), dtype=kept.dtype))
    return Conversion(kept, refused)


def replaced(values: pl.Series, positions: list[int] | pl.Series, replacements: pl.Series) -> pl.Series:
    """A copy of the column with `replacements` at `positions`."""
    return values.clone().scatter(positions, replacements)


def _problem_of(value: object, problem: RefusedValueError) -> str:
    """What to tell the caller: a wrong encoding explains whatever else looks wrong."""
    if isinstance(value, str) and NOT_UTF8 in value:
        return "is not UTF-8; save the file as UTF-8"
    return str(problem)
