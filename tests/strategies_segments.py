"""Random segments: trees of conditions of every source."""

from datetime import timedelta
from decimal import Decimal

from tests.strategies_dice import Dice
from tests.strategies_filters import contact_filter, first_weekday, property_filter, timeframe
from tests.strategies_palette import PLAIN_PROPERTY, Palette, Row


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


RARELY_OF_A_TEMPLATE: list[Row] = [*[Row()] * 9, {"template_id": "t1"}]
SOURCES = [
    *["contacts"] * 12,
    *["lists", "tag"] * 2,
    *["timeline"] * 12,
    *["goals"] * 5,
    "identity",
    *["sequence"] * 5,
]


def leaf_of(dice: Dice, palette: Palette) -> Row:
    leaf: Row = {}
    match dice.choice(SOURCES):
        case "lists":
            leaf = {"source": "contact_lists", "contact_list": list_condition(dice, palette)}
        case "identity":
            operator: Row = dice.choice([{"operator": "is_set"}, {"operator": "is_not_set"}, {}])
            kind = dice.choice(["external_id", "external_id", "email", "phone", "push_token"])
            leaf = {"source": "identity", "identity": {**operator, "kind": kind}}
        case "tag":
            leaf = {"source": "tag", "tag": tag_condition(dice, palette)}
        case "contacts":
            filters = [contact_filter(dice, palette) for _ in range(dice.choice([1, 1, 2]))]
            leaf = {"source": "contacts", "contact": {"filters": filters}}
        case "timeline":
            condition = timeline_condition(dice, palette)
            leaf = {"source": "contact_timeline", "contact_timeline": condition}
        case "sequence":
            leaf = {"source": "sequence", "sequence": sequence_condition(dice, palette)}
        case "goals":
            condition = goal_condition(dice, palette)
            leaf = {"source": "custom_events_goals", "custom_events_goal": condition}
    return {"kind": "leaf", "leaf": leaf}


def timeline_condition(dice: Dice, palette: Palette) -> Row:
    filters = [property_filter(dice, palette) for _ in range(dice.choice([0, 0, 1, 1, 1, 1, 1, 2]))]
    count = dice.choice([1, 1, 0, 2, 3])
    operator = dice.choice(
        [*["at_least", "at_most", "exactly"] * 2, "between", *["first", "last"] * 2, *["property"] * 3]
    )
    asked: Row = {"count_operator": operator, "count_value": count}
    if operator == "between":
        asked["count_value_2"] = count + dice.choice([0, 1, 2])
    asked |= dice.choice([*[Row()] * 4, {"count_of": "events"}, {"count_of": "days"}])
    if operator in ("first", "last"):
        asked = {"which": operator}
    if operator == "property":
        asked, filters = property_aggregate(dice, palette), filters if dice.choice([False, False, True]) else []
    narrow = "which" not in asked and ("property" in asked or len(filters) > 0)
    return {
        "kind": dice.choice([*palette.kinds[:1] * 2, *palette.kinds, f"custom_event.{palette.event_name}"]),
        **asked,
        **({} if narrow and dice.choice([True, False]) else event_timeframe(dice, palette, asked)),
        **dice.choice([*[Row()] * 4, {"template_id": None}, {"template_id": ""}, {"template_id": "t1"}]),
        **dice.choice([{"filters": filters}, {"filters": filters} if filters else {}]),
    }


def event_timeframe(dice: Dice, palette: Palette, asked: Row) -> Row:
    """A timeframe, or for counts a few of them."""
    frame = timeframe(dice, palette, may_be_everything="which" not in asked)
    if "count_operator" in asked and dice.choice([False, False, False, True]):
        unit = dice.choice(["days", "weeks", "calendar_weeks", "calendar_months"])
        frame = {
            "timeframe_operator": f"in_each_of_the_last_{unit}",
            "timeframe_values": [dice.choice(["2", "2", "3"])],
            **(first_weekday(dice) if unit == "calendar_weeks" else {}),
        }
    return frame


def sequence_condition(dice: Dice, palette: Palette) -> Row:
    """One thing after another, within times that a few of the palette's instants lie apart."""
    steps = [{**some_events(dice, palette), **dice.choice([{}, {"operator": "done"}])}]
    for _ in range(dice.choice([1, 1, 1, 2])):
        step = {**some_events(dice, palette), **dice.choice([{}, {}, time_apart(dice, palette)])}
        if dice.choice([False, False, True]):
            step["without"] = [some_events(dice, palette, is_rare=True) for _ in range(dice.choice([1, 1, 2]))]
        steps.append(step)
    if dice.choice([False, False, True]):
        steps.append({**some_events(dice, palette), "operator": "not_done", **time_apart(dice, palette)})
        if len(steps) > 2 and dice.choice([True, True, False]):
            del steps[1]
    same = dice.choice([{}, {}, {}, {"same_property": [PLAIN_PROPERTY]}])
    return {"steps": steps, **same, **dice.choice([{}, {}, {}, timeframe(dice, palette)])}


def some_events(dice: Dice, palette: Palette, *, is_rare: bool = False) -> Row:
    """Events of a step: mostly of one kind, so that a contact has several; or of a rare one."""
    custom = f"custom_event.{palette.event_name}"
    kinds = [custom, *palette.kinds] if is_rare else [*palette.kinds[:1] * 4, *palette.kinds, custom]
    filters = [property_filter(dice, palette)] if dice.choice([False] * 9 + [True]) else []
    return {
        "kind": dice.choice(kinds),
        **dice.choice(RARELY_OF_A_TEMPLATE),
        **({"filters": filters} if filters else {}),
    }


def time_apart(dice: Dice, palette: Palette) -> Row:
    """How far two of the palette's instants lie apart, or a little more or less; or longer than any."""
    one, other = dice.choice(palette.instants), dice.choice(palette.instants)
    unit = dice.choice(["days", "hours", "minutes"])
    most = timedelta(days=3650) // timedelta(**{unit: 1})
    apart = abs(one - other) // timedelta(**{unit: 1}) + dice.choice([0, 0, 1])
    return {
        "within_value": dice.choice([min(max(apart, 1), most), min(max(apart, 1), most), most]),
        "within_unit": unit,
    }


def property_aggregate(dice: Dice, palette: Palette) -> Row:
    """An aggregate over a property of events, with bounds that a few of the palette's numbers come to."""
    numbers = [round(number, 9) for number in palette.numbers if abs(number) < 1e15]
    sums = [round(first + second, 9) for first in numbers for second in numbers]
    value, value_2 = sorted([dice.choice([*numbers * 2, *sums, 0, 1, 2]), dice.choice([*numbers, *sums, 1, 2])])
    operator = dice.choice(["gte", "lte", "eq", "between"])
    planted = next((planted for planted in palette.planted if planted.json_type == "number"), palette.planted[0])
    path = dice.choice([*[[PLAIN_PROPERTY]] * 3, [dice.choice(palette.property_names), *planted.path]])
    return {
        "aggregate_operator": dice.choice(["sum", "avg", "min", "max", "distinct_count"]),
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
