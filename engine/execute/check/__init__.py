"""Checking a store: every invariant that its writers keep, looked at from outside."""

from __future__ import annotations

from engine.execute.check.check import CheckedInvariant, CheckReport, check_store
from engine.execute.check.invariants import INVARIANTS

__all__ = ["INVARIANTS", "CheckReport", "CheckedInvariant", "check_store"]
