"""Changing a JSON value at a path: set, unset, inc, push, addToSet, pull."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import isfinite
from typing import Any, Final

MOST_SEGMENTS = 100

Json = Any
"""What `orjson.loads` gives: None, bool, int, float, str, list, dict with text as keys."""

Path = tuple[str, ...]


class Operator(StrEnum):
    """What an operation does, by the word that callers write. In the order in which one call applies them."""

    SET = "$set"
    UNSET = "$unset"
    INC = "$inc"
    PUSH = "$push"
    ADD_TO_SET = "$addToSet"
    PULL = "$pull"


class Absent:
    """The type of `ABSENT`."""


ABSENT: Final = Absent()
"""No value at all, which is not the same as null."""


class ClashError(Exception):
    """A value is of a type for which the operation has no meaning; `path` says where it stands in the document."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(problem)


def changed_json(document: Json | Absent, operator: Operator, path: Path, value: Json = None) -> Json | Absent:
    """The document after an operation at a path; the document itself stays as it is.

    What is missing on the way is made: objects, and for what appends an array. Null counts as missing. An index may be
    that of an element or, for what makes a value, the next one. `$unset` leaves null in an array, so that the other
    elements keep their index. Where `$unset` and `$pull` find nothing, they change nothing.
    Raises: ClashError.
    """
    return _at(document, path, 0, operator, value)


def same_json(one: Json | Absent, other: Json | Absent) -> bool:
    """Whether two values are equal: numbers by value (1 is 1.0), true is not 1, objects in any order of keys."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other)


def type_in_words(value: Json | Absent) -> str:
    """The type of a value as an error says it."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "null"


def _at(here: Json | Absent, path: Path, depth: int, operator: Operator, value: Json) -> Json | Absent:
    """The value at `path[:depth]` after the operation."""
    if depth == len(path):
        return _OPERATIONS[operator](here, path, value)
    makes = operator not in {Operator.UNSET, Operator.PULL}
    segment = path[depth]
    match here:
        case dict():
            inner = _at(here.get(segment, ABSENT), path, depth + 1, operator, value)
            if inner is not ABSENT:
                return {**here, segment: inner}
            return {key: kept for key, kept in here.items() if key != segment}
        case list():
            index = _index(segment)
            if index is None:
                if not makes:
                    return here
                raise ClashError(path[:depth], f"is an array, and {segment!r} is no index of one")
            if index < len(here):
                inner = _at(here[index], path, depth + 1, operator, value)
                return [*here[:index], None if inner is ABSENT else inner, *here[index + 1 :]]
            if not makes:
                return here
            if index > len(here):
                raise ClashError(path[:depth], f"has {len(here):,} elements; the next one is {len(here)}, not {index}")
            return [*here, _at(ABSENT, path, depth + 1, operator, value)]
        case None | Absent():
            return {segment: _at(ABSENT, path, depth + 1, operator, value)} if makes else here
        case _:
            if not makes:
                return here
            raise ClashError(path[:depth], f"is {type_in_words(here)}, and has no {segment!r} in it")


def _index(segment: str) -> int | None:
    """An array index, written without leading zeros."""
    is_index = segment.isascii() and segment.isdigit() and len(segment) <= 9 and (segment == "0" or segment[0] != "0")
    return int(segment) if is_index else None


def _set(_here: Json | Absent, _path: Path, value: Json) -> Json:
    return value


def _unset(_here: Json | Absent, _path: Path, _value: Json) -> Absent:
    return ABSENT


def _inc(here: Json | Absent, path: Path, value: Json) -> Json:
    if here is None or here is ABSENT:
        here = 0
    if isinstance(here, bool) or not isinstance(here, int | float):
        raise ClashError(path, f"is {type_in_words(here)}, but {Operator.INC} needs a number")
    total = here + value
    is_too_large = not isfinite(total) if isinstance(total, float) else not -(2**63) <= total < 2**64
    if is_too_large:
        raise ClashError(path, f"becomes too large a number by {Operator.INC}")
    return total


def _push(here: Json | Absent, path: Path, value: Json) -> Json:
    return [*_array(here, path, Operator.PUSH), value]


def _add_to_set(here: Json | Absent, path: Path, value: Json) -> Json:
    elements = _array(here, path, Operator.ADD_TO_SET)
    return elements if any(same_json(element, value) for element in elements) else [*elements, value]


def _pull(here: Json | Absent, path: Path, value: Json) -> Json | Absent:
    if here is None or here is ABSENT:
        return here
    return [element for element in _array(here, path, Operator.PULL) if not same_json(element, value)]


def _array(here: Json | Absent, path: Path, operator: Operator) -> list[Json]:
    if here is None or here is ABSENT:
        return []
    if isinstance(here, list):
        return here
    raise ClashError(path, f"is {type_in_words(here)}, but {operator} needs an array")


_OPERATIONS: Mapping[Operator, Callable[[Json | Absent, Path, Json], Json | Absent]] = {
    Operator.SET: _set,
    Operator.UNSET: _unset,
    Operator.INC: _inc,
    Operator.PUSH: _push,
    Operator.ADD_TO_SET: _add_to_set,
    Operator.PULL: _pull,
}
