"""A world of one contact, and the segments that are asked of it."""

from tests.reference_question import Row


def one_contact(field_value: str, **fields: object) -> Row:
    contact = {"email": "ann@x.example", "custom_datetime_1": field_value, **fields}
    return {"as_of": "2026-06-01T12:00:00Z", "timezone": "UTC", "contacts": [contact]}


def segment_of(*conditions: Row, timezone: str = "UTC") -> Row:
    leaves = [{"kind": "leaf", "leaf": condition} for condition in conditions]
    return {
        "id": "s",
        "timezone": timezone,
        "tree": {"kind": "branch", "branch": {"operator": "and", "leaves": leaves}},
    }


def contact_condition(field_name: str, operator: str, **rest: object) -> Row:
    return {
        "source": "contacts",
        "contact": {"filters": [{"field_name": field_name, "operator": operator, **rest}]},
    }
