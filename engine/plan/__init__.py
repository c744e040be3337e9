"""From definitions to a plan: which facts are needed, which scans they share. Pure: no clock, no connection."""

from __future__ import annotations

from engine.plan.bind import Catalog
from engine.plan.build import build_plan
from engine.plan.scans import Plan

__all__ = ["Catalog", "Plan", "build_plan"]
