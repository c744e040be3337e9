"""Hypothesis strategies for tiny worlds and for segments that meet on every edge of the rules."""

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

zoneinfo.reset_tzpath(to=())  # the same days in every example, whatever the system's time zones
ZoneInfo.clear_cache()

Row = dict[str, Any]
Value = TypeVar("Value")

# Local days on which the clocks change, or that do not exist, and an ordinary one.
DAYS_BY_ZONE = {
    "UTC": ["2026-06-01", "2024-02-29", "2026-02-28", "2026-12-31"],
    "Europe/Paris": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    # At midnight: a gap, and a midnight that comes twice; in 2026 it does not, but older tzdata than ours says so.
    "America/Havana": ["2026-03-08", "2025-11-02", "2026-11-01"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],  # by half an hour
    "Pacific/Apia": ["2011-12-30"],  # never was
    "Asia/Kathmandu": ["2026-06-01"],
    "Pacific/Kiritimati": ["1994-12-31"],  # never was
    "America/St_Johns": ["2010-11-07", "2010-03-14"],  # at 00:01: back to the day before, and a gap
    "America/Toronto": ["1919-03-31"],  # a gap over midnight
    "America/Sao_Paulo": ["2018-02-18", "2018-11-04"],  # at midnight: back to 23:00, and a gap
}
EAST, WEST = (timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-9, minutes=-30)))
ZONE_NAMES = list(DAYS_BY_ZONE)
MICROSECOND, SECOND, HOUR, DAY = (timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1), timedelta(1))
EMAILS = ["ann@x.example", "bob@x.example", "cyd@x.example", "dee@x.example"]
ZOE = ["Zo\u00eb", "Zoe\u0308", "ZO\u00cb", "e\u0308", "\u00eb"]
STRING_GROUPS = [
    ["US", "us", "", "u"],
    ZOE,
    ZOE,
    ["100%", "1000", "%", "0%"],
    ["a_b", "axb", "A_B", "_"],
    ["O'Neil", "o'neil", "'", "''"],
    ["\u0130", "i", "i\u0307", "I", "\u0131"],
    ["\u1e9e", "\u00df", "ss", "SS"],
    ["\\", "\\\\", "\\n", "\n"],
    ["\u65e5\u672c", "\u65e5", "\u672c\u65e5"],
    ["\u0391\u03a3", "\u03b1\u03c3", "\u03b1\u03c2"],  # lower case of a final sigma
    ["\u212a", "K", "k", "\u212b", "\u00c5"],  # Kelvin and Angstrom signs
    ["1", "1.0", "2.5", "0", "true"],
    ["\uff5a", "\U0001f600", "z", " z"],  # code points and UTF-16 units sort differently
]
NUMBER_GROUPS = [[1, 0, -0.0], [2.5, -3, 1e300, 1e25], [0.3, 0.1, 0.2, 0.1 + 0.2], [2.0**53, 2**53 + 1, 1]]
GOAL_VALUES = [0.1, 0.2, 0.3, 99.5, 0, 10, -5, 0.0000000005, 0.0000000015, 33.333333333]
STRING_FIELDS = [
    # Not country, language and phone: files bring these into one spelling.
    *("external_id", "first_name", "last_name", "job_title", "custom_string_2", "custom_string_3", "custom_string_4"),
    *("address_line_1", "address_line_2", "state", "postcode", "custom_string_1"),
    *("custom_string_2", "custom_string_3", "custom_string_4", "custom_string_5"),
    *("select", "select"),
]
# Keys that are words of SQL, and one of each way in which values compare.
CUSTOM_FIELDS = {
    "group": "boolean",
    "order": "date",
    "select": "text",
    "limit": "number",
    "end": "datetime",
    "all": "json",
}
NUMBER_FIELDS = ["lifetime_value", "orders_count", *(f"custom_number_{i}" for i in range(1, 6)), "limit"]
TIME_FIELDS = ["last_order_at", "created_at", "updated_at"]
TIME_FIELDS += [*(f"custom_datetime_{i}" for i in range(1, 6)), "end"]
JSON_FIELDS = [*(f"custom_json_{i}" for i in range(1, 6)), "all"]
TAGS = ["vip", "VIP", "Zo\u00eb", "Zoe\u0308", "new"]
JSON_KEYS = [
    *("plan", "tags", "0", "1", "0", "1", "01", "-1", "#", "*", "a.b", "$", "$.x", "[0]", "two words"),
    *('say "hi"', "it's", "back\\slash", "\u65e5\u672c", "18446744073709551616"),
]
PLAIN_PROPERTY = "n"
NOT_INSTANTS = [
    *("2026-06-01", "2026-06-01T12:00:00", "2026-06-01T12:00Z", "2026-06-01T12:00:00+0200"),
    *("2026-02-30T12:00:00Z", "0000-01-01T00:00:00Z", "2026-06-01T24:00:00Z", "12:00:00Z"),
    *("2026-06-01T23:59:60Z", "2026-06-01T12:60:00Z", "2026-06-01T12:00:00.Z", "infinity"),
    *(" 2026-06-01T12:00:00Z", "2026-06-01T12:00:00Z\n", "\uff12026-06-01T12:00:00Z", "now"),
]
NOT_DATES = [
    *("2026-02-30", "0000-01-01", "2026-6-1", "2026-06-01T00:00:00Z", " 2026-06-01", "2026-06-01\n", "20260601"),
    *("infinity", "epoch", "-2026-06-01", "12026-06-01", "\uff12026-06-01", "2026-06-01 (BC)"),
]
FAR_INSTANTS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T23:59:59.5Z"]
ODD_BY_TYPE: dict[str, list[Any]] = {
    "string": [1, True, None, ["US"], {"0": "US"}, 2.5],
    "number": [True, False, "1", "2.5", None, [1]],
    "time": [*NOT_INSTANTS, *FAR_INSTANTS],
    "boolean": ["true", "false", 1, 0, None, [True], "t"],
    "date": [*NOT_DATES, "0001-01-01", "9999-12-31", None],
    "json": [None, [], {}, True, [["US"]], [1, "1", None, True]],
}
KINDS = ["open_email", "click_email", "insert_message_history", "list.subscribed"]
EVENT_NAMES = ["order", "shopify.order"]
GOAL_TYPES = ["purchase", "subscription", "lead", "signup", "booking", "trial", "other"]
LIST_IDS = ["news", "vip", "gone"]
STATUSES = ["active", "pending", "unsubscribed", "bounced"]
# Operators that take several values, that take none, and the rest by the type that they read.
SEVERAL_VALUES = ["equals", "not_equals", "contains", "not_contains", "in_array", "starts_with", "not_starts_with"]
SEVERAL_VALUES += ["ends_with", "not_ends_with", "is_one_of", "is_not_one_of"]
NEGATIONS = ["not_equals", "not_contains", "not_in_date_range", "not_starts_with", "not_ends_with", "is_not_one_of"]
ANY_TYPE = ["is_set", "is_not_set"]
ORDERED = [*ANY_TYPE, *["equals", "not_equals"] * 2, "gt", "gte", "lt", "lte"]
CONTAINS = ["contains", "not_contains"] * 2
CONTAINS += ["starts_with", "not_starts_with", "ends_with", "not_ends_with", "is_one_of", "is_not_one_of"]
RANGES = ["in_date_range", "not_in_date_range"]
ROLLING = ["in_the_last_days", "in_the_last_calendar_days", "in_the_next_days", "more_than_days_ago"]
ANNIVERSARIES = ["anniversary"] * 3
CALENDAR = [
    "today",
    "yesterday",
    *(f"{which}_{unit}" for which in ("this", "last") for unit in ("week", "month", "year")),
]
WEEKDAYS = ["monday", "sunday", "saturday", "tuesday", "wednesday", "thursday", "friday"]
OPERATORS_BY_TYPE = {
    "string": [*ORDERED, *CONTAINS],
    "number": [*ORDERED, "is_one_of", "is_not_one_of", *["between"] * 4],
    "time": [*ORDERED, *RANGES * 2, "before_date", "after_date", *ROLLING, *CALENDAR, *ANNIVERSARIES],
    "boolean": [*ANY_TYPE, *["equals", "not_equals"] * 2],
    "date": [*ORDERED, *RANGES * 2, "before_date", "after_date", *ROLLING * 2, *CALENDAR, *ANNIVERSARIES],
    "json": [*ORDERED, *CONTAINS, *["in_array"] * 4],
}


