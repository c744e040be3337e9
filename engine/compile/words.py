"""Scans and facts in words, for the comments over the SQL."""

from __future__ import annotations

from decimal import Decimal

from engine.compile.dialects.dialect import utc_text
from engine.compile.instants import rounded
from engine.errors import InvalidPlanError
from engine.plan.nodes import (
    AverageIsWithin,
    Complement,
    CountIs,
    Events,
    Every,
    Expression,
    Fact,
    GoalEvents,
    IsIn,
    IsMember,
    KindOfEvents,
    LatestIsSince,
    Measure,
    MeasureIsWithin,
    Never,
    Some,
)
from engine.plan.scans import (
    EventScan,
    IdentityScan,
    ProfileScan,
    Scan,
    SequenceScan,
    SqlScan,
    SubscriptionScan,
    TallyScan,
)
from engine.plan.tallies import window_of
from engine.plan.windows import AnyWindow, LocalWindow, Window

ZONE_EDGES_IN_WORDS = "Where local days start and end, in UTC, for every time zone that contacts have."
ZONE_OFFSETS_IN_WORDS = "What to add to UTC to find the local day, for every time zone that contacts have."


def scan_in_words(scan: Scan) -> str:
    """One sentence: what a scan reads, and what a row of it is."""
    match scan:
        case EventScan():
            return f"One pass over {_events(scan.events)} {_window(scan.hull)}: one row per contact that has any."
        case TallyScan():
            return f"Each of the {_events(scan.events)} {_window(scan.hull)}: one row per event, to be counted."
        case SequenceScan():
            kinds = ", then ".join(step.events.kind for step in scan.sequence.steps)
            return f"Who did {kinds}, {_window(scan.hull)}: one row per contact that did."
        case SubscriptionScan():
            return f"The subscriptions to list {scan.list_id!r}: one row per contact on it."
        case IdentityScan():
            return f"The identities of the kind {scan.kind}: one row per contact that has any."
        case ProfileScan():
            return "The fields of the contacts: one row per contact."
        case SqlScan():
            return "A query of an analyst, over the published views: who has one of its e-mails is in the set."


def tally_in_words(leaf: Expression) -> str:
    """One phrase: what a leaf asks of a tally, and of which events."""
    match leaf:
        case CountIs():
            return f"{fact_in_words(leaf.fact)} {leaf.comparison} {leaf.number}"
        case LatestIsSince():
            asked = Fact(leaf.fact.events, window_of(leaf, leaf.fact), Measure.COUNT)
            return f"{fact_in_words(asked)} at least 1"
        case MeasureIsWithin():
            return f"{fact_in_words(leaf.fact)} {_bounds(leaf.low, leaf.high)}"
        case AverageIsWithin():
            return f"{fact_in_words(leaf.total)}, divided by their number, {_bounds(leaf.low, leaf.high)}"
        case _:
            raise InvalidPlanError("expression", f"{leaf} is not tallied")


def _bounds(low: Decimal | None, high: Decimal | None) -> str:
    sides = [] if low is None else [f"at least {low:f}"]
    return " and ".join([*sides, *([] if high is None else [f"at most {high:f}"])]) or "is there"


def condition_in_words(expression: Expression) -> str:
    """An expression over sets: names of conditions with AND, OR and NOT."""
    match expression:
        case Every():
            return " AND ".join(_operand(part) for part in expression.parts)
        case Some():
            return " OR ".join(_operand(part) for part in expression.parts)
        case Complement():
            return f"NOT {_operand(expression.part)}"
        case IsIn():
            return expression.condition
        case IsMember():
            return f"segment {expression.segment_id}"
        case Never():
            return "nobody"
        case _:
            raise InvalidPlanError("expression", f"{expression} is not over sets")


def _operand(expression: Expression) -> str:
    words = condition_in_words(expression)
    return f"({words})" if isinstance(expression, Every | Some) else words


def fact_in_words(fact: Fact) -> str:
    """One phrase: what a fact says of a contact."""
    of = "" if fact.path is None else f" at {'.'.join(fact.path)}"
    return f"{fact.measure}{of} of {_events(fact.events)} {_window(fact.window)}"


def _events(events: Events) -> str:
    match events:
        case KindOfEvents():
            template = "" if events.template_id is None else f" of template {events.template_id!r}"
            passing = "" if events.event_filter is None else " that pass a filter on their properties"
            return f"{events.kind} events{template}{passing}"
        case GoalEvents():
            name = "" if events.goal_name is None else f" named {events.goal_name!r}"
            return f"{events.goal_type or 'all'} goals{name}"


def _window(window: AnyWindow) -> str:
    if isinstance(window, LocalWindow):
        return f"in each contact's own days, {_stretch(window.hull)}"
    return _stretch(window)


def _stretch(window: Window) -> str:
    """From when to when, UTC, with the same round instants as the SQL."""
    sides = []
    if window.start_at is not None:
        at, excluded = rounded(window.start_at)
        sides.append(f"{'after' if excluded else 'from'} {utc_text(at)}")
    if window.end_at is not None:
        at, included = rounded(window.end_at)
        sides.append(f"{'up to' if included else 'before'} {utc_text(at)}")
    return " ".join(sides) or "at any time"
