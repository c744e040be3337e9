"""The contact fields that a definition may name, with their types."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class FieldType(StrEnum):
    """How the values of a field compare."""

    STRING = "string"
    NUMBER = "number"
    TIME = "time"
    JSON = "json"
    BOOLEAN = "boolean"
    DATE = "date"


def _numbered(stem: str) -> tuple[str, ...]:
    return tuple(f"{stem}_{number}" for number in range(1, 6))


STRING_FIELDS = (
    "email",
    "external_id",
    "first_name",
    "last_name",
    "phone",
    "timezone",
    "language",
    "job_title",
    "address_line_1",
    "address_line_2",
    "country",
    "state",
    "postcode",
    *_numbered("custom_string"),
)
NUMBER_FIELDS = ("lifetime_value", "orders_count", *_numbered("custom_number"))
TIME_FIELDS = ("last_order_at", *_numbered("custom_datetime"), "created_at", "updated_at")
ALWAYS_THERE = ("created_at", "updated_at")
"""Fields that cannot be removed."""

JSON_FIELDS = (*_numbered("custom_json"), "profile")

CONTACT_FIELDS: Mapping[str, FieldType] = MappingProxyType(
    dict.fromkeys(STRING_FIELDS, FieldType.STRING)
    | dict.fromkeys(NUMBER_FIELDS, FieldType.NUMBER)
    | dict.fromkeys(TIME_FIELDS, FieldType.TIME)
    | dict.fromkeys(JSON_FIELDS, FieldType.JSON)
)
