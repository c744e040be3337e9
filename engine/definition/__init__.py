"""The definition language: what a caller may ask for, read and validated."""

from __future__ import annotations

from engine.definition.references import check_references_of
from engine.definition.segment import (
    check_fields_of,
    check_ids,
    check_lists,
    check_lists_of,
    checked_timezone,
    contact_fields_of,
    read_segment,
    read_tree,
)
from engine.definition.tree import Segment

__all__ = [
    "Segment",
    "check_fields_of",
    "check_ids",
    "check_lists",
    "check_lists_of",
    "check_references_of",
    "checked_timezone",
    "contact_fields_of",
    "read_segment",
    "read_tree",
]
