"""What the columns of tables hold."""

from __future__ import annotations

from enum import StrEnum


class ColumnType(StrEnum):
    """What the values of a column are; every engine has a type for each."""

    INTEGER = "integer"
    TEXT = "text"
    NUMBER = "number"
    DECIMAL = "decimal"
    INSTANT = "instant"
    DATE = "date"
    BOOLEAN = "boolean"
    JSON = "json"
    TEXTS = "texts"