@dataclass(frozen=True, slots=True)
class Palette:
    """The few values that one example is made of, so that its rows and its rules meet."""

    as_of: str
    zones: list[str]
    instants: list[datetime]
    dates: list[str]
    near_dates: list[str]
    past_instants: list[datetime]
    days: list[str]
    strings: list[str]
    numbers: list[float]
    json_type: str
    goal_values: list[float]
    fields_by_type: dict[str, list[str]]
    kinds: list[str]
    event_name: str
    paths: list[list[str]]
    property_names: list[str]
    goal_types: list[str]
    statuses: list[str]
    tags: list[str]


TAPES = st.binary(min_size=1048, max_size=1048)


class Dice:
    """Choices read off a tape of bytes that Hypothesis draws, and shrinks, as one value.

    Past the end of the tape, as on a tape of zeros, the first choice is taken. With one draw for each choice,
    Hypothesis spends most examples on variants of the last one, and finds few of the planted bugs that this finds.
    """

    def __init__(self, tape: bytes) -> None:
        self.tape = tape

    def choice(self, values: Sequence[Value]) -> Value:
        """One of the values, a repeated one more often; it shrinks to the first."""
        number, self.tape = self.tape[:1], self.tape[1:]
        return values[int.from_bytes(number) % len(values)]

    def some(self, values: Sequence[Value], sizes: Sequence[int]) -> list[Value]:
        """As many different values as one of the sizes says."""
        left, taken = list(values), []
        for _ in range(self.choice(sizes)):
            taken.append(self.choice(left))
            left.remove(taken[-1])
        return taken

    def parts(self, size: int, sizes: Sequence[int]) -> list["Dice"]:
        """Dice of `size` bytes each, as many as one of the sizes says; what follows on the tape stays in its place."""
        count = self.choice(sizes)
        parts = [Dice(self.tape[size * number : size * (number + 1)]) for number in range(max(sizes))]
        self.tape = self.tape[size * max(sizes) :]
        return parts[:count]


