"""Source `segment`: whether a contact is in another segment, at the same instant."""

from __future__ import annotations

from engine.definition.document import Document
from engine.definition.tree import Node, Not, SegmentCondition


def read_segment_condition(value: object, path: str) -> Node:
    """The condition of a `segment` leaf. The other segment is looked up later: see `check_references_of`."""
    document = Document.of(value, path, keys=("operator", "segment_id"))
    operator = document.choice("operator", ("in", "not_in"), default="in")
    condition = SegmentCondition(document.text("segment_id"), at=document.at("segment_id"))
    return condition if operator == "in" else Not(condition)
