"""Source `sql`: whether an analyst's own query finds the contact's e-mail."""

from __future__ import annotations

from engine.definition.document import Document
from engine.definition.tree import Node, Not, SqlCondition


def read_sql_condition(value: object, path: str) -> Node:
    """The condition of a `sql` leaf. The query is checked later: see `engine.execute.sql_conditions`."""
    document = Document.of(value, path, keys=("operator", "query"))
    operator = document.choice("operator", ("in", "not_in"), default="in")
    condition = SqlCondition(document.text("query"), at=document.at("query"))
    return condition if operator == "in" else Not(condition)