def worlds() -> SearchStrategy[Row]:
    """Worlds of up to four contacts, in the shape of one line of `cases/base.jsonl`."""
    return world_and_segments().map(lambda pair: pair[0])


def definitions() -> SearchStrategy[Row]:
    """Segments `{"id", "name"?, "timezone"?, "tree"}` that every rule accepts."""
    return world_and_segments().map(lambda pair: pair[1][0])


def world_and_segments() -> SearchStrategy[tuple[Row, list[Row]]]:
    """A world, and one to four segments that share conditions with each other and values with it."""
    return TAPES.map(world_and_segments_of)


def world_and_segments_of(tape: bytes) -> tuple[Row, list[Row]]:
    dice = Dice(tape)
    (palette_dice,) = dice.parts(72, [1])
    palette = palette_of(palette_dice)
    leaves = [leaf_of(part, palette) for part in dice.parts(32, [1, 2, 3, 4, 5, 6])]
    segments: list[Row] = []
    for number, part in enumerate(dice.parts(16, [1, 2, 3, 4, 4]), start=1):
        references = [segment_leaf(part, palette, segment["id"]) for segment in segments]
        segments.append(segment_of(part, palette, f"s{number}", leaves + references))
    return world_of(dice, palette), segments


# --- the palette ----------------------------------------------------------------------------


def palette_of(dice: Dice) -> Palette:
    zones = dice.some(ZONE_NAMES, [1, 1, 2])
    focus = date.fromisoformat(dice.choice(DAYS_BY_ZONE[zones[0]]))
    days = dice.some([1, 7, 2, 30, 0], [1, 1, 2])
    noon = datetime.combine(focus + DAY, time(12), UTC)
    as_of = near(dice, [noon, *midnights(focus + DAY, zones), *midnights(focus, zones)])
    local_as_of = as_of.astimezone(ZoneInfo(zones[0]))
    today = local_as_of.date()
    past_days = [day for year in (2008, 1900) for day in days_of_year(today, year)]
    dates = dice.some([focus, focus - DAY, focus + DAY, today], [1, 2, 3])
    return Palette(
        as_of=rfc_3339(dice.choice([as_of, as_of, as_of.astimezone(EAST)])),
        zones=zones,
        instants=some_instants(dice, as_of, days, dates, zones),
        dates=[day.isoformat() for day in dates] + dice.choice([[], [], [], ["0001-01-01"], ["9999-12-31"]]),
        near_dates=[
            *(str(today - ago * DAY) for count in days for ago in (count, count - 1, 0, -1)),
            *map(str, past_days),
        ],
        past_instants=[near(dice, midnights(dice.choice(past_days), zones)) for _ in range(3)],
        days=[str(count) for count in days] + dice.choice([[], [], [], ["999999999"]]),
        strings=dice.choice(STRING_GROUPS),
        numbers=dice.choice(NUMBER_GROUPS),
        json_type=dice.choice(["string", "number", "time", "json", "boolean", "date", "json"]),
        goal_values=dice.some(GOAL_VALUES, [1, 2, 3]),
        fields_by_type={
            "string": [*dice.some(STRING_FIELDS, [1]) * 3, "timezone", "email"],
            "number": dice.some(NUMBER_FIELDS, [1]),
            "time": dice.some(TIME_FIELDS, [1]),
            "json": dice.some(JSON_FIELDS, [1]),
            "boolean": ["group"],
            "date": ["order"],
        },
        kinds=dice.some(KINDS, [1, 1, 2]),
        event_name=dice.choice(EVENT_NAMES),
        paths=[dice.some(JSON_KEYS, [1, 0, 1, 2, 2, 3]) for _ in range(dice.choice([1, 1, 2]))],
        property_names=dice.some(JSON_KEYS, [1, 1, 2]),
        goal_types=dice.some(GOAL_TYPES, [1, 1, 2]),
        statuses=dice.some(STATUSES, [2, 3]),
        tags=dice.some(TAGS, [2, 3]),
    )


