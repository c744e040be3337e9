"""Numbers: finite doubles."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

from ingest.values.refused import RefusedValueError, wrong_type


def number(value: object) -> float:
    """The nearest double of a number. Numerals in text are not taken: in JSON a number is written without quotes.

    Raises: RefusedValueError for what is not a number, and for what no finite double is near.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise wrong_type(value, "a number")
    try:
        nearest = float(value)
    except OverflowError:  # an int
        raise RefusedValueError("is too large; it must be between -1.8e308 and 1.8e308") from None
    except ValueError:  # a signalling NaN of Decimal
        raise RefusedValueError("is not a finite number; leave it out where there is none") from None
    if not isfinite(nearest):
        if isinstance(value, Decimal) and value.is_finite():
            raise RefusedValueError("is too large; it must be between -1.8e308 and 1.8e308")
        raise RefusedValueError("is not a finite number; leave it out where there is none")
    return nearest
