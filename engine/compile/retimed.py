"""The statements of a plan at another instant, without compiling them again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from engine.compile.dialects.dialect import utc_text
from engine.compile.instants import rounded
from engine.compile.steps import Step
from engine.plan.retiming import Retiming

_LITERAL = re.compile(r"CAST\('(\d[^']*)' AS TIMESTAMP\)")
"""How DuckDB is told an instant; in a text of a definition each of the quotes stands twice."""


def literals_of(retiming: Retiming) -> Mapping[str, str]:
    """What each instant is in a statement, and what it is to become."""
    return {_written(old): _written(new) for old, new in retiming.instants.items()}


def retimed(step: Step, literals: Mapping[str, str]) -> Step:
    """The step with other instants; those that are not named stay."""

    def moved(found: re.Match[str]) -> str:
        literal = found[1]
        return f"CAST('{literals.get(literal, literal)}' AS TIMESTAMP)"

    sql = _LITERAL.sub(moved, step.sql)
    return replace(step, sql=sql, pretty=lambda: sql)


def _written(at: datetime) -> str:
    return utc_text(rounded(at)[0])
