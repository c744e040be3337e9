"""Arrow columns from numpy codes, without a Python loop over rows."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# pyarrow-stubs makes arrays generic, the class at run time is not.
if TYPE_CHECKING:
    Column: TypeAlias = pa.Array[Any]
else:
    Column: TypeAlias = pa.Array

INSTANT = pa.timestamp("us", tz="UTC")
PICKED = pa.dictionary(pa.int32(), pa.string())

# Any: pyarrow-stubs refuses the mix of arrays and scalars that these functions are made for.
_join: Any = pc.binary_join_element_wise
_if_else: Any = pc.if_else


def instant_column(at_us: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_] | None = None) -> Column:
    """UTC instants. Units: microseconds since 1970."""
    return pa.array(at_us, type=pa.int64(), mask=missing).cast(INSTANT)


def number_column(values: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_] | None = None) -> Column:
    """Doubles, null where missing."""
    return pa.array(values, type=pa.float64(), mask=missing)


def picked_column(
    codes: npt.NDArray[np.integer], choices: Column, missing: npt.NDArray[np.bool_] | None = None
) -> Column:
    """Strings of `choices` by code, kept as dictionary codes, so that no text is copied per row."""
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), choices, mask=missing)


def grouped_column(codes: npt.NDArray[np.int64], choices: Column) -> Column:
    """Like `picked_column` for rising codes, with only the choices that occur in the dictionary."""
    opens_group = np.diff(codes, prepend=-1) > 0
    return picked_column(np.cumsum(opens_group) - 1, choices.take(codes[opens_group]))


def joined_column(*parts: Column | str, separator: str) -> Column:
    """Texts joined row by row; a part is one text per row, or one text for all."""
    joined: Column = _join(*parts, separator)
    return joined


def numbered_column(prefix: Column | str, numbers: npt.NDArray[np.int64]) -> Column:
    """Texts `prefix-number`; the prefix is one text per row, or one text for all."""
    return joined_column(prefix, digits_column(numbers), separator="-")


def digits_column(numbers: npt.NDArray[np.int64]) -> Column:
    """Numbers as decimal text."""
    return pa.array(numbers, type=pa.int64()).cast(pa.string())


def nulled(column: Column, missing: npt.NDArray[np.bool_]) -> Column:
    """The column with nulls where missing."""
    kept: Column = _if_else(pa.array(missing), pa.scalar(None, column.type), column)
    return kept
