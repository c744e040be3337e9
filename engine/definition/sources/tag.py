"""Source `tag`: whether a contact has one of some tags."""

from __future__ import annotations

from engine.definition.document import Document, checked_text
from engine.definition.tree import Node, Not, TagCondition
from engine.errors import DefinitionError


def read_tag(value: object, path: str) -> Node:
    """The condition of a `tag` leaf. A tag that no contact has is allowed."""
    document = Document.of(value, path, keys=("operator", "tags"))
    operator = document.choice("operator", ("in", "not_in"), default="in")
    tags = tuple(_checked_tag(item, item_path) for item, item_path in document.items("tags"))
    if not tags:
        raise document.refuse("tags", "must hold at least one tag")
    condition = TagCondition(tuple(dict.fromkeys(tags)))
    return condition if operator == "in" else Not(condition)


def _checked_tag(value: object, path: str) -> str:
    tag = checked_text(value, path)
    if not tag:
        raise DefinitionError(path, "must not be empty: no tag is")
    return tag
