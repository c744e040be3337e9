"""The judge of what happened to a contact: the timeline and custom events."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

from tests.reference_filters import filter_holds, is_number, value_at
from tests.reference_operators import COMPARISONS
from tests.reference_question import Question, Row, email_of
from tests.reference_time import instant_holds, is_past, local_day, required_instant, stretch_of

# --- the timeline ---------------------------------------------------------------------------


def contact_timeline_members(condition: Row, question: Question) -> set[str]:
    if condition.get("which"):
        return event_time_members(condition, question)
    if condition.get("aggregate_operator"):
        return property_members(condition, question)
    test = condition.get("timeframe_operator") or "anytime"
    if test.startswith("in_each_of_the_last_"):
        stretches = range(1, int(condition["timeframe_values"][0]) + 1)
        return set.intersection(*(members_by_count(condition, question, stretch) for stretch in stretches))
    return members_by_count(condition, question)


def members_by_count(condition: Row, question: Question, stretch: int = 0) -> set[str]:
    """The contacts with the asked number of events, or of days with any; those of one stretch of several, if given."""
    counted: dict[str, list[object]] = {email: [] for email in question.contacts}
    whenever = {**condition, "timeframe_operator": "anytime"} if stretch else condition
    for number, event in enumerate(events_of_kind(condition["kind"], question)):
        email = email_of(event)
        if email in counted and event_holds(event, whenever, question):
            instant = required_instant(event["occurred_at"])
            if not stretch or stretch == stretch_of(instant, condition, email, question):
                is_of_days = condition.get("count_of") == "days"
                counted[email].append(local_day(instant, email, question) if is_of_days else number)
    counts = {email: len(set(found)) for email, found in counted.items()}
    if condition["count_operator"] == "between":
        asked_counts = range(condition["count_value"], condition["count_value_2"] + 1)
        return {email for email in counts if counts[email] in asked_counts}
    count_is_right = COMPARISONS[condition["count_operator"]]
    return {email for email in counts if count_is_right(counts[email], condition["count_value"])}


def property_members(condition: Row, question: Question) -> set[str]:
    """The contacts whose events have property values that come to what is asked."""
    found: dict[str, list[object]] = {email: [] for email in question.contacts}
    for event in events_of_kind(condition["kind"], question):
        if email_of(event) in found and event_holds(event, condition, question):
            found[email_of(event)].append(value_at(event.get("properties"), condition["property"]))
    if condition["aggregate_operator"] == "distinct_count":
        return {email for email in found if bounds_hold(Fraction(number_of_different(found[email])), condition)}
    numbers = {
        email: [value for value in found[email] if is_number(value) and abs(nine(value)) < 10**20] for email in found
    }
    return {email for email in found if goal_holds(numbers[email], condition)}


def number_of_different(values: list[object]) -> int:
    texts = {value for value in values if isinstance(value, str)}
    return len(texts) + len({float(value) for value in values if is_number(value)})


def nine(value: float) -> Fraction:
    return to_nine_decimals(Fraction(repr(value)))


def event_time_members(condition: Row, question: Question) -> set[str]:
    """The contacts whose first or last event, of all so far, lies in the timeframe."""
    found: dict[str, Row] = {}
    for event in events_of_kind(condition["kind"], question):
        if email_of(event) in question.contacts and event_holds(
            event, condition | {"timeframe_operator": "anytime"}, question
        ):
            known = found.setdefault(email_of(event), event)
            times = [required_instant(row["occurred_at"]) for row in (known, event)]
            if times[0] > times[1] if condition["which"] == "first" else times[0] < times[1]:
                found[email_of(event)] = event
    return {email for email, event in found.items() if in_timeframe(event, condition, question)}


def sequence_members(condition: Row, question: Question) -> set[str]:
    """The contacts with some chain of events: each step later than the one before, and nothing in between."""
    frame = {key: value for key, value in condition.items() if key.startswith(("timeframe", "week"))}
    steps = [step for step in condition["steps"] if step.get("operator") != "not_done"]
    absent = next((step for step in condition["steps"] if step.get("operator") == "not_done"), None)

    def found(asked: Row, email: str, frame: Row) -> list[Row]:
        rows = [event for event in events_of_kind(asked["kind"], question) if email_of(event) == email]
        return [event for event in rows if event_holds(event, {**asked, **frame}, question)]

    def are_alike(one: Row, other: Row) -> bool:
        path = condition.get("same_property")
        if path is None:
            return True
        values = [value_at(event.get("properties"), path) for event in (one, other)]
        if is_number(values[0]) and is_number(values[1]):
            return float(values[0]) == float(values[1])
        return isinstance(values[0], str) and values[0] == values[1]

    def goes_on(email: str, first: Row, last: Row, number: int) -> bool:
        if number == len(steps):
            return absent is None or is_not_followed(email, first, last)
        step = steps[number]
        for event in found(step, email, frame):
            gap = time_of(event) - time_of(last)
            if gap > timedelta(0) and gap <= time_allowed(step) and are_alike(first, event):
                between = [other for asked in step.get("without") or [] for other in found(asked, email, {})]
                between = [other for other in between if time_of(last) < time_of(other) < time_of(event)]
                if not any(are_alike(first, other) for other in between) and goes_on(email, first, event, number + 1):
                    return True
        return False

    def is_not_followed(email: str, first: Row, last: Row) -> bool:
        assert absent is not None
        if question.as_of - time_of(last) < time_allowed(absent):
            return False
        others = [event for event in found(absent, email, {}) if are_alike(first, event)]
        return not any(timedelta(0) < time_of(event) - time_of(last) <= time_allowed(absent) for event in others)

    return {
        email
        for email in question.contacts
        if any(are_alike(first, first) and goes_on(email, first, first, 1) for first in found(steps[0], email, frame))
    }


def time_of(event: Row) -> datetime:
    return required_instant(event["occurred_at"])


def time_allowed(step: Row) -> timedelta:
    """How long after the step before a step may come."""
    if step.get("within_value") is None:
        return timedelta.max
    return timedelta(**{step["within_unit"]: step["within_value"]})


def events_of_kind(kind: str, question: Question) -> list[Row]:
    """The events of a kind, each counted once, whoever they belong to and whenever they were."""
    events = {}
    for number, row in enumerate(question.world.get("timeline") or []):
        events[("row", number) if row.get("id") is None else ("id", row["id"])] = row
    timeline = [row for row in events.values() if row["kind"] == kind]
    if not kind.startswith("custom_event."):
        return timeline
    name = kind.removeprefix("custom_event.")
    named = [row for row in question.world.get("custom_events") or [] if row["event_name"] == name]
    already_counted = {row["external_id"] for row in named}
    return [row for row in timeline if row.get("entity_id") not in already_counted] + [
        row | {"template_id": None} for row in alive_custom_events(named, question)
    ]


def event_holds(event: Row, condition: Row, question: Question) -> bool:
    if not in_timeframe(event, condition, question):
        return False
    if condition.get("template_id") and event.get("template_id") != condition["template_id"]:
        return False
    properties = event.get("properties")
    for asked in condition.get("filters") or []:
        value = properties.get(asked["field_name"]) if isinstance(properties, dict) else None
        field_type = asked.get("field_type") or "string"
        if not filter_holds(value, field_type, asked, email_of(event), question):
            return False
    return True


def in_timeframe(event: Row, condition: Row, question: Question) -> bool:
    instant = required_instant(event["occurred_at"])
    if instant > question.as_of:
        return False
    test = condition.get("timeframe_operator") or "anytime"
    if test == "anytime":
        return True
    return instant_holds(instant, test, condition, condition.get("timeframe_values"), email_of(event), question)


# --- custom events --------------------------------------------------------------------------


def custom_events_goal_members(condition: Row, question: Question) -> set[str]:
    values: dict[str, list[float | None]] = {email: [] for email in question.contacts}
    for row in alive_custom_events(question.world.get("custom_events") or [], question):
        if email_of(row) in values and goal_event_holds(row, condition, question):
            values[email_of(row)].append(row.get("goal_value"))
    return {email for email in values if goal_holds(values[email], condition)}


def alive_custom_events(rows: list[Row], question: Question) -> list[Row]:
    """The latest version of each custom event so far, those left out that are deleted."""
    latest: dict[tuple[str, str], Row] = {}
    for row in rows:
        if required_instant(row["occurred_at"]) > question.as_of:
            continue
        key = (row["event_name"], row["external_id"])
        known = latest.get(key, row)
        if required_instant(row["occurred_at"]) >= required_instant(known["occurred_at"]):
            latest[key] = row
    return [row for row in latest.values() if not is_past(row.get("deleted_at"), question.as_of)]


def goal_event_holds(row: Row, condition: Row, question: Question) -> bool:
    if row.get("goal_type") is None or condition["goal_type"] not in ("*", row["goal_type"]):
        return False
    if condition.get("goal_name") and row.get("goal_name") != condition["goal_name"]:
        return False
    return in_timeframe(row, condition, question)


def goal_holds(values: Sequence[float | None], condition: Row) -> bool:
    """Whether the aggregate over one contact's goal values is as asked, in exact arithmetic."""
    exact = [to_nine_decimals(Fraction(repr(value))) for value in values if value is not None]
    aggregates: dict[str, Callable[[], Fraction]] = {
        "count": lambda: Fraction(len(values)),
        "sum": lambda: sum(exact, Fraction(0)),
        "avg": lambda: sum(exact, Fraction(0)) / len(exact),
        "min": lambda: min(exact),
        "max": lambda: max(exact),
    }
    if not exact and condition["aggregate_operator"] in ("avg", "min", "max"):
        return False
    return bounds_hold(aggregates[condition["aggregate_operator"]](), condition)


def bounds_hold(aggregate: Fraction, condition: Row) -> bool:
    asked = Fraction(repr(condition["value"]))
    if condition["operator"] == "between":
        return asked <= aggregate <= Fraction(repr(condition["value_2"]))
    return COMPARISONS[condition["operator"]](aggregate, asked)


def to_nine_decimals(value: Fraction) -> Fraction:
    """The nearest of the values with nine decimals; of two as near, the one further from zero."""
    size = floor(abs(value) * 10**9 + Fraction(1, 2))
    return Fraction(size if value > 0 else -size, 10**9)
