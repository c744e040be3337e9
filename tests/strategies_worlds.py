"""Random rows of a tiny world, made of the values of a palette."""

from typing import Any

from tests.strategies_dice import Dice
from tests.strategies_documents import document
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
)

LIST_IDS = ["news", "vip", "gone"]


def world_of(dice: Dice, palette: Palette) -> Row:
    row_counts, timeline_counts = [0, 2, 3, 3, 4, 4, 5, 6, 8], [0, 3, 5, 6, 7, 8, 9, 10, 12]
    contact_parts = dice.parts(36, [0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5])
    emails = EMAILS[: len(contact_parts)]
    owners = [*emails[:1] * 9, *emails, *emails, "nobody@x.example"]  # one of them with enough events for a sequence
    return {
        "as_of": palette.as_of,
        "timezone": dice.choice(palette.zones),
        "custom_fields": [{"key": key, "type": kind} for key, kind in CUSTOM_FIELDS.items()],
        # The fifth contact is another row of the first one.
        "contacts": [
            contact_row(part, palette, email) for email, part in zip([*emails, EMAILS[0]], contact_parts, strict=False)
        ],
        "lists": [list_row(dice, palette, list_id) for list_id in LIST_IDS],
        "timeline": [timeline_row(part, palette, owners) for part in dice.parts(34, timeline_counts)],
        "custom_events": [custom_event_row(part, palette, owners) for part in dice.parts(34, row_counts)],
        "subscriptions": [subscription_row(part, palette, owners) for part in dice.parts(4, row_counts)],
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
        row[field_name] = rfc_3339(dice.choice([*palette.instants * 2, *palette.past_instants * 4]))
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
        "id": dice.choice([f"e{number}" for number in range(16)]),
        "email": spelled_email(dice, dice.choice(owners)),
        "kind": dice.choice([*palette.kinds[:1] * 3, *palette.kinds, f"custom_event.{palette.event_name}"]),
        "occurred_at": event_instant(dice, palette),
        "entity_id": dice.choice(["x1", "x2", "x9"]),
        "template_id": dice.choice(["t1", "t2"]),
        "properties": properties(dice, palette),
    }
    return with_gaps(dice, row, ["id", "entity_id", "template_id", "properties"])


def event_instant(dice: Dice, palette: Palette) -> str:
    """An instant of the palette, mostly one that is not in the future."""
    past = [instant for instant in palette.instants if instant <= palette.instants[0]]
    return rfc_3339(dice.choice([*past * 2, *palette.instants]))


def custom_event_row(dice: Dice, palette: Palette, owners: list[str]) -> Row:
    row = {
        "external_id": dice.choice(["x1", "x2", "x3", "x4"]),
        "email": spelled_email(dice, dice.choice(owners)),
        "event_name": dice.choice([palette.event_name, palette.event_name, *EVENT_NAMES]),
        "occurred_at": event_instant(dice, palette),
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
    row: Row = {PLAIN_PROPERTY: dice.choice([*palette.numbers[:1] * 3, *palette.numbers * 2, *palette.strings[:1]])}
    row |= {name: document(dice, palette) for name in palette.property_names}
    return dice.choice([with_gaps(dice, row, list(row))] * 15 + [{}])
