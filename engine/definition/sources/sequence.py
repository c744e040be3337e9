"""Source `sequence`: one thing after another, in time, and perhaps something that did not follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from engine.definition.document import Document
from engine.definition.events import EVENT_KEYS, read_events, read_property
from engine.definition.points import read_timeframe
from engine.definition.tree import Node, SelectedEvents, SequenceCondition, SequenceStep

_KEYS = ("steps", "same_property", "timeframe_operator", "timeframe_values", "week_starts_on")
_STEP_KEYS = ("operator", *EVENT_KEYS, "within_value", "within_unit", "without")
_NOT_DONE = "not_done"
_UNITS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}
MOST_STEPS = 10
LONGEST_WITHIN = timedelta(days=3650)


def read_sequence(value: object, path: str) -> Node:
    """The condition of a `sequence` leaf."""
    document = Document.of(value, path, keys=_KEYS)
    steps = [Document.of(item, item_path, keys=_STEP_KEYS) for item, item_path in document.items("steps")]
    if not 2 <= len(steps) <= MOST_STEPS:
        raise document.refuse("steps", f"must hold 2 to {MOST_STEPS} steps, got {len(steps)}")
    done, absent = [], None
    for step in steps:
        if step.choice("operator", ("done", _NOT_DONE), default="done") != _NOT_DONE:
            done.append(_read_step(step, is_first=step is steps[0]))
        elif step is not steps[-1] or step is steps[0]:
            raise step.refuse("operator", "is not_done, which only the last step can be")
        else:
            absent = _read_absent_step(step)
    same_property = None if document.get("same_property") is None else read_property(document, "same_property")
    return SequenceCondition(tuple(done), absent, read_timeframe(document), same_property)


def _read_step(step: Document, *, is_first: bool) -> SequenceStep:
    if is_first:
        for key in ("within_value", "within_unit", "without"):
            if step.get(key) is not None:
                raise step.refuse(key, "is about the step before, and this is the first")
    return SequenceStep(read_events(step), _read_within(step), tuple(_read_without(step)))


def _read_absent_step(step: Document) -> SequenceStep:
    if step.get("without") is not None:
        raise step.refuse("without", "does not go with not_done")
    if step.get("within_value") is None:
        raise step.refuse("within_value", "is missing: say for how long it must not have been done")
    return SequenceStep(read_events(step), _read_within(step))


def _read_within(step: Document) -> timedelta | None:
    """How long after the step before; None for however long."""
    if step.get("within_value") is None and step.get("within_unit") is None:
        return None
    unit, number = step.choice("within_unit", tuple(_UNITS)), step.count("within_value")
    if not 1 <= number <= LONGEST_WITHIN // _UNITS[unit]:
        raise step.refuse("within_value", f"must be 1 to {LONGEST_WITHIN // _UNITS[unit]} {unit}, got {number}")
    return number * _UNITS[unit]


def _read_without(step: Document) -> Iterator[SelectedEvents]:
    for item, path in step.items("without"):
        yield read_events(Document.of(item, path, keys=EVENT_KEYS))
