"""Source `contact_lists`: whether a contact is on a list, with which status."""

from __future__ import annotations

from engine.definition.document import Document
from engine.definition.tree import ListCondition, Node, Not
from engine.definition.vocabulary import SUBSCRIPTION_STATUSES


def read_contact_list(value: object, path: str) -> Node:
    """The condition of a `contact_list` leaf."""
    document = Document.of(value, path, keys=("operator", "list_id", "status"))
    operator = document.choice("operator", ("in", "not_in"), default="in")
    status = None if document.get("status") in (None, "") else document.choice("status", SUBSCRIPTION_STATUSES)
    condition = ListCondition(document.text("list_id"), status, at=document.at("list_id"))
    return condition if operator == "in" else Not(condition)