def days_of_year(day: date, year: int) -> list[date]:
    """The days of an earlier year that lie around a day, and its 29 February if there is one."""
    same = date(year, day.month, min(day.day, 28))
    leap_day = [date(year, 2, 29)] if year % 400 == 0 or (year % 4 == 0 and year % 100) else []
    return [same, same + DAY, same - DAY, same + (day.day - same.day) * DAY, *leap_day]


def midnights(day: date, zones: list[str]) -> list[datetime]:
    """Where a local day can start, as far as `zoneinfo` alone can tell."""
    walls = [datetime.combine(day, time(0, fold=fold), ZoneInfo(zone)) for zone in zones for fold in (0, 1)]
    return [wall.astimezone(UTC) for wall in walls]


def near(dice: Dice, edges: list[datetime]) -> datetime:
    """One of the edges, or less often an instant a little to either side of it."""
    distances = [*[timedelta(0)] * 5, *[-MICROSECOND] * 3, MICROSECOND, SECOND, -SECOND, HOUR, -HOUR]
    return dice.choice(edges) + dice.choice(distances)


def some_instants(dice: Dice, as_of: datetime, days: list[int], dates: list[date], zones: list[str]) -> list[datetime]:
    """`as_of` first, then a few instants at which an answer may change."""
    day_edges = [edge for day in dates for end in (day, day + DAY) for edge in midnights(end, zones)]
    rolling_edges = [as_of - timedelta(days=count) for count in days]
    return [
        as_of,
        *[near(dice, day_edges) for _ in range(dice.choice([2, 3, 4]))],
        *[near(dice, rolling_edges) for _ in range(dice.choice([1, 2]))],
        *dice.some([as_of + MICROSECOND, as_of + DAY, as_of - MICROSECOND], [0, 1]),
    ]


