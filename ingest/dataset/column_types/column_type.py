"""What a column type is: how its values look in each file format, and what is stored for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import NoneType
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from ingest.dataset.column_types.arrow_text import is_arrow_text, text_of_arrow
from ingest.dataset.column_types.conversion import Conversion

JSON_NAMES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "an array",
    dict: "an object",
}


class ColumnType(ABC):
    """One type of column. As it stands, it takes text in every format; a subclass overrides what differs.

    A file gives each column as a raw column: text in CSV, and whatever `raw_from_parquet` or `raw_from_json` returns.
    `convert` takes all of these, so the rules of a type stand once, whatever the format.
    """

    __slots__ = ()
    wanted: ClassVar[str] = "text"
    wanted_in_parquet: ClassVar[str] = "text (string)"
    stored: ClassVar[pl.DataType] = pl.String()
    json_types: ClassVar[frozenset[type]] = frozenset({str})

    @abstractmethod
    def convert(self, raw: pl.Series) -> Conversion:
        """The column as it is stored. Rows: one per raw value; a null stays null."""

    def parquet_problem(self, given: pa.DataType) -> str | None:
        """What is wrong with a Parquet column of type `given`, or None."""
        return None if is_arrow_text(given) else f"is {given}, but must be {self.wanted_in_parquet}"

    def raw_from_parquet(self, array: pa.Array[Any]) -> pl.Series:
        """The raw column of a Parquet column that has no `parquet_problem`."""
        return text_of_arrow(array)

    def json_problem(self, value: object) -> str | None:
        """What is wrong with the type of a JSON value other than null, or None."""
        if type(value) in self.json_types:
            return None
        return f"is {JSON_NAMES[type(value)]}, but must be {self.wanted}"

    def raw_from_json(self, values: list[object]) -> pl.Series:
        """The raw column of JSON values.

        Raises: TypeError, as soon as one value has a `json_problem`.
        """
        if not set(map(type, values)) <= self.json_types | {NoneType}:
            raise TypeError
        return pl.Series(values, dtype=pl.String)
