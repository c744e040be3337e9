"""The statements of a plan at another instant, without compiling them again; they are of PREPARED_DUCKDB."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.compile.dialects.dialect import utc_text
from engine.compile.steps import Step
from engine.plan.retiming import Retiming

_LITERAL = re.compile(r"CAST\('(\d[^']*)' AS TIMESTAMP\)")
"""How DuckDB is told an instant; in a text of a definition each of the quotes stands twice."""


@dataclass(frozen=True, slots=True)
class Template:
    """A step with parameters in the places of its instants, `literals`, as they were when it was compiled."""

    step: Step
    statement: str
    literals: tuple[str, ...]

    @classmethod
    def of(cls, step: Step) -> Template:
        """The template of a compiled step."""
        literals = tuple(dict.fromkeys(_LITERAL.findall(step.sql)))
        statement = _LITERAL.sub(lambda found: f"CAST(${literals.index(found[1]) + 1} AS TIMESTAMP)", step.sql)
        return cls(step, statement, literals)

    def executed(self, name: str, moved: Mapping[str, str]) -> Step:
        """The step as a call of the statement that was prepared under a name, with other instants."""
        values = ", ".join(f"TIMESTAMP '{moved.get(literal, literal)}'" for literal in self.literals)
        call = f"EXECUTE {name}({values})" if values else f"EXECUTE {name}"
        return replace(self.step, sql=call, pretty=lambda: self.said(moved))

    def said(self, moved: Mapping[str, str]) -> str:
        """The statement in full with other instants."""
        return _LITERAL.sub(lambda found: f"CAST('{moved.get(found[1], found[1])}' AS TIMESTAMP)", self.step.sql)


def literals_of(retiming: Retiming) -> Mapping[str, str]:
    """What each instant is in a statement, and what it is to become."""
    return {utc_text(old): utc_text(new) for old, new in retiming.instants.items()}
