"""Random JSON documents: a few that rows share and conditions aim at, and others that just miss them."""

from dataclasses import replace
from typing import Any

from tests.strategies_dice import Dice
from tests.strategies_palette import JSON_TYPES, Palette, Planted, palette_of, rfc_3339, spelled_instant

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


def palette_with_documents(dice: Dice) -> Palette:
    """A palette, and two or three documents made of it."""
    palette = palette_of(dice)
    return replace(palette, planted=[planted_value(dice, palette) for _ in range(dice.choice([2, 3]))])


def planted_value(dice: Dice, palette: Palette) -> Planted:
    json_type = dice.choice([*[palette.json_type] * 3, *JSON_TYPES, *["json"] * 3, "time", "date"])
    path = dice.choice(palette.paths)
    value = value_of_type(dice, palette, json_type)
    document = value
    for key in reversed(path):
        document = with_step(key, document)
    return Planted(json_type, path, tuple(value) if isinstance(value, list) else (value,), document)


def value_of_type(dice: Dice, palette: Palette, json_type: str) -> Any:
    match json_type:
        case "number":
            return dice.choice(palette.numbers)
        case "time":
            past = [rfc_3339(instant) for instant in palette.past_instants]
            return dice.choice([*[spelled_instant(dice, palette)] * 4, *past])
        case "boolean":
            return dice.choice([True, False])
        case "date":
            return dice.choice([*palette.near_dates, *palette.dates])
        case "json" if dice.choice([False, False, True]):
            return [dice.choice([*palette.strings, *palette.numbers]) for _ in range(dice.choice([2, 3]))]
        case _:
            return dice.choice(palette.strings)


def document(dice: Dice, palette: Palette) -> Any:
    """One of the palette's documents, or sometimes another."""
    planted = dice.choice([*palette.planted[:1] * 4, *palette.planted * 2, None, None, None])
    return planted.document if planted else odd_document(dice, palette)


def odd_document(dice: Dice, palette: Palette) -> Any:
    """A JSON value that has something, often of the wrong type, at a path of the palette."""
    value = json_value(dice, palette)
    for key in reversed(dice.choice(palette.paths)):
        match dice.choice([*["step"] * 9, "object", "array", "split", "lost"]):
            case "step":
                value = with_step(key, value)
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


def with_step(key: str, value: Any) -> Any:
    """An object or an array with the value where the step of a path leads; 01 is no index and leads nowhere."""
    if key in ("0", "1", "01"):
        return ["US", value] if "1" in key else [value, 2.5]
    return {key: value, "other": True}


def json_value(dice: Dice, palette: Palette) -> Any:
    if dice.choice([False, False, True] if palette.json_type == "json" else [False, False, False, False, True]):
        return [json_scalar(dice, palette) for _ in range(dice.choice([1, 0, 2, 3]))]
    return json_scalar(dice, palette)


def json_scalar(dice: Dice, palette: Palette) -> Any:
    match dice.choice([*[palette.json_type] * 5, "string", "number", "time", "odd", "odd"]):
        case "odd":
            return dice.choice(ODD_BY_TYPE[palette.json_type])
        case "json":
            return dice.choice(palette.strings)
        case json_type:
            return value_of_type(dice, palette, json_type)
