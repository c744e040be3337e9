"""Source `custom_events_goals`: an aggregate over the goals that a contact reached."""

from __future__ import annotations

from engine.definition.bounds import read_bounds
from engine.definition.document import Document
from engine.definition.points import read_timeframe
from engine.definition.tree import Aggregate, GoalCondition, Node
from engine.definition.vocabulary import GOAL_TYPES

ANY_GOAL_TYPE = "*"
GOAL_AGGREGATES = tuple(aggregate for aggregate in Aggregate if aggregate is not Aggregate.DISTINCT_COUNT)

_KEYS = (
    "goal_type",
    "goal_name",
    "aggregate_operator",
    "operator",
    "value",
    "value_2",
    "timeframe_operator",
    "timeframe_values",
    "week_starts_on",
)


def read_custom_events_goal(value: object, path: str) -> Node:
    """The condition of a `custom_events_goal` leaf."""
    document = Document.of(value, path, keys=_KEYS)
    goal_type = document.choice("goal_type", (*GOAL_TYPES, ANY_GOAL_TYPE))
    low, high = read_bounds(document)
    return GoalCondition(
        goal_type=None if goal_type == ANY_GOAL_TYPE else goal_type,
        goal_name=document.optional_text("goal_name"),
        timeframe=read_timeframe(document),
        aggregate=document.choice("aggregate_operator", GOAL_AGGREGATES),
        low=low,
        high=high,
    )
