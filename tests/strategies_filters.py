"""Random filters and timeframes: operators with values of a palette that fit them."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.strategies_dice import Dice
from tests.strategies_palette import CALENDAR, EMAILS, JSON_TYPES, Palette, Row, spelled_instant

# Operators that take several values, that take none, and the rest by the type that they read.
SEVERAL_VALUES = ["equals", "not_equals", "contains", "not_contains", "in_array", "starts_with", "not_starts_with"]
SEVERAL_VALUES += ["ends_with", "not_ends_with", "is_one_of", "is_not_one_of"]
NEGATIONS = ["not_equals", "not_contains", "not_in_date_range", "not_starts_with", "not_ends_with", "is_not_one_of"]
ANY_TYPE = ["is_set", "is_not_set"]
ORDERED = [*ANY_TYPE, "equals", "not_equals", "gt", "gte", "lt", "lte"]
CONTAINS = ["contains", "not_contains", "starts_with", "not_starts_with", "ends_with", "not_ends_with"]
CONTAINS += ["is_one_of", "is_not_one_of"]
RANGES = ["in_date_range", "not_in_date_range"]
ROLLING = ["in_the_last_days", "in_the_last_calendar_days", "in_the_next_days", "more_than_days_ago"]
WEEKDAYS = ["monday", "sunday", "saturday", "tuesday", "wednesday", "thursday", "friday"]
OPERATORS_BY_TYPE = {
    "string": [*ORDERED, *CONTAINS],
    "number": [*ORDERED, "is_one_of", "is_not_one_of", *["between"] * 2],
    "time": [*ORDERED, *RANGES, "before_date", "after_date", *ROLLING, *CALENDAR, "anniversary"],
    "boolean": [*ANY_TYPE, *["equals", "not_equals"] * 2],
    "date": [*ORDERED, *RANGES, "before_date", "after_date", *ROLLING, *CALENDAR, "anniversary"],
    "json": [*ORDERED, *CONTAINS, "in_array"],
}


Values = tuple[Any, ...]
"""What stands where a test looks, if that is known."""


def contact_filter(dice: Dice, palette: Palette) -> Row:
    own_type = dice.choice([*palette.fields_by_type, *["string", "number"], *["json"] * 7, *["time", "date"] * 2])
    field_name = dice.choice(palette.fields_by_type[own_type])
    if own_type == "json":
        return {"field_name": field_name, **json_test(dice, palette, type_may_be_absent=True)}
    strings = {"email": [*EMAILS, EMAILS[0].upper()], "timezone": [*palette.zones, "", "/"]}
    asked: Row = dice.choice([{}, {"field_type": own_type}, {"field_type": own_type}])
    test = field_test(dice, palette, own_type, strings.get(field_name, palette.strings))
    return {"field_name": field_name, **asked, **test}


def property_filter(dice: Dice, palette: Palette) -> Row:
    return {"field_name": dice.choice(palette.property_names), **json_test(dice, palette)}


def json_test(dice: Dice, palette: Palette, *, type_may_be_absent: bool = False) -> Row:
    """A test of a value in a JSON document: mostly where one is, of its type, and near it."""
    planted = dice.choice([*palette.planted[:1], *palette.planted])
    field_type = dice.choice([*[planted.json_type] * 16, *JSON_TYPES])
    asked: Row = dice.choice(
        [*[{"json_path": planted.path}] * 14, {}, *[{"json_path": path} for path in palette.paths]]
    )
    if not (type_may_be_absent and field_type == "json" and dice.choice([True, False, False])):
        asked = {"field_type": field_type, **asked}
    there = planted.values if field_type in (planted.json_type, "string", "json") else ()
    return {**asked, **field_test(dice, palette, field_type, palette.strings, there)}


def field_test(dice: Dice, palette: Palette, field_type: str, strings: list[str], there: Values = ()) -> Row:
    """An operator with its values, as they fit a field type; often one of those that are there."""
    likely = palette.windows * 5 if field_type in ("time", "date") else []
    likely += ["anniversary"] * 2 if likely and not there else []  # in events it costs an engine half a second
    likely += ["in_array"] * 25 if field_type == "json" and len(there) > 1 else []
    operator = dice.choice([*OPERATORS_BY_TYPE[field_type], *likely])
    test: Row = {"operator": operator}
    if operator in ("this_week", "last_week"):
        test |= first_weekday(dice)
    keys = [{"number": "number_values", "boolean": "boolean_values"}.get(field_type, "string_values")]
    if operator == "in_array":
        keys = dice.choice([["string_values"], ["number_values"], ["string_values", "number_values"]])
    if operator not in (*ANY_TYPE, *CALENDAR):
        for key in keys:
            draw = partial(asked_value, dice, palette, key, field_type, strings, there)
            test[key] = asked_values(dice, palette, operator, draw)
    if operator in NEGATIONS and dice.choice([False, True]):
        test["missing"] = "exclude"
    return test


def asked_values(dice: Dice, palette: Palette, operator: str, draw: Callable[[], Any]) -> list[Any]:
    """As many values, of those drawn, as an operator takes."""
    if operator == "anniversary":
        return [dice.choice([*["0", "1", "0", "7"] * 4, "365"])]
    if operator in ROLLING:
        return [dice.choice(palette.days)]
    if operator == "between":
        return sorted([draw(), draw()])
    if operator in RANGES:
        return sorted([draw(), draw()], key=utc_order)
    return [draw() for _ in range(dice.choice([1, 1, 2, 3]) if operator in SEVERAL_VALUES else 1)]


def asked_value(dice: Dice, palette: Palette, key: str, field_type: str, strings: list[str], there: Values) -> Any:
    """One value for a key of a test, as it fits the type."""
    match key, field_type:
        case "number_values", _:
            return dice.choice([*palette.numbers, *[value for value in there if is_number(value)] * 2])
        case "boolean_values", _:
            return dice.choice([True, False])
        case _, "date":
            return dice.choice([*palette.dates, *palette.near_dates, *there * 5])
        case _, "time":
            return asked_time(dice, palette, there)
        case _:
            return dice.choice([*strings, *[value for value in there if isinstance(value, str)] * 4])


def first_weekday(dice: Dice) -> Row:
    return dice.choice([{}, *[{"week_starts_on": day} for day in WEEKDAYS]])


def asked_time(dice: Dice, palette: Palette, there: Values = ()) -> str:
    if dice.choice([False, False, True]):
        return spelled_instant(dice, palette)
    asked: str = dice.choice([*palette.dates, *there * 2])
    return asked


def asked_range(dice: Dice, palette: Palette) -> list[str]:
    """Two times, in order unless a local day and an instant lie close together."""
    return sorted([asked_time(dice, palette), asked_time(dice, palette)], key=utc_order)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def utc_order(asked: str) -> datetime:
    found = datetime.fromisoformat(asked.upper())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def timeframe(dice: Dice, palette: Palette, *, may_be_everything: bool = True) -> Row:
    named = ["in_the_last_days", "in_date_range", "before_date", "after_date"]
    further = ["in_the_last_calendar_days", "more_than_days_ago", *CALENDAR]
    everything = ["absent", None, "", *["anytime"] * 3]
    further += palette.windows * 3
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
