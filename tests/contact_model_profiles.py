"""What operations on the profile of a contact mean, in plain Python: the judge of the real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.contact_model import change, check_not_suppressed, check_somebody_stays_named, merge, merged_values
from tests.contact_world import IDENTITY_FIELDS, RefusedWrite, World, kind_of, names_somebody, same

ORDER = ("$set", "$unset", "$inc", "$push", "$addToSet", "$pull")
PLAIN_FIELDS = ("email", "phone", "external_id", "first_name", "orders_count", "created_at", "updated_at")
JSON_FIELDS = ("profile", "custom_json_1")
NOTHING = object()
"""No value at all, which is not the same as null."""


def change_profile(world: World, address: Any, operations: Mapping[str, Any]) -> str:
    """All operations, or none of them. `address` is an external id, or an object with kind and value."""
    if isinstance(address, str):
        address = {"kind": "external_id", "value": address}
    steps = list(_steps(operations))
    _check_apart(steps)
    number = world.contact_of(address)
    given = {place[0]: value for word, place, value in steps if word == "$set" and place[0] in IDENTITY_FIELDS}
    identities = [f"{name}:{value}" for name, value in given.items() if names_somebody(name, value)]
    others = {world.owners[identity] for identity in identities if identity in world.owners} - {number}
    for identity in identities:
        if world.owners.get(identity) in others and kind_of(identity) not in world.merging_kinds:
            raise RefusedWrite("IdentityConflictError")
    check_not_suppressed(world, identities)
    sides = [world.contacts[owner] for owner in (number, *others)]
    fields = merged_values(sides)[0] if others else world.contacts[number].fields
    tags = sorted({tag for side in sides for tag in side.tags}) if others else world.contacts[number].tags
    values, new_tags = _applied(fields, tags, steps)
    if others:
        change(world, merge(world, {number, *others}), values, new_tags, identities)
        return "merged"
    check_somebody_stays_named(world, number, values, identities)
    return "updated" if change(world, number, values, new_tags, identities) else "unchanged"


def _steps(operations: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Operator, place and value of each operation, in the order in which they are applied."""
    for word in sorted(operations, key=ORDER.index):
        arguments = operations[word]
        for path, value in (dict.fromkeys(arguments) if word == "$unset" else arguments).items():
            place = tuple(path.split("."))
            if place[0] not in (*PLAIN_FIELDS, *JSON_FIELDS, "tags"):
                place = ("profile", *place)
            yield word, place, value


def _check_apart(steps: list[tuple[str, tuple[str, ...], Any]]) -> None:
    for number, (_, place, _) in enumerate(steps):
        for _, other, _ in steps[:number]:
            shorter = min(len(place), len(other))
            if place[:shorter] == other[:shorter]:
                raise RefusedWrite("InvalidWriteError")


def _applied(
    fields: Mapping[str, Any], tags: list[str], steps: list[tuple[str, tuple[str, ...], Any]]
) -> tuple[dict[str, Any], list[str] | None]:
    """The values that operations come to, of the fields that they change, and the tags if they change them."""
    values: dict[str, Any] = {}
    new_tags: list[str] | None = None
    for word, (name, *inner), value in steps:
        if name == "tags":
            new_tags = _tags(tags if new_tags is None else new_tags, word, value)
        elif name in JSON_FIELDS:
            before = values.get(name, fields.get(name, NOTHING))
            is_removed = word == "$set" and value is None and len(inner) <= (name == "profile")
            values[name] = _after(before, inner, "$unset" if is_removed else word, value)
        else:
            values[name] = fields.get(name, 0) + value if word == "$inc" else None if word == "$unset" else value
    for name in JSON_FIELDS:
        if name in values and (values[name] is NOTHING or (name == "profile" and values[name] == {})):
            values[name] = None
    return values, new_tags


def _tags(tags: list[str], word: str, value: Any) -> list[str]:
    match word:
        case "$set":
            return list(value or ())
        case "$unset":
            return []
        case "$pull":
            return [tag for tag in tags if tag != value]
        case _:
            return tags if value in tags else [*tags, value]


def _after(here: Any, inner: list[str], word: str, value: Any) -> Any:
    """A JSON value after an operation at a place in it. Lists have no places here: no test names one."""
    is_nothing = here is NOTHING or here is None
    if not inner:
        return _changed(here, is_nothing, word, value)
    if is_nothing or not isinstance(here, dict):
        if word in {"$unset", "$pull"}:
            return here
        if not is_nothing:
            raise RefusedWrite("InvalidWriteError")
        here = {}
    first, *rest = inner
    found = _after(here.get(first, NOTHING), rest, word, value)
    return {**{k: v for k, v in here.items() if k != first}, **({} if found is NOTHING else {first: found})}


def _changed(here: Any, is_nothing: bool, word: str, value: Any) -> Any:
    match word:
        case "$set":
            return value
        case "$unset":
            return NOTHING
        case "$inc":
            here = 0 if is_nothing else here
            if isinstance(here, bool) or not isinstance(here, int | float):
                raise RefusedWrite("InvalidWriteError")
            return here + value
        case "$pull" if is_nothing:
            return here
    here = [] if is_nothing else here
    if not isinstance(here, list):
        raise RefusedWrite("InvalidWriteError")
    if word == "$pull":
        return [item for item in here if not same(item, value)]
    return here if word == "$addToSet" and any(same(item, value) for item in here) else [*here, value]
