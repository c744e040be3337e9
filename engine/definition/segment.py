"""Segments: the wire format, from JSON values to a validated tree."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial

from engine.definition.document import Document, checked_text
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.points import iana_zones
from engine.definition.sources import SOURCES, Sources
from engine.definition.sources.contacts import read_contact
from engine.definition.tree import (
    CONTACT_TIMEZONE,
    EVENT_PROPERTIES,
    AllOf,
    AnyOf,
    Filter,
    ListCondition,
    Node,
    Not,
    Segment,
)
from engine.definition.walk import walk
from engine.errors import DefinitionError, SegmentsFileError, UnknownListError, did_you_mean, one_of, shown

MAX_DEPTH = 50
MAX_CONDITIONS = 1_000
MAX_NAME_CHARACTERS = 255
MAX_COLOR_CHARACTERS = 50

_SEGMENT_KEYS = ("id", "name", "color", "timezone", "tree")
_SEGMENT_ID = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)


def read_segment(
    value: object, *, default_timezone: str = "UTC", fields: Mapping[str, FieldType] = CONTACT_FIELDS
) -> Segment:
    """The segment that a JSON object means. `fields` are all that it may name: a workspace has custom ones, too.

    Raises: DefinitionError naming the path of the node, what is wrong and what is allowed. Lists are not looked up
    here: see `check_lists`.
    """
    document = Document.of(value, "segment", keys=_SEGMENT_KEYS)
    segment_id = document.require("id")
    if not isinstance(segment_id, str) or not _SEGMENT_ID.fullmatch(segment_id):
        raise document.refuse("id", f"must be 1 to 64 of a-z 0-9 _ -, got {shown(segment_id)}")
    name = _read_label(document, "name", MAX_NAME_CHARACTERS) or segment_id
    color = _read_label(document, "color", MAX_COLOR_CHARACTERS)
    zone = default_timezone if document.get("timezone") in (None, "") else document.get("timezone")
    timezone = checked_timezone(zone, document.at("timezone"))
    tree = read_tree(document.require("tree"), fields=fields)
    labels = {"id": segment_id, "name": name, **({} if color is None else {"color": color}), "timezone": timezone}
    text = json.dumps({**labels, "tree": document.require("tree")}, ensure_ascii=False)
    return Segment(segment_id, name, color, timezone, tree, document=text)


def read_tree(value: object, *, fields: Mapping[str, FieldType] = CONTACT_FIELDS) -> Node:
    """The tree of a definition; paths in errors start at `tree`. Raises: DefinitionError."""
    reader = _TreeReader(fields)
    return reader.read(value, "tree", depth=1)


def check_lists(segment: Segment, list_ids: Collection[str]) -> None:
    """Refuse a segment that names a list which is not there. Raises: UnknownListError."""
    for node in walk(segment.tree):
        if isinstance(node, ListCondition) and node.list_id not in list_ids:
            raise UnknownListError(node.list_id, path=node.at, known=list_ids)


def contact_fields_of(node: Node) -> set[str]:
    """The fields of contacts that a tree looks at."""
    return {part.subject.field_name for part in walk(node) if isinstance(part, Filter)} - {EVENT_PROPERTIES}


def check_ids(segments: Iterable[Segment]) -> None:
    """Refuse two segments under one id: they would be one in the result. Raises: SegmentsFileError."""
    segment_ids: set[str] = set()
    for segment in segments:
        if segment.id in segment_ids:
            raise SegmentsFileError(f"segment id {segment.id!r} is given twice; ids are unique")
        segment_ids.add(segment.id)


def check_lists_of(segments: Iterable[Segment], list_ids: Collection[str]) -> None:
    """Refuse segments that name a list which is not there. Raises: SegmentsFileError naming the segment."""
    for segment in segments:
        try:
            check_lists(segment, list_ids)
        except DefinitionError as error:
            raise SegmentsFileError(f"segment {segment.id!r}: {error}") from error


def check_fields_of(segments: Iterable[Segment], fields: Mapping[str, FieldType]) -> None:
    """Refuse segments that name a field which is not there, or of another type. Raises: SegmentsFileError."""
    for segment in segments:
        if contact_fields_of(segment.tree) <= CONTACT_FIELDS.keys():
            continue
        try:
            tree = read_tree(json.loads(segment.document)["tree"], fields=fields)
        except DefinitionError as error:
            raise SegmentsFileError(f"segment {segment.id!r}: {error}") from error
        if tree != segment.tree:
            raise SegmentsFileError(f"segment {segment.id!r}: was read with custom fields of other types; read it anew")


def checked_timezone(value: object, path: str) -> str:
    """An IANA name, or `contact`. Raises: DefinitionError."""
    zones = iana_zones()
    if isinstance(value, str) and (value == CONTACT_TIMEZONE or value in zones):
        return value
    hint = did_you_mean(value, zones) if isinstance(value, str) and value else "it can be Europe/Paris, for one"
    hint = hint if hint.startswith("did you mean") else "it can be Europe/Paris, for one"
    raise DefinitionError(path, f"{shown(value)} is no IANA time zone, nor {CONTACT_TIMEZONE!r}; {hint}")


def _read_label(document: Document, key: str, most: int) -> str | None:
    value = document.get(key)
    if value is None:
        return None
    label = checked_text(value, document.at(key))
    if len(label) > most:
        raise document.refuse(key, f"must have at most {most} characters, got {len(label)}")
    return label


class _TreeReader:
    """Reads one tree, counting its conditions against the limit."""

    def __init__(self, fields: Mapping[str, FieldType]) -> None:
        self.condition_count = 0
        self._sources: Sources = {**SOURCES, "contacts": ("contact", partial(read_contact, fields=fields))}

    def read(self, value: object, path: str, *, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise DefinitionError(path[:200], f"is nested more than {MAX_DEPTH} deep; split the definition")
        document = Document.of(value, path, keys=("kind", "branch", "leaf"))
        kind = document.choice("kind", ("branch", "leaf"))
        other = "leaf" if kind == "branch" else "branch"
        if document.get(other) is not None:
            raise document.refuse(other, f"must be absent where kind is {kind!r}")
        if kind == "leaf":
            return self._read_leaf(document.require("leaf"), document.at("leaf"))
        return self._read_branch(document.require("branch"), document.at("branch"), depth=depth)

    def _read_branch(self, value: object, path: str, *, depth: int) -> Node:
        document = Document.of(value, path, keys=("operator", "leaves"))
        operator = document.choice("operator", ("and", "or", "not"))
        nodes = tuple(self.read(item, item_path, depth=depth + 1) for item, item_path in document.items("leaves"))
        if not nodes:
            raise document.refuse("leaves", "must hold at least one node")
        if operator == "not":
            if len(nodes) != 1:
                raise document.refuse("leaves", f"must hold exactly one node for not, got {len(nodes)}")
            return Not(nodes[0])
        if len(nodes) == 1:
            return nodes[0]
        return AllOf(nodes) if operator == "and" else AnyOf(nodes)

    def _read_leaf(self, value: object, path: str) -> Node:
        keys = {key: source for source, (key, _) in self._sources.items()}
        document = Document.of(value, path, keys=("source", *keys))
        source = document.choice("source", tuple(self._sources))
        key, read = self._sources[source]
        for other, owner in keys.items():
            if other != key and document.get(other) is not None:
                raise document.refuse(other, f"belongs to source {owner!r}; this leaf has source {source!r}")
        node = read(document.require(key), document.at(key))
        self.condition_count += sum(not isinstance(part, AllOf | AnyOf | Not) for part in walk(node))
        if self.condition_count > MAX_CONDITIONS:
            raise DefinitionError(
                path,
                f"is past the limit of {MAX_CONDITIONS:,} conditions in one definition; "
                f"give one condition several values ({one_of(['string_values', 'number_values'])}), or split it",
            )
        return node
