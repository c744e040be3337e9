"""Running plans: one evaluation of many segments, and its members."""

from __future__ import annotations

from engine.execute.batch import evaluate
from engine.execute.evaluation import Evaluation, StepTime

__all__ = ["Evaluation", "StepTime", "evaluate"]
