"""Single things that would make a contact enter or leave a segment at once, where they are simple.

Each is tried on all conditions that the segment depends on: what would not do it, or might do more than is known here,
is not said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.definition.fields import ALWAYS_THERE
from engine.definition.tree import (
    Aggregate,
    CountCondition,
    CountInEachCondition,
    CountOf,
    EventTimeCondition,
    Filter,
    GoalCondition,
    IdentityCondition,
    ListCondition,
    Node,
    Segment,
    SelectedEvents,
    TagCondition,
    Which,
    have_days_of_contacts,
)
from engine.definition.value_tests import BooleanIsAnyOf, IsSet, NumberIsAnyOf, TextIsAnyOf
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX, OWN_KINDS
from engine.definition.words.describe import IDENTITIES, event_details, goal_words
from engine.definition.words.texts import number_text, plain_decimal, quoted
from engine.definition.words.values import subject_words, test_words
from engine.execute.explain.contact_values import ContactValues, Event
from engine.execute.explain.next_change import Key, answers_of, circuits
from engine.execute.explain.reading import selections_of
from engine.execute.explain.watched import Watched
from engine.execute.explain.watched_events import WatchedCount, WatchedCounts, WatchedEventTime, WatchedTotal
from engine.plan.expressions import compares
from engine.plan.windows import lies_in, place
from engine.storage.subscription_rules import STATUS_OF_KIND

MOST_CONDITIONS = 200
SUBSCRIBED = "active"
"""The status of somebody who subscribes, where a condition asks for none."""

UPDATED_AT = "updated_at"

STORED_FORMS = {
    "country": re.compile("[A-Z]{2}"),
    "email": re.compile(r"[^A-Z\s]+@[^A-Z\s]+"),
    "language": re.compile("[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?"),
    "phone": re.compile(r"\+[0-9]+"),
    "timezone": re.compile(r"UTC|[A-Z]\w+(/[A-Z][\w+-]+)+"),
}
"""Fields whose values are brought into one form when they come in: another text is never what they become."""

Effect = Callable[[Node, Watched, bool], bool | None]
"""The answer that a condition would have, given the one that it has; None where that is not known."""


@dataclass(frozen=True, slots=True)
class _Change:
    words: str
    effect: Effect


def single_changes(
    segments: Sequence[Segment],
    watched: Mapping[Key, Watched],
    answers: Mapping[Key, bool],
    values: ContactValues,
    as_of: datetime,
) -> Iterator[str]:
    """In words, each thing that would give the last of the segments another answer at `as_of`.

    Nothing for definitions of more than MOST_CONDITIONS: each is tried on all of them.
    """
    if len(watched) > MOST_CONDITIONS:
        return
    whole = circuits(segments, {})
    target = segments[-1].id
    before = answers_of(whole, answers)[target]
    has_local_days = have_days_of_contacts(segments)
    said: set[str] = set()
    for key, item in watched.items():
        for change in _changes(key[1], item, answers[key], values, as_of, has_local_days=has_local_days):
            after = {
                other: None if _does_more(key[1], other[1]) else change.effect(other[1], watched[other], answers[other])
                for other in watched
            }
            known = {other: answer for other, answer in after.items() if answer is not None}
            if len(known) == len(after) and answers_of(whole, known)[target] != before:
                if change.words not in said:
                    yield change.words
                said.add(change.words)
                break  # the others of this condition are the same and more


def _does_more(node: Node, other: Node) -> bool:
    """Whether what turns one condition does more to another one than is known here: writes leave traces."""
    asks_for_traces = any(events.kind in OWN_KINDS for events in selections_of(other))
    match node:
        case Filter() | TagCondition() | IdentityCondition():
            is_moved = isinstance(other, Filter) and other.subject.field_name == UPDATED_AT and other != node
            return asks_for_traces or is_moved
        case ListCondition():
            return asks_for_traces
        case CountCondition() | CountInEachCondition() | EventTimeCondition():
            is_refusal = node.events.kind in STATUS_OF_KIND
            return is_refusal and (asks_for_traces or isinstance(other, ListCondition))
        case _:
            return False


def _changes(
    node: Node, watched: Watched, answer: bool, values: ContactValues, as_of: datetime, *, has_local_days: bool
) -> Iterator[_Change]:
    """What would turn the answer of a condition, the least first."""
    match node:
        case Filter():
            moves_days = node.subject.field_name == "timezone" and has_local_days
            loses_email = node.subject.field_name == "email" and isinstance(node.test, IsSet)
            if not moves_days and not loses_email and _can_be(node, answer):
                yield _Change(_field_words(node, answer), _effect_on_field(node, answer))
        case TagCondition():
            yield from _tag_changes(node, answer, values)
        case IdentityCondition(kind):
            if not answer and node not in values.holds:
                words = f"known by {IDENTITIES.get(kind) or f'an identity of the kind {quoted(kind)}'}"
                yield _Change(words, lambda other, _, current: current or other == node)
        case ListCondition():
            yield from _list_changes(node, answer, values, as_of)
        case CountCondition() | CountInEachCondition() | EventTimeCondition():
            if node.events.kind in OWN_KINDS:
                return  # nobody but populace writes them
            for count in _missing_events(watched, answer, as_of):
                kind = f"{node.events.kind} {'event' if count == 1 else 'events'}{event_details(node.events)}"
                yield _Change(f"{count:,} more {kind}", _effect_of_events(node.events, count, as_of))
        case GoalCondition():
            yield from _goal_changes(node, watched, answer, as_of)
        case _:
            return


# --- fields, tags, lists ----------------------------------------------------------------------------------------------


def _can_be(node: Filter, answer: bool) -> bool:
    """Whether a field can be what would turn the answer of a test, as far as that is plain to see."""
    name = node.subject.field_name
    match node.test:
        case IsSet():
            return not (answer and name in ALWAYS_THERE)
        case TextIsAnyOf((text,)) if not answer and name in STORED_FORMS and not node.subject.is_json:
            return STORED_FORMS[name].fullmatch(text) is not None
        case _:
            return True


def _field_words(node: Filter, answer: bool) -> str:
    name, test = subject_words(node, of_event=False), node.test
    match test:
        case IsSet():
            return f"{name.removesuffix(f' (as {node.subject.type})')} {'removed' if answer else 'set'}"
        case TextIsAnyOf((text,)) if not answer:
            return f"{name} set to {quoted(text)}"
        case NumberIsAnyOf((number,)) if not answer:
            return f"{name} set to {number_text(number)}"
        case BooleanIsAnyOf((value,)) if not answer:
            return f"{name} set to {str(value).lower()}"
        case _:
            return f"{name} changed so that it {test_words(test)[answer]}"


def _effect_on_field(node: Filter, answer: bool) -> Effect:
    def effect(other: Node, _: Watched, current: bool) -> bool | None:
        if isinstance(other, IdentityCondition):
            return None if node.subject.field_name == other.kind else current
        if not isinstance(other, Filter) or other.subject.field_name != node.subject.field_name:
            return current
        if other == node:
            return not answer if current == answer else None  # in another zone it may have another answer
        if other.subject != node.subject:
            return None
        if isinstance(node.test, IsSet) and answer:
            return False  # of no value nothing holds
        return True if isinstance(other.test, IsSet) and not answer else None

    return effect


def _tag_changes(node: TagCondition, answer: bool, values: ContactValues) -> Iterator[_Change]:
    held = [tag for tag in node.tags if tag in values.tags]
    if not answer:
        for tag in node.tags:
            yield _Change(f"given the tag {quoted(tag)}", _effect_of_tags({*values.tags, tag}))
    elif len(held) == 1:
        yield _Change(f"the tag {quoted(held[0])} removed", _effect_of_tags({*values.tags} - {*held}))


def _effect_of_tags(tags: Collection[str]) -> Effect:
    """What it does to other conditions to have these tags."""
    return lambda other, _, current: bool({*tags} & {*other.tags}) if isinstance(other, TagCondition) else current


def _list_changes(node: ListCondition, answer: bool, values: ContactValues, as_of: datetime) -> Iterator[_Change]:
    deleted_at = values.lists[node.list_id]
    if deleted_at is not None and deleted_at <= as_of:
        return
    status = None if answer else node.status or SUBSCRIBED

    def effect(other: Node, _: Watched, current: bool) -> bool | None:
        if not isinstance(other, ListCondition) or other.list_id != node.list_id:
            return current
        return status is not None and other.status in (None, status)

    name = quoted(node.list_id)
    words = f"no longer on the list {name}" if answer else f"subscribed to the list {name}"
    yield _Change(words if answer or node.status is None else f"{words} as {node.status}", effect)


# --- events and goals -------------------------------------------------------------------------------------------------


def _missing_events(watched: Watched, answer: bool, as_of: datetime) -> Iterator[int]:
    """Numbers of more events, now, that may turn the answer of a condition."""
    if isinstance(watched, WatchedEventTime) and not answer:
        yield 1
    for count in _counts_of(watched):
        missing = count.node.count - count.number(count.counted(as_of))
        yield from sorted({more for more in (1, missing, missing + 1) if more > 0})


def _counts_of(watched: Watched) -> tuple[WatchedCount, ...]:
    match watched:
        case WatchedCount():
            return (watched,)
        case WatchedCounts(counts):
            return counts
        case _:
            return ()


def _effect_of_events(events: SelectedEvents, count: int, as_of: datetime) -> Effect:
    """What so many more events that are like those selected, at `as_of`, do to other conditions."""

    def effect(other: Node, watched: Watched, current: bool) -> bool | None:
        if isinstance(other, GoalCondition):
            return None if events.kind.startswith(CUSTOM_EVENT_PREFIX) else current
        if all(selected.kind != events.kind for selected in selections_of(other)):
            return current
        if not isinstance(other, CountCondition | CountInEachCondition | EventTimeCondition):
            return None
        is_any = other.events.template_id is None and other.events.event_filter is None
        if not (is_any or other.events == events):
            return None
        return _with_events(watched, count, as_of, current)

    return effect


def _with_events(watched: Watched, count: int, as_of: datetime, current: bool) -> bool:
    """The answer of a condition with so many more of its events at `as_of`."""
    counts = _counts_of(watched)
    if counts:
        return all(_count_holds_with(item, count, as_of) for item in counts)
    assert isinstance(watched, WatchedEventTime)
    is_the_one = watched.node.which is Which.LAST or watched.found(as_of) is None
    return _reaches(watched, as_of) if is_the_one else current


def _count_holds_with(watched: WatchedCount, count: int, as_of: datetime) -> bool:
    events, added = watched.counted(as_of), count if _reaches(watched, as_of) else 0
    if watched.node.of is CountOf.EVENTS or not added:
        number = len(events) + added if watched.node.of is CountOf.EVENTS else watched.number(events)
    else:
        number = watched.number([*events, Event("", as_of, None, None)])  # all of them on one day
    return compares(number, watched.node.comparison, watched.node.count)


def _reaches(watched: WatchedCount | WatchedEventTime | WatchedTotal, as_of: datetime) -> bool:
    """Whether the timeframe of a condition includes the instant of the evaluation."""
    return lies_in(as_of, place(watched.node.timeframe, as_of=as_of, zone_name=watched.zone_name))


def _goal_changes(node: GoalCondition, watched: Watched, answer: bool, as_of: datetime) -> Iterator[_Change]:
    """One more goal that brings a sum to where it is wanted, or as many as bring a count there."""
    assert isinstance(watched, WatchedTotal)
    measured = watched.measured(watched.counted(as_of))
    if answer or node.low is None or measured is None or measured >= node.low or not _reaches(watched, as_of):
        return
    missing = node.low - measured

    def effect(other: Node, _: Watched, current: bool) -> bool | None:
        if other == node:
            return True
        is_of_custom_event = any(events.kind.startswith(CUSTOM_EVENT_PREFIX) for events in selections_of(other))
        return None if is_of_custom_event or isinstance(other, GoalCondition) else current

    if node.aggregate is Aggregate.SUM:
        yield _Change(f"{goal_words(node)} worth {plain_decimal(missing)} more", effect)
    elif node.aggregate is Aggregate.COUNT and missing == missing.to_integral_value():
        goals = goal_words(node) if missing > 1 else goal_words(node).replace("goals", "goal", 1)
        yield _Change(f"{missing:f} more {goals}", effect)
