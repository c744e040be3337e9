"""Tags: a list of short texts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from ingest.dataset.column_types.arrow_text import is_arrow_text, text_of_arrow
from ingest.dataset.column_types.column_type import JSON_NAMES, ColumnType
from ingest.dataset.column_types.conversion import Conversion, settle
from ingest.dataset.column_types.text import normalised
from ingest.values.refused import RefusedValueError
from ingest.values.tags import TAG_MAX_CHARACTERS

CSV_SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class Tags(ColumnType):
    """Texts of 1 to 64 characters in Unicode NFC, each once, in the order of the file; in CSV `a;b`."""

    wanted: ClassVar[str] = "an array of text"
    wanted_in_parquet: ClassVar[str] = "a list of text"
    stored: ClassVar[pl.DataType] = pl.List(pl.String())
    json_types: ClassVar[frozenset[type]] = frozenset({list})

    def parquet_problem(self, given: Any) -> str | None:
        """None for lists of text, and for a column of nothing but nulls."""
        if pa.types.is_null(given) or (_is_list(given) and is_arrow_text(given.value_type)):
            return None
        return f"is {given}, but must be {self.wanted_in_parquet}"

    def raw_from_parquet(self, array: Any) -> pl.Series:
        """A list column."""
        if pa.types.is_null(array.type):
            return pl.Series(pl.from_arrow(array))
        given = array.type.value_type
        # What pyarrow makes of nothing but empty lists is a list of nulls.
        lists = array.cast(pa.large_list(pa.large_string() if pa.types.is_null(given) else given))
        return _lists_of(lists, text_of_arrow(lists.values))  # what polars gets must be UTF-8

    def json_problem(self, value: object) -> str | None:
        """None for an array of text."""
        if not isinstance(value, list):
            return f"is {JSON_NAMES[type(value)]}, but must be {self.wanted}"
        return None if set(map(type, value)) <= {str} else f"holds what is not text, but must be {self.wanted}"

    def raw_from_json(self, values: list[object]) -> pl.Series:
        """A list column. Raises: TypeError for any other JSON value."""
        if not set(map(type, values)) <= {list, NoneType}:
            raise TypeError
        lists = [value for value in values if isinstance(value, list)]
        if not set(map(type, chain.from_iterable(lists))) <= {str}:
            raise TypeError
        return pl.Series(values, dtype=self.stored)

    def convert(self, raw: pl.Series) -> Conversion:
        """A list column of a list or a text column. Rows: one per raw value."""
        tag = pl.element()
        lists = raw
        if raw.dtype == pl.String:
            lists = raw.str.split(CSV_SEPARATOR).list.eval(tag.str.strip_chars())
            lists = lists.list.eval(tag.filter(tag != ""))
        lists = _normalised_lists(lists)
        fits = tag.str.len_chars().is_between(1, TAG_MAX_CHARACTERS) & ~tag.str.contains("\x00", literal=True)
        accepted = lists.list.eval(fits.fill_null(False)).list.all()
        return settle(raw, lists.list.unique(maintain_order=True), accepted, _refuse)


def _normalised_lists(lists: pl.Series) -> pl.Series:
    """The lists with every text in NFC: all texts at once, for a call per list would take a hundred times as long."""
    array: Any = lists.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    return _lists_of(array, normalised(pl.Series(pl.from_arrow(array.values))))


def _lists_of(shape: Any, texts: pl.Series) -> pl.Series:
    """List column with the nulls and lengths of `shape`, a LargeListArray, and with `texts` in place of its values."""
    flat = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    lists = pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(shape.offsets, flat)))
    present = pl.Series(pl.from_arrow(shape.is_valid()))
    return pl.select(pl.when(present).then(lists)).to_series()


def _is_list(given: pa.DataType) -> bool:
    """Whether it is one of Arrow's kinds of list."""
    return pa.types.is_list(given) or pa.types.is_large_list(given) or pa.types.is_fixed_size_list(given)


def _refuse(value: str | list[str | None]) -> str:
    """Raises: RefusedValueError, always."""
    tags = value.split(CSV_SEPARATOR) if isinstance(value, str) else value
    if any(tag is not None and "\x00" in tag for tag in tags):
        raise RefusedValueError("holds a tag with a NUL character; remove it")
    raise RefusedValueError(f"holds a tag that does not have 1 to {TAG_MAX_CHARACTERS} characters")
