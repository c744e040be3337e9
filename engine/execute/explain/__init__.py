"""Why one contact is in a segment, or is not, and when that changes."""

from __future__ import annotations

from engine.execute.explain.details import Details
from engine.execute.explain.explain_contact import explain_contact
from engine.execute.explain.explanation import ExplainedNode, Explanation, explained
from engine.execute.explain.reading import read_contact_values

__all__ = ["Details", "ExplainedNode", "Explanation", "explain_contact", "explained", "read_contact_values"]
