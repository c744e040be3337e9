"""What time alone can change between two instants: values that lie in a window as seen at one of them only.

Nothing else moves: a condition of a contact of whom nothing was written, and who has no such value, is what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import TypeVar

from engine.definition.tree import Segment
from engine.definition.value_tests import Subject
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.plan.bind import Catalog, membership_expression
from engine.plan.expressions import facts_of, leaves, source_of
from engine.plan.nodes import (
    DidSteps,
    Events,
    EventTimeIsIn,
    Expression,
    GoalEvents,
    IsInWindows,
    KindOfEvents,
    ValueTest,
)
from engine.plan.windows import NOTHING, AnyWindow, LocalWindow, Window, just_after

Key = TypeVar("Key")
Windows = dict[AnyWindow, None]
"""Windows in the order in which they were found, each once."""


@dataclass(slots=True)
class Crossings:
    """Where the windows of segments differ as seen at `after` and at `until` (UTC, later).

    Whose fields in `fields`, events in `events`, or properties of events in `properties` lie there may change, and
    whose custom events end between the two, if `has_custom_events`. Windows may be wider than what differs. `elsewhere`
    are segments that are not of the same shape at both: of them nothing is said.
    """

    after: datetime
    until: datetime
    fields: dict[Subject, Windows] = field(default_factory=dict)
    events: dict[Events, Windows] = field(default_factory=dict)
    properties: dict[tuple[KindOfEvents, Subject], Windows] = field(default_factory=dict)
    has_custom_events: bool = False
    elsewhere: frozenset[str] = frozenset()

    @property
    def ends(self) -> Window:
        """When custom events may end."""
        return Window(just_after(self.after), just_after(self.until))

    def moves_as_time(self, window: Window) -> bool:
        """Whether an edge that moved over a window moved as fast as time."""
        if window.start_at is None or window.end_at is None:
            return False
        return window.end_at - window.start_at == self.until - self.after


def crossings(segments: Iterable[Segment], catalog: Catalog, *, after: datetime, until: datetime) -> Crossings:
    """What time alone can change about segments between two instants."""
    found = Crossings(after, until)
    elsewhere = set[str]()
    seen = set[tuple[Expression, Expression]]()
    for segment in segments:
        early, late = (membership_expression(segment, catalog, at) for at in (after, until))
        pairs = list(zip_longest(leaves(early), leaves(late)))
        if not all(_is_same_shape(one, other) for one, other in pairs):
            elsewhere.add(segment.id)
            continue
        for pair in pairs:
            if pair not in seen:
                seen.add(pair)
                _add(found, *pair)
    found.elsewhere = frozenset(elsewhere)
    return found


def _is_same_shape(one: Expression | None, other: Expression | None) -> bool:
    """Whether two leaves ask the same but for the places of their windows."""
    if one == other:
        return True
    match one, other:
        case ValueTest(test=IsInWindows()), ValueTest(test=IsInWindows()):
            return one.subject == other.subject
        case None, _:
            return False
    return type(one) is type(other) and not isinstance(one, ValueTest)


def _add(found: Crossings, one: Expression, other: Expression) -> None:
    """Note where the windows of two leaves of the same shape differ."""
    match one, other:
        case ValueTest(test=IsInWindows() as early), ValueTest(test=IsInWindows() as late):
            _add_all(found.fields, one.subject, _differing_tests(early, late))
        case DidSteps(), DidSteps():
            _add_steps(found, one, other)
        case EventTimeIsIn(), EventTimeIsIn():
            _add_all(found.events, source_of(one.fact.events), _differing(one.window, other.window))
    for first, second in zip(facts_of(one), facts_of(other), strict=True):
        _add_events(found, first.events, second.events, first.window, second.window)


def _add_steps(found: Crossings, one: DidSteps, other: DidSteps) -> None:
    for first, second in zip(one.all_events, other.all_events, strict=True):
        _add_events(found, first, second, one.window, other.window)
    if one.absence is not None and other.absence is not None:
        # Until it is decided, what must be absent may still come.
        decided = _differing(Window(None, one.absence.decided_at), Window(None, other.absence.decided_at))
        _add_all(found.events, source_of(one.steps[-1].events), decided)


def _add_events(found: Crossings, one: Events, other: Events, early: AnyWindow, late: AnyWindow) -> None:
    """Note where windows of events differ, and those of the filter on them."""
    kind = source_of(one)
    found.has_custom_events |= isinstance(kind, GoalEvents) or kind.kind.startswith(CUSTOM_EVENT_PREFIX)
    _add_all(found.events, kind, _differing(early, late))
    if isinstance(one, KindOfEvents) and isinstance(other, KindOfEvents):
        for first, second in _tests_of_events(one, other):
            assert isinstance(kind, KindOfEvents)
            assert isinstance(first.test, IsInWindows)
            assert isinstance(second.test, IsInWindows)
            _add_all(found.properties, (kind, first.subject), _differing_tests(first.test, second.test))


def _tests_of_events(one: KindOfEvents, other: KindOfEvents) -> Iterator[tuple[ValueTest, ValueTest]]:
    """The tests of the filters on events whose windows moved."""
    if one.event_filter is not None and other.event_filter is not None:
        for first, second in zip(leaves(one.event_filter), leaves(other.event_filter), strict=True):
            if first != second:
                assert isinstance(first, ValueTest)
                assert isinstance(second, ValueTest)
                yield first, second


def _add_all(found: dict[Key, Windows], key: Key, windows: Iterable[AnyWindow]) -> None:
    for window in windows:
        found.setdefault(key, {})[window] = None


def _differing_tests(one: IsInWindows, other: IsInWindows) -> Iterator[AnyWindow]:
    for early, late in zip_longest(one.windows, other.windows):
        nothing = _nothing_like(early or late)
        yield from _differing(early or nothing, late or nothing)


def _nothing_like(window: AnyWindow) -> AnyWindow:
    """No window, in as many zones."""
    if isinstance(window, Window):
        return NOTHING
    return LocalWindow(tuple((zone_id, NOTHING) for zone_id, _ in window.by_zone))


def _differing(early: AnyWindow, late: AnyWindow) -> Iterator[AnyWindow]:
    """Windows that hold all instants which lie in one of the two only."""
    if isinstance(early, Window) and isinstance(late, Window):
        yield from _parts(early, late)
        return
    assert isinstance(early, LocalWindow)
    assert isinstance(late, LocalWindow)
    later: Mapping[int, Window] = dict(late.by_zone)
    parts = [(zone_id, list(_parts(window, later[zone_id]))) for zone_id, window in early.by_zone]
    for number in range(max(len(windows) for _, windows in parts)):
        by_zone = tuple((zone_id, windows[number] if number < len(windows) else NOTHING) for zone_id, windows in parts)
        is_the_same = len({window for _, window in by_zone}) == 1
        yield by_zone[0][1] if is_the_same else LocalWindow(by_zone)


def _parts(early: Window, late: Window) -> Iterator[Window]:
    """The stretch that a start moved over, and the one that an end moved over."""
    if early == late:
        return
    if early.is_empty or late.is_empty:
        yield from (window for window in (early, late) if not window.is_empty)
        return
    if early.start_at != late.start_at:
        known = [at for at in (early.start_at, late.start_at) if at is not None]
        yield Window(min(known) if len(known) == 2 else None, max(known))
    if early.end_at != late.end_at:
        known = [at for at in (early.end_at, late.end_at) if at is not None]
        yield Window(min(known), max(known) if len(known) == 2 else None)
