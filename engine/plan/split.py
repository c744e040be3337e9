"""Rewrite: one condition of a scan in a scan of its own, so that it can fail, or be read, alone."""

from __future__ import annotations

from dataclasses import replace

from engine.plan.expressions import facts_of
from engine.plan.scans import Condition, EventScan, Scan


def scan_of_one_condition(scan: Scan, condition: Condition) -> Scan:
    """The scan with nothing but one of its conditions. The window that it reads stays as wide as it was."""
    if isinstance(scan, EventScan):
        needed = facts_of(condition.leaf)
        facts = tuple((name, fact) for name, fact in scan.facts if fact in needed)
        return replace(scan, facts=facts, conditions=(condition,))
    return replace(scan, conditions=(condition,))
