"""Source `identity`: whether a contact is known by an identity of some kind."""

from __future__ import annotations

import re

from engine.definition.document import Document
from engine.definition.tree import IdentityCondition, Node, Not
from engine.definition.vocabulary import IDENTITY_KIND_PATTERN
from engine.errors import shown

_KIND = re.compile(IDENTITY_KIND_PATTERN, re.ASCII)


def read_identity_condition(value: object, path: str) -> Node:
    """The condition of an `identity` leaf. A kind that nobody has is allowed."""
    document = Document.of(value, path, keys=("operator", "kind"))
    operator = document.choice("operator", ("is_set", "is_not_set"), default="is_set")
    kind = document.text("kind")
    if not _KIND.fullmatch(kind):
        problem = f"is {shown(kind)}; a kind of identity has 1 to 32 characters of a-z 0-9 _, the first a letter"
        raise document.refuse("kind", problem)
    condition = IdentityCondition(kind)
    return condition if operator == "is_set" else Not(condition)
