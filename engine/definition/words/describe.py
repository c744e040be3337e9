"""Any definition as one readable English sentence, or as an outline where a sentence would not do."""

from __future__ import annotations

from typing import assert_never

from engine.definition.tree import (
    Aggregate,
    AllOf,
    AnyOf,
    CountCondition,
    CountInEachCondition,
    CountOf,
    EventTimeCondition,
    Filter,
    GoalCondition,
    IdentityCondition,
    ListCondition,
    Node,
    Not,
    PropertyCondition,
    SegmentCondition,
    SelectedEvents,
    SequenceCondition,
    SequenceStep,
    SqlCondition,
    TagCondition,
    Which,
)
from engine.definition.value_tests import Comparison, IsSet
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.definition.words.texts import any_of, counted, number_text, quoted
from engine.definition.words.timeframes import duration_words, each_words, timeframe_words
from engine.definition.words.values import AMOUNTS, path_words, subject_words, test_words

LONGEST_SENTENCE = 100

_MESSAGES = {
    "insert_message_history": ("was sent", "message"),
    "open_email": ("opened", "e-mail"),
    "click_email": ("clicked in", "e-mail"),
    "bounce_email": ("bounced", "e-mail"),
    "complain_email": ("complained about", "e-mail"),
    "unsubscribe_email": ("unsubscribed by", "e-mail"),
}
IDENTITIES = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "external_id": "an external id",
    "push_token": "a push token",
}
_AGGREGATES = {
    Aggregate.COUNT: "number",
    Aggregate.SUM: "sum",
    Aggregate.AVERAGE: "average",
    Aggregate.MINIMUM: "smallest value",
    Aggregate.MAXIMUM: "largest value",
    Aggregate.DISTINCT_COUNT: "number of different values",
}


def describe(node: Node) -> str:
    """A definition in words, the same for trees that are equal.

    One line where that reads well: `country is "US" and opened at least 3 e-mails in the last 30 days`. Else an
    outline: `all of:`, `any of:`, `none of:`, each with its parts indented below it.
    """
    sentence = _sentence(node, of_event=False)
    if len(sentence) <= LONGEST_SENTENCE and _depth(node) <= 2:
        return sentence
    return "\n".join(_outline(node, ""))


def condition_words(node: Node, *, is_negated: bool = False, of_event: bool = False) -> str:
    """One condition, or its exact complement, in words. A branch is put into parentheses."""
    match node:
        case AllOf() | AnyOf():
            words = f"({_sentence(node, of_event=of_event)})"
            return f"not {words}" if is_negated else words
        case Not():
            return condition_words(node.node, is_negated=not is_negated, of_event=of_event)
        case Filter():
            return f"{subject_words(node, of_event=of_event)} {test_words(node.test)[is_negated]}"
        case ListCondition():
            status = "" if node.status is None else f" as {node.status}"
            return f"is {'not ' if is_negated else ''}on the list {quoted(node.list_id)}{status}"
        case TagCondition():
            tags = [quoted(tag) for tag in node.tags]
            what = f"the tag {tags[0]}" if len(tags) == 1 else f"{any_of(tags)} as a tag"
            return f"does not have {what}" if is_negated else f"has {what}"
        case IdentityCondition():
            identity = IDENTITIES.get(node.kind) or f"an identity of the kind {quoted(node.kind)}"
            return f"{'does not have' if is_negated else 'has'} {identity}"
        case SegmentCondition():
            return f"is {'not ' if is_negated else ''}in the segment {quoted(node.segment_id)}"
        case SqlCondition():
            return f"is {'not ' if is_negated else ''}found by the SQL {quoted(' '.join(node.query.split()))}"
        case CountCondition() | CountInEachCondition():
            return _count_words(node, is_negated=is_negated)
        case EventTimeCondition():
            return _event_time_words(node, is_negated=is_negated)
        case PropertyCondition():
            return _property_words(node, is_negated=is_negated)
        case SequenceCondition():
            return _sequence_words(node, is_negated=is_negated)
        case GoalCondition():
            return _goal_sentence(node, is_negated=is_negated)
        case _:
            assert_never(node)


def branch_words(node: Node) -> tuple[str, tuple[Node, ...]] | None:
    """The heading of a branch, or of its complement, and its parts; None for what is no branch."""
    match node:
        case AllOf(nodes):
            return "all of:", nodes
        case AnyOf(nodes):
            return "any of:", nodes
        case Not(AnyOf(nodes)):
            return "none of:", nodes
        case Not(AllOf(nodes)):
            return "not all of:", nodes
        case _:
            return None


def _sentence(node: Node, *, of_event: bool) -> str:
    match node:
        case AllOf() | AnyOf():
            word = "and" if isinstance(node, AllOf) else "or"
            if isinstance(node, AllOf) and (excluding := _excluding_missing(node, of_event=of_event)) is not None:
                return excluding
            return f" {word} ".join(condition_words(part, of_event=of_event) for part in node.nodes)
        case _:
            return condition_words(node, of_event=of_event)


def _excluding_missing(node: AllOf, *, of_event: bool) -> str | None:
    """A negative test that leaves those without a value out; None for any other branch."""
    match node.nodes:
        case (Not(Filter(subject, test) as inner), Filter(other, IsSet())) if subject == other:
            return f"{subject_words(inner, of_event=of_event)} is set and {test_words(test)[1]}"
        case _:
            return None


def _depth(node: Node) -> int:
    """How many branches with several parts lie within each other, and one for the conditions."""
    match node:
        case AllOf() | AnyOf():
            return 1 + max(map(_depth, node.nodes))
        case Not():
            return _depth(node.node)
        case _:
            return 1


