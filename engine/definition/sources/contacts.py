"""Source `contacts`: filters on the fields of the profile, all of which must hold."""

from __future__ import annotations

from collections.abc import Mapping

from engine.definition.document import Document
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.filters import FILTER_KEYS, read_field_type, read_filter, read_json_path
from engine.definition.tree import AllOf, Node
from engine.definition.value_tests import Subject
from engine.errors import UnknownFieldError


def read_contact(value: object, path: str, fields: Mapping[str, FieldType] = CONTACT_FIELDS) -> Node:
    """The condition of a `contact` leaf; `fields` are those that it may name."""
    document = Document.of(value, path, keys=("filters",))
    nodes = tuple(_read_filter(item, item_path, fields) for item, item_path in document.items("filters"))
    if not nodes:
        raise document.refuse("filters", "must hold at least one filter")
    return nodes[0] if len(nodes) == 1 else AllOf(nodes)


def _read_filter(value: object, path: str, fields: Mapping[str, FieldType]) -> Node:
    document = Document.of(value, path, keys=FILTER_KEYS)
    field_name = document.text("field_name")
    own = fields.get(field_name)
    if own is None:
        raise UnknownFieldError(field_name, path=document.at("field_name"), known=fields)
    is_json = own is FieldType.JSON
    json_path = read_json_path(document)
    if json_path and not is_json:
        raise document.refuse("json_path", f"goes with a json field only, and {field_name} is a {own} field")
    field_type = read_field_type(document, own=own, is_json=is_json)
    return read_filter(document, Subject(field_name, field_type, is_json, json_path))
