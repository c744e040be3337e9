"""Running plans: one evaluation of many segments, and its members."""

from __future__ import annotations

from engine.execute.batch import OnPlan, OnStep, evaluate
from engine.execute.contact_set import ContactSet
from engine.execute.evaluation import Evaluation, StepTime

__all__ = ["ContactSet", "Evaluation", "OnPlan", "OnStep", "StepTime", "evaluate"]
