"""Text in Arrow arrays, which may hold bytes that are not UTF-8: Parquet readers do not check."""

from __future__ import annotations

import codecs
from typing import Any

import polars as pl
import pyarrow as pa

from ingest.dataset.column_types.conversion import NOT_UTF8

# The same bytes, seen without the promise that they are UTF-8.
_BYTES_OF = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}


def _marked_as_not_utf8(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: NOT_UTF8 for each stretch of bytes that is not UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return NOT_UTF8, error.end


MARK_NOT_UTF8 = "populace-mark-not-utf8"
codecs.register_error(MARK_NOT_UTF8, _marked_as_not_utf8)


def is_arrow_text(given: pa.DataType) -> bool:
    """Whether a column of this type is text, dictionary-encoded text, or nothing but nulls."""
    if pa.types.is_dictionary(given):
        given = given.value_type
    return pa.types.is_null(given) or given in _BYTES_OF


def text_of_arrow(array: pa.Array[Any]) -> pl.Series:
    """Text column of an `is_arrow_text` array; what is not UTF-8 in it becomes NOT_UTF8."""
    if pa.types.is_null(array.type):
        return pl.Series(pl.from_arrow(array))
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    encoded = pl.Series(pl.from_arrow(array.view(_BYTES_OF[array.type])))
    try:
        return encoded.cast(pl.String)
    except pl.exceptions.ComputeError:  # some value is not UTF-8
        decoded = [None if value is None else value.decode("utf-8", MARK_NOT_UTF8) for value in encoded.to_list()]
        return pl.Series(decoded, dtype=pl.String)