def _outline(node: Node, indent: str) -> list[str]:
    if isinstance(node, AllOf) and _excluding_missing(node, of_event=False) is not None:
        return [f"{indent}{_sentence(node, of_event=False)}"]
    match node:
        case Not(Not(inner)):
            return _outline(inner, indent)
        case _ if (branch := branch_words(node)) is not None:
            heading, parts = branch
        case _:
            return [f"{indent}{condition_words(node)}"]
    deeper = indent.replace("- ", "  ") + "- "
    return [f"{indent}{heading}", *(line for part in parts for line in _outline(part, deeper))]


# --- events and goals -------------------------------------------------------------------------------------------------


def _count_words(node: CountCondition | CountInEachCondition, *, is_negated: bool) -> str:
    verb, noun, details = _event_words(node.events)
    when = timeframe_words(node.timeframe) if isinstance(node, CountCondition) else each_words(node.each)
    one = f"{verb} {_article(noun)} {noun}{details}"
    if isinstance(node, CountCondition):
        if (node.comparison, node.count) == (Comparison.AT_LEAST, 1):
            return f"{'never ' if is_negated else ''}{one}{_spaced(when)}"
        if (node.comparison, node.count) in ((Comparison.EQUAL, 0), (Comparison.AT_MOST, 0)):
            return f"{'' if is_negated else 'never '}{one}{_spaced(when)}"
    number = "exactly " if node.comparison is Comparison.EQUAL else AMOUNTS[node.comparison]
    if node.of is CountOf.DAYS:
        counts = f"{one} on {number}{counted(node.count, 'different day')}"
    else:
        counts = f"{verb} {number}{counted(node.count, noun)}{details}"
    return f"{'not ' if is_negated else ''}{counts}{_spaced(when)}"


def _event_time_words(node: EventTimeCondition, *, is_negated: bool) -> str:
    verb, noun, details = _event_words(node.events)
    which = "first" if node.which is Which.FIRST else "last"
    when = timeframe_words(node.timeframe) or "at any time"
    return f"{'not ' if is_negated else ''}{which} {verb} {_article(noun)} {noun}{details} {when}"


def _event_words(events: SelectedEvents) -> tuple[str, str, str]:
    """A verb in the past, a noun in the singular, and what the events must be like."""
    if events.kind in _MESSAGES:
        verb, noun = _MESSAGES[events.kind]
    elif events.kind.startswith(CUSTOM_EVENT_PREFIX):
        verb, noun = "had", f"{quoted(events.kind.removeprefix(CUSTOM_EVENT_PREFIX))} custom event"
    else:
        verb, noun = "had", f"{quoted(events.kind)} event"
    return verb, noun, event_details(events)


def event_details(events: SelectedEvents) -> str:
    """What events of a kind must be like: ` of the template "a" whose url contains "b"`; empty where all will do."""
    details = "" if events.template_id is None else f" of the template {quoted(events.template_id)}"
    if events.event_filter is not None:
        details += f" whose {_sentence(events.event_filter, of_event=True)}"
    return details


def _article(noun: str) -> str:
    return "an" if noun.lstrip('"')[:1].lower() in "aeiou" else "a"


def _property_words(node: PropertyCondition, *, is_negated: bool) -> str:
    _, noun, details = _event_words(node.events)
    what = f"the {_AGGREGATES[node.aggregate]} of {path_words(node.path)} of {noun}s{details}"
    return f"{what}{_spaced(timeframe_words(node.timeframe))} is {'not ' if is_negated else ''}{range_words(node)}"


def _sequence_words(node: SequenceCondition, *, is_negated: bool) -> str:
    steps = [_step_words(step) for step in node.steps]
    if node.absent is not None:
        _, noun, details = _event_words(node.absent.events)
        steps.append(f"no {noun}{details}{_within_words(node.absent)}")
    same = "" if node.same_property is None else f", all with the same {path_words(node.same_property)},"
    words = (", then ".join(steps) + same + _spaced(timeframe_words(node.timeframe))).removesuffix(",")
    return f"not ({words})" if is_negated else words


def _step_words(step: SequenceStep) -> str:
    verb, noun, details = _event_words(step.events)
    words = f"{verb} {_article(noun)} {noun}{details}{_within_words(step)}"
    if step.without:
        between = [_event_words(events) for events in step.without]
        words += f" without {any_of([f'{_article(noun)} {noun}{details}' for _, noun, details in between])} in between"
    return words


def _within_words(step: SequenceStep) -> str:
    return "" if step.within is None else f" within {duration_words(step.within)}"


def _goal_sentence(node: GoalCondition, *, is_negated: bool) -> str:
    what = f"the {_AGGREGATES[node.aggregate]} of {goal_words(node)}{_spaced(timeframe_words(node.timeframe))}"
    return f"{what} is {'not ' if is_negated else ''}{range_words(node)}"


def goal_words(node: GoalCondition) -> str:
    """Which goals: `purchase goals named "tent"`."""
    goals = "goals" if node.goal_type is None else f"{node.goal_type} goals"
    return goals if node.goal_name is None else f"{goals} named {quoted(node.goal_name)}"


def range_words(node: GoalCondition | PropertyCondition) -> str:
    """Where an aggregate is wanted: `at least 1000`, `between 1 and 2`."""
    if node.low is None or node.high is None:
        bound = node.high if node.low is None else node.low
        assert bound is not None
        return f"{'at most' if node.low is None else 'at least'} {number_text(bound)}"
    if node.low == node.high:
        return number_text(node.low)
    return f"between {number_text(node.low)} and {number_text(node.high)}"


def _spaced(words: str) -> str:
    return f" {words}" if words else ""
