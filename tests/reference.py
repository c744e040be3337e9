"""Decides in plain Python which contacts belong to a segment, as the judge of every other answer.

A new source enters `node_members`, and what it means stands here, or in `reference_events` if it reads what happened.
A new operator of filters goes into `reference_filters`, one that asks for instants or days into `reference_time`;
`reference_operators` knows which one negates which.
"""

import unicodedata
from datetime import UTC, datetime
from typing import Any

from tests.reference_events import contact_timeline_members, custom_events_goal_members, sequence_members
from tests.reference_filters import filter_holds
from tests.reference_question import Question, Row, email_of
from tests.reference_sql import emails_of_query
from tests.reference_time import is_past, required_instant

FIELDS_OF_TYPE = {
    "string": "email external_id first_name last_name phone timezone language job_title country "
    "address_line_1 address_line_2 state postcode custom_string_1 custom_string_2 custom_string_3 "
    "custom_string_4 custom_string_5",
    "number": "lifetime_value orders_count custom_number_1 custom_number_2 custom_number_3 "
    "custom_number_4 custom_number_5",
    "time": "last_order_at created_at updated_at custom_datetime_1 custom_datetime_2 "
    "custom_datetime_3 custom_datetime_4 custom_datetime_5",
    "json": "custom_json_1 custom_json_2 custom_json_3 custom_json_4 custom_json_5",
}
FIELD_TYPES = {name: kind for kind, names in FIELDS_OF_TYPE.items() for name in names.split()}
TYPE_OF_CUSTOM_FIELD = {
    **dict.fromkeys(["text", "email", "url"], "string"),
    **{kind: kind for kind in ("number", "date", "boolean", "json")},
    "datetime": "time",
}


def members(
    segment: dict[str, Any],
    world: dict[str, Any],
    *,
    as_of: datetime | None = None,
    others: list[dict[str, Any]] | None = None,
) -> set[str]:
    """E-mails (trimmed, lower-cased) of the contacts that match the segment at `as_of`.

    `others` are the segments that it may name.
    """
    world, segment = nfc_throughout(world), nfc_throughout(segment)
    contacts = {email_of(row): row for row in world.get("contacts") or []}
    for table in ("timeline", "custom_events", "subscriptions"):
        world = world | {table: [row for row in world.get(table) or [] if email_of(row) in contacts]}
    at = (as_of or required_instant(world["as_of"])).astimezone(UTC)
    workspace_zone = world.get("timezone") or "UTC"
    segment_zone = segment.get("timezone") or workspace_zone
    question = Question(world, contacts, at, segment_zone, workspace_zone, {row["id"]: row for row in others or []})
    return node_members(segment["tree"], question)


def nfc_throughout(value: Any) -> Any:
    """The value with every text in it, keys too, in Unicode NFC."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case list():
            return [nfc_throughout(item) for item in value]
        case dict():
            return {nfc_throughout(key): nfc_throughout(item) for key, item in value.items()}
        case _:
            return value


def node_members(node: Row, question: Question) -> set[str]:
    if node["kind"] == "leaf":
        leaf = node["leaf"]
        match leaf["source"]:
            case "contacts":
                return contact_members(leaf["contact"], question)
            case "contact_lists":
                return contact_list_members(leaf["contact_list"], question)
            case "tag":
                return tag_members(leaf["tag"], question)
            case "identity":
                return identity_members(leaf["identity"], question)
            case "segment":
                return segment_members(leaf["segment"], question)
            case "contact_timeline":
                return contact_timeline_members(leaf["contact_timeline"], question)
            case "sequence":
                return sequence_members(leaf["sequence"], question)
            case "sql":
                return sql_members(leaf["sql"], question)
            case "custom_events_goals":
                return custom_events_goal_members(leaf["custom_events_goal"], question)
    else:
        everyone = set(question.contacts)
        leaves = [node_members(leaf, question) for leaf in node["branch"]["leaves"]]
        match node["branch"]["operator"]:
            case "and":
                return everyone.intersection(*leaves)
            case "or":
                return set().union(*leaves)
            case "not":
                (only_leaf,) = leaves
                return everyone - only_leaf
    raise ValueError(f"unknown node {node!r}")


def contact_members(condition: Row, question: Question) -> set[str]:
    found = set(question.contacts)
    custom = {row["key"]: TYPE_OF_CUSTOM_FIELD[row["type"]] for row in question.world.get("custom_fields") or []}
    for asked in condition["filters"]:
        for email, row in question.contacts.items():
            value = email if asked["field_name"] == "email" else row.get(asked["field_name"])
            field_type = asked.get("field_type") or (FIELD_TYPES | custom)[asked["field_name"]]
            if not filter_holds(value, field_type, asked, email, question):
                found.discard(email)
    return found


def tag_members(condition: Row, question: Question) -> set[str]:
    found = set()
    for email, row in question.contacts.items():
        if any(tag in condition["tags"] for tag in row.get("tags") or []):
            found.add(email)
    return set(question.contacts) - found if condition.get("operator") == "not_in" else found


def identity_members(condition: Row, question: Question) -> set[str]:
    """The contacts that something names; files have no names but e-mails, phones and external ids."""
    found = set()
    for email, row in question.contacts.items():
        phone, external_id = str(row.get("phone") or ""), row.get("external_id")
        digits = phone.removeprefix("+")
        is_number = phone != digits and digits.isascii() and digits.isdigit() and digits[0] != "0"
        names = {"email": True, "external_id": bool(external_id), "phone": is_number and 7 <= len(digits) <= 15}
        if names.get(condition["kind"], False):
            found.add(email)
    return set(question.contacts) - found if condition.get("operator") == "is_not_set" else found


def segment_members(condition: Row, question: Question) -> set[str]:
    other = question.others[condition["segment_id"]]
    found = members(other, question.world, as_of=question.as_of, others=list(question.others.values()))
    return set(question.contacts) - found if condition.get("operator") == "not_in" else found


def sql_members(condition: Row, question: Question) -> set[str]:
    found = emails_of_query(condition["query"], question) & set(question.contacts)
    return set(question.contacts) - found if condition.get("operator") == "not_in" else found


def contact_list_members(condition: Row, question: Question) -> set[str]:
    status_of = {}
    for row in question.world.get("subscriptions") or []:
        if row["list_id"] == condition["list_id"] and email_of(row) in question.contacts:
            status_of[email_of(row)] = row.get("status")
    asked_status = condition.get("status") or None
    found = {email for email in status_of if asked_status in (None, status_of[email])}

    lists = {row["id"]: row for row in question.world.get("lists") or []}
    asked_list = lists.get(condition["list_id"])
    if asked_list is None or is_past(asked_list.get("deleted_at"), question.as_of):
        found = set()
    return set(question.contacts) - found if condition.get("operator") == "not_in" else found
