"""Random rows of a tiny world, made of the values of a palette."""

from typing import Any

from tests.strategies_dice import Dice
from tests.strategies_palette import (
    CUSTOM_FIELDS,
    DAY,
    EMAILS,
    EVENT_NAMES,
    MICROSECOND,
    PLAIN_PROPERTY,
    Palette,
    Row,
    rfc_3339,
    row_instant,
    spelled_instant,
)

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

LIST_IDS = ["news", "vip", "gone"]


def world_of(dice: Dice, palette: Palette) -> Row:
    row_counts = [0, 2, 3, 3, 4, 4, 5, 6, 8]
    contact_parts = dice.parts(40, [0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5])
    emails = EMAILS[: len(contact_parts)]
    owners = [*emails[:1] * 4, *emails, *emails, "nobody@x.example"]  # one of them with enough events for a sequence
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
