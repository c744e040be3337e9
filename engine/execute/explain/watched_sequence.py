"""Sequences of one contact: one thing after another, watched over time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge

from engine.definition.timeframes import ANYTIME
from engine.definition.tree import SequenceCondition, SequenceStep
from engine.execute.explain.contact_values import ContactValues, Event
from engine.execute.explain.watched_events import EventsInTime
from engine.plan.windows import Window, place

Common = tuple[str | None, float | None]
"""What events have in common: a text or a number; neither where nothing is asked for."""


def watched_sequence(node: SequenceCondition, values: ContactValues, zone_name: str) -> WatchedSequence:
    """Whether all steps were done, and what must be absent is."""
    selections = {events: EventsInTime.selected(events, values, zone_name) for events in node.all_events}
    steps = tuple(selections[step.events] for step in node.steps)
    without = tuple(tuple(selections[events] for events in step.without) for step in node.steps)
    absent = None if node.absent is None else selections[node.absent.events]
    return WatchedSequence(node, steps, without, absent, zone_name)


@dataclass(frozen=True, slots=True)
class Chain:
    """How far a contact got: the latest event of each step done, in order.

    `is_followed`: what must be absent came in time. `decided_at`: when the time for that is over; None where nothing
    must be absent.
    """

    events: tuple[Event, ...]
    is_followed: bool = False
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WatchedSequence:
    """The steps of a sequence, and for each of them what must not lie before it."""

    node: SequenceCondition
    steps: tuple[EventsInTime, ...]
    without: tuple[tuple[EventsInTime, ...], ...]
    absent: EventsInTime | None
    zone_name: str
    repeats_from: int | None = None

    def holds(self, at: datetime) -> bool:
        """Whether all steps were done, and what must be absent is for good."""
        return any(self._is_complete(chain, at) for chain in self._chains(at))

    def furthest(self, at: datetime) -> Chain:
        """The chain that holds, or else the one that got furthest, the latest of several."""
        chains = list(self._chains(at))
        complete = [chain for chain in chains if self._is_complete(chain, at)]
        latest = sorted(complete or chains, key=lambda chain: (len(chain.events), chain.events[-1].occurred_at))
        return latest[-1] if latest else Chain(())

    def turns(self, after: datetime) -> Iterator[datetime]:
        """When other events count, and when the time for what must be absent is over."""
        streams = [step.turns(self.node.timeframe, after) for step in self.steps]
        others = [events for of_step in self.without for events in of_step]
        others += [] if self.absent is None else [self.absent]
        streams += [events.turns(ANYTIME, after) for events in others]
        if self.node.absent is not None and self.node.absent.within is not None:
            ends = (_after(at, self.node.absent.within) for at in self.steps[-1].times)
            streams.append(iter(sorted(end for end in ends if end is not None and end > after)))
        return merge(*streams)

    def _is_complete(self, chain: Chain, at: datetime) -> bool:
        is_decided = self.absent is None or (chain.decided_at is not None and chain.decided_at <= at)
        return len(chain.events) == len(self.steps) and not chain.is_followed and is_decided

    def _chains(self, at: datetime) -> Iterator[Chain]:
        """Every chain that cannot go on, and every one of all steps."""
        window = place(self.node.timeframe, as_of=at, zone_name=self.zone_name)
        in_steps = [self._by_common(step.within(window, at)) for step in self.steps]
        between = [
            self._by_common(event for events in of_step for event in events.within(Window(), at))
            for of_step in self.without
        ]
        absent = self._by_common(() if self.absent is None else self.absent.within(Window(), at))
        for common, first in in_steps[0].items():
            done: list[tuple[Event, ...]] = [(event,) for event in first]
            for step, events, forbidden in zip(self.node.steps[1:], in_steps[1:], between[1:], strict=True):
                longer = _continued(done, step, events.get(common, ()), forbidden.get(common, ()))
                if not longer:
                    break
                done = longer
            yield from (self._followed(events, absent.get(common, ())) for events in done)

    def _followed(self, events: tuple[Event, ...], absent: Sequence[Event]) -> Chain:
        within = None if self.node.absent is None else self.node.absent.within
        if within is None or len(events) < len(self.steps):
            return Chain(events)
        last_at = events[-1].occurred_at
        after = [event.occurred_at for event in absent if event.occurred_at > last_at]
        return Chain(events, bool(after) and min(after) - last_at <= within, _after(last_at, within))

    def _by_common(self, events: Iterable[Event]) -> Mapping[Common, Sequence[Event]]:
        """The events by what they have in common, in order of time; those without such a value take no part."""
        path = self.node.same_property
        found: dict[Common, list[Event]] = {}
        for event in events:
            common = (None, None) if path is None else event.different[path]
            if path is None or common != (None, None):
                found.setdefault(common, []).append(event)
        for of_value in found.values():
            of_value.sort(key=lambda event: event.occurred_at)
        return found


def _continued(
    done: Sequence[tuple[Event, ...]], step: SequenceStep, events: Sequence[Event], forbidden: Sequence[Event]
) -> list[tuple[Event, ...]]:
    """The chains with one more step: to each event from the latest chain before it.

    The time since that is the shortest, and whatever lies between the two lies between earlier ones and the event, too.
    """
    ends = [chain[-1].occurred_at for chain in done]
    times = [other.occurred_at for other in forbidden]
    longer = []
    for event in events:
        number = bisect_left(ends, event.occurred_at) - 1
        if number < 0 or (step.within is not None and event.occurred_at - ends[number] > step.within):
            continue
        if bisect_right(times, ends[number]) == bisect_left(times, event.occurred_at):
            longer.append((*done[number], event))
    return longer


def _after(at: datetime, duration: timedelta) -> datetime | None:
    """So much later; None after the last instant."""
    try:
        return at + duration
    except OverflowError:
        return None
