"""Nested Arrow arrays written as JSON text."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ingest.dataset.column_types.arrow_text import is_arrow_text

_WRAPPER = "v"  # polars writes structs as JSON, so each value is put into a struct and taken out of its text


def nested_problem(given: pa.DataType) -> str | None:
    """What in a nested type cannot be written as JSON, or None."""
    for inner in _inner_types(given):
        if _inner_types(inner):
            if problem := nested_problem(inner):
                return problem
        elif not _is_json_scalar(inner):
            return f"holds {inner} inside of {given}, which JSON has no value for; write it as text or as a float"
    return None


def json_of_nested(array: pa.Array[Any]) -> pl.Series:
    """Text column of JSON, null where the array is null; NaN and infinities come out as such, which is not valid JSON.

    Raises: pa.ArrowInvalid if a text inside is not UTF-8.
    """
    array.validate(full=True)
    if _holds_map(array.type) or _holds_non_finite(array):
        rows = array.to_pylist(maps_as_pydicts="lossy")
        texts = [None if row is None else json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
        return pl.Series(texts, dtype=pl.String)
    wrapped = pl.DataFrame({_WRAPPER: pl.Series(pl.from_arrow(array))}).to_struct().struct.json_encode()
    return wrapped.str.slice(len(_WRAPPER) + 4).str.head(-1)


def _inner_types(given: pa.DataType) -> list[pa.DataType]:
    """The types one level below; none for what is not nested."""
    return [given.field(index).type for index in range(given.num_fields)] if pa.types.is_nested(given) else []


def _is_json_scalar(given: pa.DataType) -> bool:
    """Whether JSON has values for it, and polars writes them."""
    numbers = pa.types.is_integer(given) or pa.types.is_float32(given) or pa.types.is_float64(given)
    return numbers or pa.types.is_boolean(given) or is_arrow_text(given)


def _holds_map(given: pa.DataType) -> bool:
    """Whether there is a map in it, which polars takes for a list of pairs."""
    return pa.types.is_map(given) or any(map(_holds_map, _inner_types(given)))


def _holds_non_finite(array: Any) -> bool:
    """Whether there is NaN or an infinity in it, which polars writes as null."""
    if pa.types.is_floating(array.type):
        return pc.all(pc.is_finite(array)).as_py() is False
    if pa.types.is_struct(array.type):
        return any(map(_holds_non_finite, array.flatten()))
    return pa.types.is_nested(array.type) and _holds_non_finite(array.flatten())
