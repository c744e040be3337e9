"""From a plan to SQL: sqlglot trees, named steps, literal values. Pure."""

from __future__ import annotations

from engine.compile.steps import CompiledPlan, Step, compile_plan

__all__ = ["CompiledPlan", "Step", "compile_plan"]
