"""Decides in plain Python which contacts belong to a segment, as the judge of every other answer."""

import operator
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo

# Zones come from the pinned tzdata package: the system's may be older, and one already loaded would stay in the cache.
zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()
ZONE_NAMES = frozenset(zoneinfo.available_timezones())

FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)
DAY = timedelta(days=1)
DATE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT_TEXT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)

FIELDS_OF_TYPE = {
    "string": "email external_id first_name last_name phone timezone language job_title country "
    "address_line_1 address_line_2 state postcode custom_string_1 custom_string_2 custom_string_3 "
    "custom_string_4 custom_string_5",
    "number": "lifetime_value orders_count custom_number_1 custom_number_2 custom_number_3 "
    "custom_number_4 custom_number_5",
    "time": "last_order_at created_at updated_at custom_datetime_1 custom_datetime_2 "
    "custom_datetime_3 custom_datetime_4 custom_datetime_5",
    "json": "custom_json_1 custom_json_2 custom_json_3 custom_json_4 custom_json_5",
}
FIELD_TYPES = {name: kind for kind, names in FIELDS_OF_TYPE.items() for name in names.split()}
TYPE_OF_CUSTOM_FIELD = {
    **dict.fromkeys(["text", "email", "url"], "string"),
    **{kind: kind for kind in ("number", "date", "boolean", "json")},
    "datetime": "time",
}
POSITIVE_OF = {
    "is_not_set": "is_set",
    "not_equals": "equals",
    "not_contains": "contains",
    "not_starts_with": "starts_with",
    "not_ends_with": "ends_with",
    "is_not_one_of": "is_one_of",
    "not_in_date_range": "in_date_range",
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(["exactly", "eq"], operator.eq),
    **dict.fromkeys(["gt", "after_date"], operator.gt),
    **dict.fromkeys(["lt", "before_date"], operator.lt),
    **dict.fromkeys(["gte", "at_least"], operator.ge),
    **dict.fromkeys(["lte", "at_most"], operator.le),
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """All that a condition may look at; `contacts` are the last rows by trimmed, lower-cased e-mail."""

    world: Row
    contacts: dict[str, Row]
    as_of: datetime
    segment_zone: str
    workspace_zone: str
    others: dict[str, Row]


def members(
    segment: dict[str, Any],
    world: dict[str, Any],
    *,
    as_of: datetime | None = None,
    others: list[dict[str, Any]] | None = None,
) -> set[str]:
    """E-mails (trimmed, lower-cased) of the contacts that match the segment at `as_of`.

    `others` are the segments that it may name.
    """
    world, segment = nfc_throughout(world), nfc_throughout(segment)
    contacts = {email_of(row): row for row in world.get("contacts") or []}
    for table in ("timeline", "custom_events", "subscriptions"):
        world = world | {table: [row for row in world.get(table) or [] if email_of(row) in contacts]}
    at = (as_of or required_instant(world["as_of"])).astimezone(UTC)
    workspace_zone = world.get("timezone") or "UTC"
    segment_zone = segment.get("timezone") or workspace_zone
    question = Question(world, contacts, at, segment_zone, workspace_zone, {row["id"]: row for row in others or []})
    return node_members(segment["tree"], question)


def email_of(row: Row) -> str:
    email: str = row["email"]
    return email.strip().lower()


def nfc_throughout(value: Any) -> Any:
    """The value with every text in it, keys too, in Unicode NFC."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case list():
            return [nfc_throughout(item) for item in value]
        case dict():
            return {nfc_throughout(key): nfc_throughout(item) for key, item in value.items()}
        case _:
            return value


def node_members(node: Row, question: Question) -> set[str]:
    if node["kind"] == "leaf":
        leaf = node["leaf"]
        match leaf["source"]:
            case "contacts":
                return contact_members(leaf["contact"], question)
            case "contact_lists":
                return contact_list_members(leaf["contact_list"], question)
            case "tag":
                return tag_members(leaf["tag"], question)
            case "identity":
                return identity_members(leaf["identity"], question)
            case "segment":
                return segment_members(leaf["segment"], question)
            case "contact_timeline":
                return contact_timeline_members(leaf["contact_timeline"], question)
            case "custom_events_goals":
                return custom_events_goal_members(leaf["custom_events_goal"], question)
    else:
        everyone = set(question.contacts)
        leaves = [node_members(leaf, question) for leaf in node["branch"]["leaves"]]
        match node["branch"]["operator"]:
            case "and":
                return everyone.intersection(*leaves)
            case "or":
                return set().union(*leaves)
            case "not":
                (only_leaf,) = leaves
                return everyone - only_leaf
    raise ValueError(f"unknown node {node!r}")


# --- filters on contacts and on the properties of events ------------------------------------


def contact_members(condition: Row, question: Question) -> set[str]:
    found = set(question.contacts)
    custom = {row["key"]: TYPE_OF_CUSTOM_FIELD[row["type"]] for row in question.world.get("custom_fields") or []}
    for asked in condition["filters"]:
        for email, row in question.contacts.items():
            value = email if asked["field_name"] == "email" else row.get(asked["field_name"])
            field_type = asked.get("field_type") or (FIELD_TYPES | custom)[asked["field_name"]]
            if not filter_holds(value, field_type, asked, email, question):
                found.discard(email)
    return found


def filter_holds(document: object, field_type: str, asked: Row, email: str, question: Question) -> bool:
    """Whether one filter holds for a raw value; every negative is NOT of its positive."""
    test = asked["operator"]
    if field_type == "json" and test not in ("is_set", "is_not_set", "in_array"):
        field_type = "string"
    value = value_of_type(value_at(document, asked.get("json_path") or []), field_type)
    if test not in POSITIVE_OF:
        return value is not None and positive_holds(value, test, asked, email, question)
    if value is None:
        return asked.get("missing") != "exclude"
    return not positive_holds(value, POSITIVE_OF[test], asked, email, question)


def value_at(document: object, path: list[str]) -> object:
    """The JSON value at a path, None where there is none."""
    value = document
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]*", step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def value_of_type(value: object, field_type: str) -> object:
    """The value read as the asked type; None when it is missing or of another type."""
    if field_type == "string":
        return value if isinstance(value, str) else None
    if field_type == "number":
        return float(value) if is_number(value) else None
    if field_type == "time":
        return instant_of(value) if isinstance(value, str) else None
    if field_type == "date":
        return day_of(value) if isinstance(value, str) else None
    if field_type == "boolean":
        return value if isinstance(value, bool) else None
    return value


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def positive_holds(value: object, test: str, asked: Row, email: str, question: Question) -> bool:
    if test == "is_set":
        return True
    if test == "in_array":
        return array_holds(value, asked)
    if isinstance(value, datetime):
        return instant_holds(value, test, asked, asked.get("string_values"), email, question)
    if isinstance(value, date):
        return day_holds(value, test, asked, email, question)
    if isinstance(value, bool):
        return value in asked["boolean_values"]  # nothing but equals is asked of a boolean
    if isinstance(value, str):
        return string_holds(value, test, asked["string_values"])
    numbers = [float(number) for number in asked["number_values"]]
    if test in ("equals", "is_one_of"):
        return value in numbers
    if test == "between":
        low, high = numbers
        return low <= value and not value > high  # type: ignore[operator]
    (number,) = numbers
    return COMPARISONS[test](value, number)


def array_holds(value: object, asked: Row) -> bool:
    strings = set(asked.get("string_values") or [])
    numbers = {float(number) for number in asked.get("number_values") or []}
    for element in value if isinstance(value, list) else []:
        if isinstance(element, str) and element in strings:
            return True
        if is_number(element) and float(element) in numbers:
            return True
    return False


def string_holds(value: str, test: str, asked_values: list[str]) -> bool:
    if test in ("equals", "is_one_of"):
        return value in asked_values
    if test == "contains":
        return any(lower(asked) in lower(value) for asked in asked_values)
    if test == "starts_with":
        return any(lower(value)[: len(lower(asked))] == lower(asked) for asked in asked_values)
    if test == "ends_with":
        return any(lower(value)[::-1].find(lower(asked)[::-1]) == 0 for asked in asked_values)
    (asked,) = asked_values
    return COMPARISONS[test](value, asked)


def lower(text: str) -> str:
    """Unicode simple lower-casing, one code point for one code point."""
    lowered = ""
    for char in text:
        if char == "\u0130":  # the only character whose full lower case is two code points
            lowered += "i"
        else:
            lowered += char.lower() if len(char.lower()) == 1 else char
    return lowered


# --- instants, local days, zones ------------------------------------------------------------


def instant_holds(
    instant: datetime, test: str, asked: Row, asked_values: list[str] | None, email: str, question: Question
) -> bool:
    """Whether an instant is where a time operator or a timeframe wants it."""
    zone = zone_of(email, question)
    if test in ("in_the_last_days", "in_the_next_days", "more_than_days_ago"):
        assert asked_values
        days = timedelta(days=min(int(asked_values[0]), 9_999_999))
        if test == "in_the_next_days":
            return question.as_of < instant <= moved(question.as_of, days)
        long_ago = instant <= moved(question.as_of, -days) and not_before_time(question.as_of, days)
        return long_ago if test == "more_than_days_ago" else not long_ago and instant <= question.as_of
    if test == "anniversary":
        assert asked_values
        around = {moved(instant, step * DAY).astimezone(zone).date() for step in (-1, 0, 1)}
        return any(is_within(instant, day, zone) and is_remembered(day, asked_values, zone, question) for day in around)
    if test in CALENDAR or test == "in_the_last_calendar_days":
        found = days_of(test, asked, asked_values, zone, question)
        return found is not None and side_of_days(instant, *found, zone) == 0
    assert asked_values
    sides = [side_of(instant, asked, zone) for asked in asked_values]
    if test == "equals":
        return 0 in sides
    if test == "in_date_range":
        first_side, last_side = sides
        return first_side >= 0 and last_side <= 0
    (side,) = sides
    return COMPARISONS[test](side, 0)


def not_before_time(instant: datetime, days: timedelta) -> bool:
    """Whether there is an instant so many days earlier."""
    return instant - FIRST_INSTANT >= days


CALENDAR = [
    *("today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year", "last_year"),
]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def days_of(
    test: str, asked: Row, asked_values: list[str] | None, zone: ZoneInfo, question: Question
) -> tuple[date, date] | None:
    """The first and the last local day of a calendar window, found by walking; None for no day at all."""
    today = question.as_of.astimezone(zone).date()
    if test == "in_the_last_calendar_days":
        assert asked_values
        count = int(asked_values[0])
        return (date.fromordinal(max(today.toordinal() - count + 1, 1)), today) if count else None
    same: dict[str, Callable[[date], Any]] = {
        "day": lambda day: day,
        "week": lambda day: week_of(day, asked.get("week_starts_on") or "monday"),
        "month": lambda day: (day.year, day.month),
        "year": lambda day: day.year,
    }
    unit = {"today": "day", "yesterday": "day"}.get(test) or test.partition("_")[2]
    wanted, day = same[unit](today), today
    if test == "yesterday" or test.startswith("last_"):
        while same[unit](day) == same[unit](today):
            day -= DAY
        wanted = same[unit](day)
    first = last = day
    while same[unit](first - DAY) == wanted:
        first -= DAY
    while same[unit](last + DAY) == wanted:
        last += DAY
    return first, last


def is_remembered(day: date, asked_values: list[str], zone: ZoneInfo, question: Question) -> bool:
    """Whether an anniversary of a day, of any year since 1900, is today or within so many days."""
    today = question.as_of.astimezone(zone).date()
    if day.year < 1900:
        return False
    for ahead in range(int(asked_values[0]) + 1):
        party = today + ahead * DAY
        if day.year < party.year:
            if (day.month, day.day) == (party.month, party.day):
                return True
            no_leap_day = (party + DAY).month == 3
            if (day.month, day.day) == (2, 29) and (party.month, party.day) == (2, 28) and no_leap_day:
                return True
    return False


def week_of(day: date, first_weekday: str) -> date:
    """The day on which the week of a day began."""
    while WEEKDAYS[day.weekday()] != first_weekday:
        day -= DAY
    return day


def side_of_days(instant: datetime, first: date, last: date, zone: ZoneInfo) -> int:
    """-1 before the first of some local days, 0 within them, 1 after the last."""
    if instant < day_start(first, zone):
        return -1
    end = day_end(last, zone)
    return 0 if end is None or instant < end else 1


def day_holds(day: date, test: str, asked: Row, email: str, question: Question) -> bool:
    """Whether a day of the calendar is where an operator wants it. Only its distance from today needs a zone."""
    zone, asked_values = zone_of(email, question), asked.get("string_values")
    if test in CALENDAR:
        found = days_of(test, asked, asked_values, zone, question)
        return found is not None and found[0] <= day <= found[1]
    assert asked_values
    if test == "anniversary":
        return is_remembered(day, asked_values, zone, question)
    days_ago = (question.as_of.astimezone(zone).date() - day).days
    if test in ("in_the_last_days", "in_the_last_calendar_days"):
        return 0 <= days_ago < int(asked_values[0])
    if test == "more_than_days_ago":
        return days_ago >= int(asked_values[0])
    if test == "in_the_next_days":
        return 0 < -days_ago <= int(asked_values[0])
    asked_days = [date.fromisoformat(asked) for asked in asked_values]
    if test == "equals":
        return day in asked_days
    if test == "in_date_range":
        first, last = asked_days
        return first <= day <= last
    (asked_day,) = asked_days
    return COMPARISONS[test](day, asked_day)


def day_of(text: str) -> date | None:
    """The day that a text such as 2026-05-01 names; None when it names none."""
    try:
        return date.fromisoformat(text) if DATE_TEXT.fullmatch(text) else None
    except ValueError:
        return None


def side_of(instant: datetime, asked: str, zone: ZoneInfo) -> int:
    """-1 before the asked instant or local day, 0 at or within it, 1 after it."""
    if DATE_TEXT.fullmatch(asked):
        day = date.fromisoformat(asked)
        if is_within(instant, day, zone):
            return 0
        return -1 if instant < day_start(day, zone) else 1
    exact = required_instant(asked)
    return (instant > exact) - (instant < exact)


def day_end(day: date, zone: ZoneInfo) -> datetime | None:
    """Where the next day starts; None after the last day of the calendar."""
    return None if day == date.max else day_start(day + timedelta(days=1), zone)


def is_within(instant: datetime, day: date, zone: ZoneInfo) -> bool:
    """Whether the day has begun, and the next one has not."""
    end = day_end(day, zone)
    return day_start(day, zone) <= instant and (end is None or instant < end)


@cache
def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant whose local date is `day` or later: walk the minutes, then the seconds.

    No offset reaches 16 hours, and no clock showed a date for less than a minute (St. John's once
    a year for just one, when clocks went from 00:01 back to 23:01), but offsets have seconds.
    """
    earliest = moved(datetime.combine(day, time.min, UTC), timedelta(hours=-16))
    instant = earliest
    while not day_is_reached(instant, day, zone):
        instant += timedelta(minutes=1)
    while instant > earliest and day_is_reached(instant - timedelta(seconds=1), day, zone):
        instant -= timedelta(seconds=1)
    return instant


def day_is_reached(instant: datetime, day: date, zone: ZoneInfo) -> bool:
    try:
        return instant.astimezone(zone).date() >= day
    except OverflowError:  # the local clock shows year 0 or year 10000
        return instant.year > 1


def moved(instant: datetime, change: timedelta) -> datetime:
    """The instant moved by a change, held within the years 1 to 9999."""
    try:
        return instant + change
    except OverflowError:
        return FIRST_INSTANT if change < timedelta(0) else LAST_INSTANT


def instant_of(text: str) -> datetime | None:
    """The UTC instant that an RFC 3339 text names; None when it names none."""
    found = INSTANT_TEXT.fullmatch(text)
    if found is None:
        return None
    day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = found.groups()
    if sign and (int(offset_hours) > 23 or int(offset_minutes) > 59):
        return None
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    try:
        clock = time(int(hour), int(minute), int(second), microsecond, UTC)
        local = datetime.combine(date.fromisoformat(day), clock)
    except ValueError:
        return None
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    try:
        return local + (offset if sign == "-" else -offset)
    except OverflowError:  # it lies in another year than 1 to 9999
        return None


def required_instant(text: str) -> datetime:
    instant = instant_of(text)
    if instant is None:
        raise ValueError(f"not an RFC 3339 instant: {text!r}")
    return instant


def is_past(text: str | None, as_of: datetime) -> bool:
    return text is not None and required_instant(text) <= as_of


def zone_of(email: str, question: Question) -> ZoneInfo:
    """The zone of the segment, or of the contact where the segment says `contact`."""
    if question.segment_zone != "contact":
        return ZoneInfo(question.segment_zone)
    name = question.contacts[email].get("timezone")
    return ZoneInfo(name if name in ZONE_NAMES else question.workspace_zone)


# --- the timeline ---------------------------------------------------------------------------


def contact_timeline_members(condition: Row, question: Question) -> set[str]:
    if condition.get("which"):
        return event_time_members(condition, question)
    if condition.get("aggregate_operator"):
        return property_members(condition, question)
    counts = dict.fromkeys(question.contacts, 0)
    for event in events_of_kind(condition["kind"], question):
        if email_of(event) in counts and event_holds(event, condition, question):
            counts[email_of(event)] += 1
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


# --- custom events, lists -------------------------------------------------------------------


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


def tag_members(condition: Row, question: Question) -> set[str]:
    found = set()
    for email, row in question.contacts.items():
        if any(tag in condition["tags"] for tag in row.get("tags") or []):
            found.add(email)
    return set(question.contacts) - found if condition.get("operator") == "not_in" else found


def identity_members(condition: Row, question: Question) -> set[str]:
    """The contacts that something names; files have no names but e-mails, phones and external ids."""
    found = set()
    for email, row in question.contacts.items():
        phone, external_id = str(row.get("phone") or ""), row.get("external_id")
        digits = phone.removeprefix("+")
        is_number = phone != digits and digits.isascii() and digits.isdigit() and digits[0] != "0"
        names = {"email": True, "external_id": bool(external_id), "phone": is_number and 7 <= len(digits) <= 15}
        if names.get(condition["kind"], False):
            found.add(email)
    return set(question.contacts) - found if condition.get("operator") == "is_not_set" else found


def segment_members(condition: Row, question: Question) -> set[str]:
    other = question.others[condition["segment_id"]]
    found = members(other, question.world, as_of=question.as_of, others=list(question.others.values()))
    return set(question.contacts) - found if condition.get("operator") == "not_in" else found


def contact_list_members(condition: Row, question: Question) -> set[str]:
    status_of = {}
    for row in question.world.get("subscriptions") or []:
        if row["list_id"] == condition["list_id"] and email_of(row) in question.contacts:
            status_of[email_of(row)] = row.get("status")
    asked_status = condition.get("status") or None
    found = {email for email in status_of if asked_status in (None, status_of[email])}

    lists = {row["id"]: row for row in question.world.get("lists") or []}
    asked_list = lists.get(condition["list_id"])
    if asked_list is None or is_past(asked_list.get("deleted_at"), question.as_of):
        found = set()
    return set(question.contacts) - found if condition.get("operator") == "not_in" else found
