"""From a plan to SQL: sqlglot trees, named steps, literal values. Pure."""

from __future__ import annotations

from engine.compile.steps import Step, memberships_in_words, scan_step, zone_edges_step, zone_offsets_step

__all__ = ["Step", "memberships_in_words", "scan_step", "zone_edges_step", "zone_offsets_step"]
