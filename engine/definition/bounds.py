"""Between which exact values an aggregate must lie."""

from __future__ import annotations

from decimal import Decimal

from engine.definition.document import Document, checked_number
from engine.definition.vocabulary import GOAL_VALUE_DECIMALS, MAX_GOAL_VALUE


def read_bounds(document: Document) -> tuple[Decimal | None, Decimal | None]:
    """Between which values the aggregate must lie, both inclusive."""
    operator = document.choice("operator", ("gte", "lte", "eq", "between"))
    value = _read_value(document, "value")
    if operator == "between":
        high = _read_value(document, "value_2")
        if value > high:
            raise document.refuse("value_2", f"must not be less than value: nothing lies between {value} and {high}")
        return value, high
    if document.get("value_2") is not None:
        raise document.refuse("value_2", f"goes with between only, not with {operator}")
    return (None if operator == "lte" else value), (None if operator == "gte" else value)


def _read_value(document: Document, key: str) -> Decimal:
    """An exact decimal: 0.1 is one tenth."""
    number = document.require(key)
    checked_number(number, document.at(key))
    value = Decimal(repr(number)).normalize()
    if abs(value) >= MAX_GOAL_VALUE:
        raise document.refuse(key, f"must be less than 1e20 in size, got {number}")
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    if exponent < -GOAL_VALUE_DECIMALS:
        raise document.refuse(key, f"must have at most {GOAL_VALUE_DECIMALS} decimals, got {number}")
    return value
