"""Segments as SQL for engines that hold the tables themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from engine.compile import DIALECTS, members_script, tables_script
from engine.definition import Segment, check_fields_of, check_ids, check_references_of
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.tree import ListCondition
from engine.definition.walk import walk
from engine.errors import CallerError, SegmentsFileError, one_of
from engine.plan import Catalog, build_plan

DIALECT_NAMES = tuple(DIALECTS)

_WITHOUT_DATA = Catalog(lists=MappingProxyType({}), zones=MappingProxyType({0: "UTC"}))

_NAME_A_WORKSPACE = "name the workspace that knows them (--workspace)"


def members_sql(
    segments: Sequence[Segment],
    *,
    dialect: str,
    as_of: datetime,
    catalog: Catalog | None = None,
    others: Mapping[str, Segment] | None = None,
) -> str:
    """One statement that finds the members of checked segments on another engine: rows (segment_id, contact_id).

    Without a catalog the segments may name no lists, no other segments and no fields of a workspace, and look at no
    contact's own time zone.
    Raises: CallerError, SegmentsFileError, UnsupportedByDialectError.
    """
    if catalog is None:
        check_ids(segments)
        check_references_of(segments, {})
        check_fields_of(segments, CONTACT_FIELDS)
        _check_name_no_lists(segments)
    plan = build_plan(segments, catalog or _WITHOUT_DATA, as_of, others=others)
    if catalog is None and (plan.zone_edges or plan.zone_offsets):
        raise CallerError(f"the days of each contact's own time zone are asked for; {_NAME_A_WORKSPACE}")
    return members_script(plan, [segment.id for segment in segments], DIALECTS[checked_dialect(dialect)])


def tables_sql(*, dialect: str, fields: Mapping[str, FieldType] = CONTACT_FIELDS) -> str:
    """Statements that make the tables which `members_sql` reads, with these fields of contacts. Raises: CallerError."""
    return tables_script(fields, DIALECTS[checked_dialect(dialect)])


def checked_dialect(name: str) -> str:
    """The name of an engine that SQL is made for. Raises: CallerError."""
    if name not in DIALECTS:
        raise CallerError(f"dialect: {name!r} is no engine that SQL is made for; it can be {one_of(DIALECT_NAMES)}")
    return name


def _check_name_no_lists(segments: Sequence[Segment]) -> None:
    for segment in segments:
        if any(isinstance(node, ListCondition) for node in walk(segment.tree)):
            raise SegmentsFileError(f"segment {segment.id!r}: names a list; {_NAME_A_WORKSPACE}")
