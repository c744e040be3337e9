"""The few values that one example is made of, so that its rows and its rules meet."""

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from tests.strategies_dice import Dice

zoneinfo.reset_tzpath(to=())  # the same days in every example, whatever the system's time zones
ZoneInfo.clear_cache()

Row = dict[str, Any]

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
JSON_TYPES = ["string", "number", "time", "json", "boolean", "date"]
CALENDAR = [
    *("today", "yesterday"),
    *(f"{which}_{unit}" for which in ("this", "last") for unit in ("week", "month", "year")),
]

KINDS = ["open_email", "click_email", "insert_message_history", "list.subscribed"]
EVENT_NAMES = ["order", "shopify.order"]
GOAL_TYPES = ["purchase", "subscription", "lead", "signup", "booking", "trial", "other"]

STATUSES = ["active", "pending", "unsubscribed", "bounced"]


@dataclass(frozen=True, slots=True)
class Planted:
    """A JSON document that several rows have, and what stands at a path of it: a value, or the elements of an array."""

    json_type: str
    path: list[str]
    values: tuple[Any, ...]
    document: Any


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
    windows: list[str]
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
    planted: list[Planted]


def palette_of(dice: Dice) -> Palette:
    """A palette without documents, which are made of it."""
    zones = dice.some(ZONE_NAMES, [1, 1, 2])
    focus = date.fromisoformat(dice.choice(DAYS_BY_ZONE[zones[0]]))
    days = dice.some([1, 7, 2, 30, 0], [1, 1, 2])
    as_of = near(dice, [noon_of(focus + DAY), *midnights(focus + DAY, zones), *midnights(focus, zones)])
    local_as_of = as_of.astimezone(ZoneInfo(zones[0]))
    today = local_as_of.date()
    past_days = [day for year in (2008, 1900) for day in days_of_year(today, year)]
    windows = dice.some(CALENDAR, [1, 2])
    window_days = [days_of_window(today, window) for window in windows]
    window_edges = [day for first, last in window_days for day in (first, last, first - DAY, last + DAY)]
    rolling_days = [today - ago * DAY for count in days for ago in (count, count - 1, 0, -1, -count)]
    dates = dice.some([focus, focus - DAY, focus + DAY, today], [1, 2, 3])
    return Palette(
        as_of=rfc_3339(dice.choice([as_of, as_of, as_of.astimezone(EAST)])),
        zones=zones,
        instants=some_instants(dice, as_of, days, dates, window_days, zones),
        dates=[day.isoformat() for day in dates] + dice.choice([[], [], [], ["0001-01-01"], ["9999-12-31"]]),
        near_dates=[
            str(day)
            for days_there, sizes in ((rolling_days, [1, 2]), (window_edges, [2, 3]), (past_days, [2]))
            for day in dice.some(days_there, sizes)
        ],
        past_instants=[near(dice, [noon_of(day), *midnights(day, zones)]) for day in dice.some(past_days, [2])],
        days=[str(count) for count in days] + dice.choice([[], [], [], ["999999999"]]),
        windows=windows,
        strings=dice.choice(STRING_GROUPS),
        numbers=dice.choice(NUMBER_GROUPS),
        json_type=dice.choice([*JSON_TYPES, "json", "json", "time", "date"]),
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
        planted=[],
    )


def days_of_year(day: date, year: int) -> list[date]:
    """The days of an earlier year that lie around a day, and its 29 February if there is one."""
    same = date(year, day.month, min(day.day, 28))
    leap_day = [date(year, 2, 29)] if year % 400 == 0 or (year % 4 == 0 and year % 100) else []
    return [same, same, same + DAY, same - DAY, same + (day.day - same.day) * DAY, *leap_day]


def days_of_window(today: date, window: str) -> tuple[date, date]:
    """The first and the last day of a calendar window; weeks begin on Monday."""
    which, _, unit = {"today": "this_day", "yesterday": "last_day"}.get(window, window).partition("_")

    def first_day(day: date) -> date:
        firsts = {"day": day, "week": day - day.weekday() * DAY, "month": day.replace(day=1)}
        return firsts.get(unit, day.replace(month=1, day=1))

    this = first_day(today)
    if which == "last":
        return first_day(this - DAY), this - DAY
    most_days = {"day": 1, "week": 7, "month": 31, "year": 366}[unit]
    return this, first_day(this + most_days * DAY) - DAY


def noon_of(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def midnights(day: date, zones: list[str]) -> list[datetime]:
    """Where a local day can start, as far as `zoneinfo` alone can tell."""
    walls = [datetime.combine(day, time(0, fold=fold), ZoneInfo(zone)) for zone in zones for fold in (0, 1)]
    return [wall.astimezone(UTC) for wall in walls]


def near(dice: Dice, edges: list[datetime]) -> datetime:
    """One of the edges, or less often an instant a little to either side of it."""
    distances = [*[timedelta(0)] * 5, *[-MICROSECOND] * 3, MICROSECOND, SECOND, -SECOND, HOUR, -HOUR]
    return dice.choice(edges) + dice.choice(distances)


def some_instants(
    dice: Dice,
    as_of: datetime,
    days: list[int],
    dates: list[date],
    windows: list[tuple[date, date]],
    zones: list[str],
) -> list[datetime]:
    """`as_of` first, then a few instants at which an answer may change."""
    day_edges = [edge for day in dates for end in (day, day + DAY) for edge in midnights(end, zones)]
    rolling_edges = [as_of - timedelta(days=count) for count in days]
    return [
        as_of,
        *[near(dice, day_edges) for _ in range(dice.choice([1, 1, 2]))],
        *[near(dice, rolling_edges) for _ in range(dice.choice([1, 1, 2]))],
        *[
            near(dice, midnights(first, zones) + [end - MICROSECOND for end in midnights(last + DAY, zones)])
            for first, last in windows * 2
        ],
        *dice.some([as_of + MICROSECOND, as_of + DAY, as_of + days[0] * DAY, as_of - MICROSECOND], [1, 1, 2]),
    ]


def rfc_3339(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


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
