"""A plan of segments as a file: what was planned, to be applied later and held against what happens then."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.definition import read_segment
from engine.definition.fields import FieldType
from engine.definition.points import parsed_instant
from engine.errors import CallerError, DefinitionError
from engine.execute.contact_set import ContactSet
from engine.execute.planned import PlannedSegment, SegmentsPlan

FORMAT = "populace segments plan"
VERSION = 1


def plan_document(plan: SegmentsPlan, workspace_id: str) -> dict[str, object]:
    """The plan as JSON values. Contacts are known by numbers that mean nothing outside of their workspace."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "workspace": workspace_id,
        "as_of": plan.as_of.isoformat(),
        "definitions": [json.loads(segment.document) for segment in plan.definitions],
        "segments": [
            {
                "id": item.segment_id,
                "size": item.size,
                "entered": b64encode(item.entered.packed()).decode("ascii"),
                "left": b64encode(item.left.packed()).decode("ascii"),
            }
            for item in plan.segments
        ],
    }


def is_plan_file(path: Path) -> bool:
    """Whether a file says that it is a plan."""
    try:
        with path.open("rb") as file:
            return f'"format": "{FORMAT}"' in file.read(200).decode("utf-8", "replace")
    except OSError:
        return False


def read_plan(path: Path, workspace_id: str, *, default_timezone: str, fields: Mapping[str, FieldType]) -> SegmentsPlan:
    """The plan of a file. Raises: CallerError if it is none, or one of another workspace."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if document.get("format") != FORMAT or document.get("version") != VERSION:
            raise CallerError(f"{path}: is no plan that this populace reads; plan again with: populace segments plan")
        if document["workspace"] != workspace_id:
            raise CallerError(f"{path}: is a plan of another workspace; plan again for this one")
        return _plan_of(document, default_timezone=default_timezone, fields=fields)
    except DefinitionError as error:
        raise CallerError(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CallerError(f"{path}: cannot be read as a plan ({error}); plan again") from error


def _plan_of(document: Any, *, default_timezone: str, fields: Mapping[str, FieldType]) -> SegmentsPlan:
    as_of = parsed_instant(document["as_of"])
    if as_of is None:
        raise ValueError("its instant is none")
    definitions = tuple(
        read_segment(item, default_timezone=default_timezone, fields=fields) for item in document["definitions"]
    )
    return SegmentsPlan(as_of, definitions, tuple(_planned(item) for item in document["segments"]), ())


def _planned(item: Any) -> PlannedSegment:
    entered, left = (ContactSet.unpacked(b64decode(item[name])) for name in ("entered", "left"))
    return PlannedSegment(str(item["id"]), None, int(item["size"]), None, entered, left, (), None)
