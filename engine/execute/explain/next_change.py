"""The next instant at which a contact enters or leaves a segment, if nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush

from engine.definition.tree import AllOf, AnyOf, Node, Not, Segment, SegmentCondition
from engine.execute.explain.watched import Watched

YEARS_OF_THE_CALENDAR = 400
"""After so many years the Gregorian calendar repeats itself, days of the week included."""

LAST_YEAR_OF_ZONE_TABLES = 2037
"""From the next year on the clocks of every zone follow one rule."""

Key = tuple[str, Node]
"""The id of a segment and a condition of it: equal conditions of two segments may differ in their zone."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, by its key."""

    key: Key


@dataclass(frozen=True, slots=True)
class Reference:
    """Another segment."""

    segment_id: str


@dataclass(frozen=True, slots=True)
class Branch:
    """All of the parts, or any of them."""

    needs_all: bool
    parts: tuple[Circuit, ...]


@dataclass(frozen=True, slots=True)
class Opposite:
    """The complement of a part."""

    part: Circuit


Circuit = bool | Condition | Reference | Branch | Opposite
"""A tree whose constant parts are folded: it is True or False itself, or has no such part."""


def circuits(segments: Sequence[Segment], constants: Mapping[Key, bool]) -> dict[str, Circuit]:
    """The circuits of segments by id; each segment comes after those that it names. `constants` never change."""
    found: dict[str, Circuit] = {}
    for segment in segments:
        found[segment.id] = _circuit(segment.tree, segment.id, constants, found)
    return found


def answers_of(circuits: Mapping[str, Circuit], answers: Mapping[Key, bool]) -> dict[str, bool]:
    """Whether each segment holds, given the answers of all conditions."""
    found: dict[str, bool] = {}
    for segment_id, circuit in circuits.items():
        found[segment_id] = _answer(circuit, answers, found)
    return found


def next_change(segments: Sequence[Segment], watched: Mapping[Key, Watched], as_of: datetime) -> datetime | None:
    """The first instant after `as_of` at which the last of the segments has another answer; None if there is none.

    Each segment comes after those that it names. `watched` has all their conditions.
    """
    target = segments[-1].id
    turns = {key: item.turns(as_of) for key, item in watched.items()}
    firsts = {key: next(of_key, None) for key, of_key in turns.items()}
    answers = {key: item.holds(as_of) for key, item in watched.items()}
    found = circuits(segments, {key: answers[key] for key, first in firsts.items() if first is None})
    keys = list(dict.fromkeys(_conditions(found, found[target])))
    before = answers_of(found, answers)[target]
    waiting = [(first, number) for number, key in enumerate(keys) if (first := firsts[key]) is not None]
    heapify(waiting)
    last_year: int | None = None
    while waiting:
        at = waiting[0][0]
        is_another = False
        while waiting and waiting[0][0] == at:
            number = heappop(waiting)[1]
            key = keys[number]
            following = next((turn for turn in turns[key] if turn > at), None)
            if following is not None:
                heappush(waiting, (following, number))
            answer = watched[key].holds(at)
            is_another = is_another or answer != answers[key]
            answers[key] = answer
        if is_another and answers_of(found, answers)[target] != before:
            return at
        last_year = last_year or _last_year(at, [watched[keys[number]] for _, number in waiting])
        if last_year is not None and at.year > last_year:
            return None
    return None


def _last_year(at: datetime, waiting: Sequence[Watched]) -> int | None:
    """The year after which nothing new can come, where all that is waiting repeats itself."""
    years = [item.repeats_from for item in waiting]
    if None in years:
        return None
    latest = max((year for year in years if year is not None), default=0)
    return max(at.year, LAST_YEAR_OF_ZONE_TABLES, latest) + YEARS_OF_THE_CALENDAR + 1


def _conditions(circuits: Mapping[str, Circuit], circuit: Circuit) -> Iterator[Key]:
    """The conditions that a circuit depends on, through other segments too."""
    seen: set[str] = set()
    waiting = [circuit]
    while waiting:
        match waiting.pop():
            case Condition(key):
                yield key
            case Branch(parts=parts):
                waiting += parts
            case Opposite(part):
                waiting.append(part)
            case Reference(segment_id) if segment_id not in seen:
                seen.add(segment_id)
                waiting.append(circuits[segment_id])
            case _:
                pass


def _circuit(node: Node, segment_id: str, constants: Mapping[Key, bool], others: Mapping[str, Circuit]) -> Circuit:
    match node:
        case AllOf(nodes):
            return _branch(True, [_circuit(part, segment_id, constants, others) for part in nodes])
        case AnyOf(nodes):
            return _branch(False, [_circuit(part, segment_id, constants, others) for part in nodes])
        case Not(part):
            inner = _circuit(part, segment_id, constants, others)
            return not inner if isinstance(inner, bool) else Opposite(inner)
        case SegmentCondition(named):
            return known if isinstance(known := others[named], bool) else Reference(named)
        case _:
            key = (segment_id, node)
            return constants[key] if key in constants else Condition(key)


def _branch(needs_all: bool, parts: Sequence[Circuit]) -> Circuit:
    """A branch without constant parts; a constant where one of them decides, or none is left."""
    if (not needs_all) in [part for part in parts if isinstance(part, bool)]:
        return not needs_all
    open_parts = tuple(part for part in parts if not isinstance(part, bool))
    return Branch(needs_all, open_parts) if open_parts else needs_all


def _answer(circuit: Circuit, answers: Mapping[Key, bool], others: Mapping[str, bool]) -> bool:
    match circuit:
        case Condition(key):
            return answers[key]
        case Reference(segment_id):
            return others[segment_id]
        case Branch(needs_all, parts):
            found = (_answer(part, answers, others) for part in parts)
            return all(found) if needs_all else any(found)
        case Opposite(part):
            return not _answer(part, answers, others)
        case _:
            return circuit
