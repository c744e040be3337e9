"""Random filters and timeframes: operators with values of a palette that fit them."""

from datetime import UTC, datetime

from tests.strategies_dice import Dice
from tests.strategies_palette import EMAILS, Palette, Row, spelled_instant

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
