"""What peers ask of a contact, where they all write it alike in SQL."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.workload import Both, Bought, Counted, Either, HasField, Negation, Question, Subscribed


def condition_sql(question: Question, one: Callable[[Counted | Bought | Subscribed], str]) -> str:
    """A question as one condition on a row of contacts; `one` writes what is not in that row."""
    match question:
        case HasField():
            return question.sql
        case Both():
            return "(" + " AND ".join(condition_sql(part, one) for part in question.parts) + ")"
        case Either():
            return "(" + " OR ".join(condition_sql(part, one) for part in question.parts) + ")"
        case Negation():
            return f"NOT {condition_sql(question.part, one)}"
        case _:
            return one(question)


def excludes(question: Question) -> bool:
    """Whether those are meant of whom there is no such row, or not so many."""
    match question:
        case Counted():
            return question.operator != "at_least"
        case Bought() | Subscribed():
            return question.excludes
        case Negation():
            return not excludes(question.part)
        case _:
            return False


def having(question: Counted | Bought) -> str:
    """What is asked of each contact's rows, with `excludes` of those who are not meant."""
    match question:
        case Counted(operator="at_most"):
            return f" GROUP BY contact_id HAVING count(*) > {question.number}"
        case Counted():
            some = question.operator == "exactly" or question.number == 1
            return "" if some else f" GROUP BY contact_id HAVING count(*) >= {question.number}"
        case Bought(excludes=True):
            return ""
        case Bought():
            measure = {"sum": "sum(goal_value)", "count": "count(*)", "max": "max(goal_value)"}[question.measure]
            return f" GROUP BY contact_id HAVING {measure} >= {question.at_least}"
