"""From a plan to SQL: sqlglot trees, named steps, literal values. Pure."""

from __future__ import annotations

from engine.compile.dialects import DIALECTS, PREPARED_DUCKDB
from engine.compile.script import members_script
from engine.compile.steps import Step, memberships_in_words, scan_step, zone_edges_step, zone_offsets_step
from engine.compile.tables import tables, tables_script

__all__ = [
    "DIALECTS",
    "PREPARED_DUCKDB",
    "Step",
    "members_script",
    "memberships_in_words",
    "scan_step",
    "tables",
    "tables_script",
    "zone_edges_step",
    "zone_offsets_step",
]