def rfc_3339(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def row_instant(dice: Dice, palette: Palette) -> str:
    return rfc_3339(dice.choice(palette.instants))


def spelled_instant(dice: Dice, palette: Palette) -> str:
    """An instant of the palette in one of the spellings of RFC 3339."""
    instant = dice.choice(palette.instants)
    return dice.choice(
        [
            *[rfc_3339(instant)] * 3,
            rfc_3339(instant.astimezone(EAST)),
            rfc_3339(instant.astimezone(WEST)),
            rfc_3339(instant).lower(),
            rfc_3339(instant).replace("T", " "),
            instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "999Z",
        ],
    )


# --- worlds ---------------------------------------------------------------------------------


def world_of(dice: Dice, palette: Palette) -> Row:
    row_counts = [0, 2, 3, 3, 4, 4, 5, 6, 8]
    contact_parts = dice.parts(40, [0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5])
    emails = EMAILS[: len(contact_parts)]
    owners = [*emails, *emails, "nobody@x.example"]
    return {
        "as_of": palette.as_of,
        "timezone": dice.choice(palette.zones),
        "custom_fields": [{"key": key, "type": kind} for key, kind in CUSTOM_FIELDS.items()],
        # The fifth contact is another row of the first one.
        "contacts": [
            contact_row(part, palette, email) for email, part in zip([*emails, EMAILS[0]], contact_parts, strict=False)
        ],
        "lists": [list_row(dice, palette, list_id) for list_id in LIST_IDS],
        "timeline": [timeline_row(part, palette, owners) for part in dice.parts(24, row_counts)],
        "custom_events": [custom_event_row(part, palette, owners) for part in dice.parts(24, row_counts)],
        "subscriptions": [subscription_row(part, palette, owners) for part in dice.parts(6, row_counts)],
    }


def spelled_email(dice: Dice, email: str) -> str:
    return dice.choice([email, email, email, email.upper(), f" {email.title()} "])


def with_gaps(dice: Dice, row: Row, optional: list[str]) -> Row:
    """The row with some of the optional values null and some absent."""
    kept = dict(row)
    for key in optional:
        match dice.choice(["absent", "null", *["kept"] * 9]):
            case "absent":
                del kept[key]
            case "null":
                kept[key] = None
    return kept


def contact_row(dice: Dice, palette: Palette, email: str) -> Row:
    row: Row = {}
    for field_name in palette.fields_by_type["string"]:
        row[field_name] = dice.choice(palette.strings)
    for field_name in palette.fields_by_type["number"]:
        row[field_name] = dice.choice(palette.numbers)
    for field_name in palette.fields_by_type["time"]:
        row[field_name] = rfc_3339(dice.choice([*palette.instants * 2, *palette.past_instants]))
    for field_name in palette.fields_by_type["json"]:
        row[field_name] = document(dice, palette)
    for field_name in palette.fields_by_type["boolean"]:
        row[field_name] = dice.choice([True, False])
    for field_name in palette.fields_by_type["date"]:
        row[field_name] = dice.choice([*palette.near_dates, *palette.dates])
    row["tags"] = dice.some(palette.tags, [1, 0, 2])
    row["timezone"] = dice.choice([*palette.zones * 3, "", "Mars/Olympus", "europe/paris"])
    return with_gaps(dice, row, list(row)) | {"email": spelled_email(dice, email)}


def timeline_row(dice: Dice, palette: Palette, owners: list[str]) -> Row:
    row = {
        "id": dice.choice([f"e{number}" for number in range(9)]),
        "email": spelled_email(dice, dice.choice(owners)),
        "kind": dice.choice([*palette.kinds * 2, f"custom_event.{palette.event_name}"]),
        "occurred_at": row_instant(dice, palette),
        "entity_id": dice.choice(["x1", "x2", "x9"]),
        "template_id": dice.choice(["t1", "t2"]),
        "properties": properties(dice, palette),
    }
    return with_gaps(dice, row, ["id", "entity_id", "template_id", "properties"])


def custom_event_row(dice: Dice, palette: Palette, owners: list[str]) -> Row:
    row = {
        "external_id": dice.choice(["x1", "x2", "x3", "x4"]),
        "email": spelled_email(dice, dice.choice(owners)),
        "event_name": dice.choice([palette.event_name, palette.event_name, *EVENT_NAMES]),
        "occurred_at": row_instant(dice, palette),
        "goal_type": dice.choice(palette.goal_types),
        "goal_name": dice.choice(["web", "web", "shop"]),
        "goal_value": dice.choice([*palette.goal_values, *palette.goal_values, None]),
        "deleted_at": dice.choice([None, None, None, deleted_at(dice, palette)]),
        "properties": properties(dice, palette),
    }
    optional = ["goal_type", "goal_name", "goal_value", "deleted_at", "properties"]
    return with_gaps(dice, row, optional)


def deleted_at(dice: Dice, palette: Palette) -> str:
    as_of = palette.instants[0]
    return rfc_3339(dice.choice([as_of, as_of - MICROSECOND, as_of + MICROSECOND, as_of + DAY]))


def list_row(dice: Dice, palette: Palette, list_id: str) -> Row:
    row = {"id": list_id, "name": list_id.title()}
    return row | {"deleted_at": deleted_at(dice, palette)} if list_id == "gone" else row


def subscription_row(dice: Dice, palette: Palette, owners: list[str]) -> Row:
    return {
        "email": spelled_email(dice, dice.choice(owners)),
        "list_id": dice.choice(["news", "news", "news", "gone", "vip", "never-created"]),
        "status": dice.choice(palette.statuses),
    }


def properties(dice: Dice, palette: Palette) -> Any:
    row: Row = {PLAIN_PROPERTY: dice.choice([*palette.numbers * 3, *palette.strings])}
    row |= {name: document(dice, palette) for name in palette.property_names}
    return dice.choice([with_gaps(dice, row, list(row))] * 15 + [{}])


def document(dice: Dice, palette: Palette) -> Any:
    """A JSON value that has something, often of the wrong type, at a path of the palette."""
    value = json_value(dice, palette)
    for key in reversed(dice.choice(palette.paths)):
        match dice.choice([*["step"] * 9, "object", "array", "split", "lost"]):
            case "step" if key in ("0", "1", "01"):
                value = ["US", value] if "1" in key else [value, 2.5]
            case "array":  # in which -1 and the like name nothing
                value = [value, value]
            case "split" if "." in key:  # the key a.b is not the path a, b
                first, second = key.split(".")
                value = {first: {second: value}}
            case "lost":
                value = {"other": value, key: None}
            case _:
                value = {key: value, "other": True}
    return value


def json_value(dice: Dice, palette: Palette) -> Any:
    if dice.choice([False, False, True] if palette.json_type == "json" else [False, False, False, False, True]):
        return [json_scalar(dice, palette) for _ in range(dice.choice([1, 0, 2, 3]))]
    return json_scalar(dice, palette)


def json_scalar(dice: Dice, palette: Palette) -> Any:
    match dice.choice([*[palette.json_type] * 5, "string", "number", "time", "odd", "odd"]):
        case "number":
            return dice.choice(palette.numbers)
        case "time":
            return spelled_instant(dice, palette)
        case "boolean":
            return dice.choice([True, False])
        case "date":
            return dice.choice([*palette.near_dates, *palette.dates])
        case "odd":
            return dice.choice(ODD_BY_TYPE[palette.json_type])
        case _:
            return dice.choice(palette.strings)


# --- segments -------------------------------------------------------------------------------


def segment_of(dice: Dice, palette: Palette, segment_id: str, leaves: list[Row]) -> Row:
    zones: list[Row] = [{}, *[{"timezone": zone} for zone in [*palette.zones, "contact", "contact"]]]
    names: list[Row] = [{}, {"name": f"Segment {segment_id}"}]
    depth = dice.choice([0, 0, 0, 1, 1, 1, 2, 3, 4])
    return {"id": segment_id, **dice.choice(names), **dice.choice(zones), "tree": tree_of(dice, leaves, depth)}


def tree_of(dice: Dice, leaves: list[Row], depth: int) -> Row:
    """A tree of the given leaves with at most `depth` branches one inside the other."""
    operator = dice.choice(["leaf", "and", "or", "not", "and", "or"]) if depth else "leaf"
    if operator == "leaf":
        return dice.choice(leaves)
    sizes = [1] if operator == "not" else [2, 2, 1, 3]
    inner = [tree_of(dice, leaves, depth - 1) for _ in range(dice.choice(sizes))]
    return {"kind": "branch", "branch": {"operator": operator, "leaves": inner}}


def leaf_of(dice: Dice, palette: Palette) -> Row:
    leaf: Row = {}
    match dice.choice(["contacts"] * 10 + ["lists", "tag"] * 2 + ["timeline"] * 8 + ["goals"] * 6 + ["identity"]):
        case "lists":
            leaf = {"source": "contact_lists", "contact_list": list_condition(dice, palette)}
        case "identity":
            operator: Row = dice.choice([{"operator": "is_set"}, {"operator": "is_not_set"}, {}])
            kind = dice.choice(["external_id", "external_id", "email", "phone", "push_token"])
            leaf = {"source": "identity", "identity": {**operator, "kind": kind}}
        case "tag":
            leaf = {"source": "tag", "tag": tag_condition(dice, palette)}
        case "contacts":
            filters = [contact_filter(dice, palette) for _ in range(dice.choice([1, 1, 1, 2]))]
            leaf = {"source": "contacts", "contact": {"filters": filters}}
        case "timeline":
            condition = timeline_condition(dice, palette)
            leaf = {"source": "contact_timeline", "contact_timeline": condition}
        case "goals":
            condition = goal_condition(dice, palette)
            leaf = {"source": "custom_events_goals", "custom_events_goal": condition}
    return {"kind": "leaf", "leaf": leaf}


def contact_filter(dice: Dice, palette: Palette) -> Row:
    own_type = dice.choice([*palette.fields_by_type, "date", "json", "json"])
    field_name = dice.choice(palette.fields_by_type[own_type])
    asked: Row = {"field_name": field_name}
    field_type = own_type
    if own_type == "json":
        field_type = json_type(dice, palette)
        asked |= json_path(dice, palette)
    if field_type != own_type or dice.choice([False, True]):
        asked["field_type"] = field_type
    strings = {"email": [*EMAILS, EMAILS[0].upper()], "timezone": [*palette.zones, "", "/"]}
    return asked | field_test(dice, palette, field_type, strings.get(field_name, palette.strings))


def property_filter(dice: Dice, palette: Palette) -> Row:
    field_type = json_type(dice, palette)
    asked: Row = {"field_name": dice.choice(palette.property_names), "field_type": field_type}
    asked |= json_path(dice, palette)
    return asked | field_test(dice, palette, field_type, palette.strings)


def json_type(dice: Dice, palette: Palette) -> str:
    return dice.choice([*[palette.json_type] * 4, "string", "number", "time", "json", "boolean", "date"])


def json_path(dice: Dice, palette: Palette) -> Row:
    return dice.choice([{}, {"json_path": []}, *[{"json_path": path} for path in palette.paths] * 6])


def field_test(dice: Dice, palette: Palette, field_type: str, strings: list[str]) -> Row:
    """An operator with its values, as they fit a field type."""
    operator = dice.choice(OPERATORS_BY_TYPE[field_type])
    test: Row = {"operator": operator}
    sizes = [1, 1, 2, 3] if operator in SEVERAL_VALUES else [1]
    keys = [{"number": "number_values", "boolean": "boolean_values"}.get(field_type, "string_values")]
    if operator == "in_array":
        keys = dice.choice([["string_values"], ["number_values"], ["string_values", "number_values"]])
    if operator in ("this_week", "last_week"):
        test |= first_weekday(dice)
    for key in keys if operator not in (*ANY_TYPE, *CALENDAR) else []:
        if operator == "between":
            test[key] = sorted([dice.choice(palette.numbers), dice.choice(palette.numbers)])
        elif key == "number_values":
            test[key] = [dice.choice(palette.numbers) for _ in range(dice.choice(sizes))]
        elif key == "boolean_values":
            test[key] = [dice.choice([True, False]) for _ in range(dice.choice(sizes))]
        elif operator == "anniversary":
            test[key] = [dice.choice(["0", "1", "0", "7", "365"])]
        elif operator in ROLLING:
            test[key] = [dice.choice(palette.days)]
        elif field_type == "date":
            count = 2 if operator.endswith("in_date_range") else dice.choice(sizes)
            asked_dates = [dice.choice([*palette.dates, *palette.near_dates]) for _ in range(count)]
            test[key] = sorted(asked_dates)
        elif operator.endswith("in_date_range"):
            test[key] = asked_range(dice, palette)
        elif field_type == "time":
            test[key] = [asked_time(dice, palette) for _ in range(dice.choice(sizes))]
        else:
            test[key] = [dice.choice(strings) for _ in range(dice.choice(sizes))]
    if operator in NEGATIONS and dice.choice([False, True]):
        test["missing"] = "exclude"
    return test


def first_weekday(dice: Dice) -> Row:
    return dice.choice([{}, *[{"week_starts_on": day} for day in WEEKDAYS]])


def asked_time(dice: Dice, palette: Palette) -> str:
    if dice.choice([False, False, True]):
        return spelled_instant(dice, palette)
    return dice.choice(palette.dates)


def asked_range(dice: Dice, palette: Palette) -> list[str]:
    """Two times, in order unless a local day and an instant lie close together."""
    return sorted([asked_time(dice, palette), asked_time(dice, palette)], key=utc_order)


def utc_order(asked: str) -> datetime:
    found = datetime.fromisoformat(asked.upper())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def timeframe(dice: Dice, palette: Palette, *, may_be_everything: bool = True) -> Row:
    named = ["in_the_last_days", "in_date_range", "before_date", "after_date"]
    further = ["in_the_last_calendar_days", "more_than_days_ago", *CALENDAR]
    everything = ["absent", None, "", *["anytime"] * 3]
    operator = dice.choice([*(everything if may_be_everything else []), *named * 3, *further])
    values: list[str] = []
    match operator:
        case "absent":
            return {}
        case "this_week" | "last_week":
            return {"timeframe_operator": operator, **first_weekday(dice)}
        case "in_the_last_days" | "in_the_last_calendar_days" | "more_than_days_ago":
            values = [dice.choice(palette.days)]
        case "in_date_range":
            values = asked_range(dice, palette)
        case "before_date" | "after_date":
            values = [asked_time(dice, palette)]
    return {"timeframe_operator": operator, "timeframe_values": values}


def timeline_condition(dice: Dice, palette: Palette) -> Row:
    filters = [property_filter(dice, palette) for _ in range(dice.choice([0, 0, 0, 1, 1, 2]))]
    count = dice.choice([1, 1, 0, 2, 3])
    operator = dice.choice(
        [
            "at_least",
            "at_most",
            "exactly",
            "at_least",
            "at_most",
            "exactly",
            "between",
            *["first", "last", "property"] * 2,
        ]
    )
    asked: Row = {"count_operator": operator, "count_value": count}
    if operator == "between":
        asked["count_value_2"] = count + dice.choice([0, 1, 2])
    if operator in ("first", "last"):
        asked = {"which": operator}
    if operator == "property":
        asked = property_aggregate(dice, palette)
    return {
        "kind": dice.choice([*palette.kinds, f"custom_event.{palette.event_name}"]),
        **asked,
        **timeframe(dice, palette, may_be_everything="which" not in asked),
        **dice.choice([{}, {}, {"template_id": None}, {"template_id": ""}, {"template_id": "t1"}]),
        **dice.choice([{"filters": filters}, {"filters": filters} if filters else {}]),
    }


def property_aggregate(dice: Dice, palette: Palette) -> Row:
    """An aggregate over a property of events, with bounds that a few of the palette's numbers come to."""
    numbers = [round(number, 9) for number in palette.numbers if abs(number) < 1e15]
    sums = [round(first + second, 9) for first in numbers for second in numbers]
    value, value_2 = sorted([dice.choice([*numbers * 2, *sums, 0, 1, 2]), dice.choice([*numbers, *sums, 1, 2])])
    operator = dice.choice(["gte", "lte", "eq", "between"])
    path = dice.choice([[PLAIN_PROPERTY], [PLAIN_PROPERTY], [dice.choice(palette.property_names), *palette.paths[0]]])
    return {
        "aggregate_operator": dice.choice(["sum", "avg", "min", "max", "distinct_count", "distinct_count"]),
        "property": path,
        "operator": operator,
        "value": value,
        **({"value_2": value_2} if operator == "between" else {}),
    }


def goal_condition(dice: Dice, palette: Palette) -> Row:
    asked = asked_goal_values(palette)
    value, value_2 = sorted([dice.choice(asked), dice.choice(asked)])
    operator = dice.choice(["gte", "lte", "eq", "between"])
    return {
        "goal_type": dice.choice(["*", "*", *palette.goal_types]),
        "aggregate_operator": dice.choice(["sum", "count", "avg", "min", "max"]),
        "operator": operator,
        "value": value,
        **({"value_2": value_2} if operator == "between" else {}),
        **timeframe(dice, palette),
        **dice.choice([{}, {}, {"goal_name": None}, {"goal_name": ""}, {"goal_name": "web"}]),
    }


def asked_goal_values(palette: Palette) -> list[float]:
    """What one, two or three goal values of the palette can come to, and what they just miss."""
    exact = [Decimal(repr(value)) for value in palette.goal_values]
    sums = [first + second for first in exact for second in exact]
    means = [total / 2 for total in sums] + [(total + exact[0]) / 3 for total in sums]
    misses = [0.300000001, 0.000000002, 1e19, -1]
    asked = [0, 1, 2, 3, *palette.goal_values * 3, *map(float, [*sums, *means]), *misses]
    return [round(value, 9) for value in asked]


def segment_leaf(dice: Dice, palette: Palette, segment_id: str) -> Row:
    operator: Row = dice.choice([{"operator": "in"}, {"operator": "not_in"}, {}])
    return {"kind": "leaf", "leaf": {"source": "segment", "segment": {**operator, "segment_id": segment_id}}}


def tag_condition(dice: Dice, palette: Palette) -> Row:
    operator: Row = dice.choice([{"operator": "in"}, {"operator": "not_in"}, {}])
    return {**operator, "tags": [dice.choice([*palette.tags, "nobody's"]) for _ in range(dice.choice([1, 2, 3]))]}


def list_condition(dice: Dice, palette: Palette) -> Row:
    operators = [{}, {"operator": ""}, {"operator": "in"}, {"operator": "not_in"}]
    statuses: list[Row] = [{}, {"status": None}, {"status": ""}]
    statuses += [{"status": status} for status in palette.statuses]
    return {"list_id": dice.choice(["news", "news", "gone", "vip"]), **dice.choice(operators), **dice.choice(statuses)}
