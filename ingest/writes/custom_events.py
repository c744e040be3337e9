"""Custom events: what an application tells in its own words, in versions, deleted and restored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal

import orjson

from engine.definition.vocabulary import EVENT_NAME_PATTERN, GOAL_TYPES, GOAL_VALUE_DECIMALS, MAX_GOAL_VALUE
from engine.errors import InvalidWriteError, UnknownCustomEventError, one_of, shown
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.custom_event_rows import CustomEventRow
from engine.storage.changes.timeline_rows import TimelineRow
from ingest import values
from ingest.values import RefusedValueError
from ingest.writes.contact_document import Reader
from ingest.writes.event_document import id_of_event, json_object, read_event_document
from ingest.writes.json_texts import is_same_json
from ingest.writes.matching import known_contact
from ingest.writes.write import Outcome


@dataclass(frozen=True, slots=True)
class RecordCustomEvent:
    """A version of a custom event. `row` is what the store will have, but for the contact."""

    identity: str
    row: CustomEventRow

    def needs(self) -> Needs:
        """The contact, and the versions that are there."""
        return Needs((self.identity,), custom_events=((self.row.event_name, self.row.external_id),))

    def apply(self, changes: ChangeSet) -> Outcome:
        """Add the version, or replace the one of the same instant. A deleted event stays deleted.

        Raises: UnknownContactError, InvalidWriteError if the event is another contact's.
        """
        contact_id = known_contact(changes, self.identity)
        versions = changes.custom_events.versions((self.row.event_name, self.row.external_id))
        if versions and versions[-1].contact_id != contact_id:
            raise InvalidWriteError(
                "custom event", f"{self.row.event_name} {shown(self.row.external_id)} is another contact's"
            )
        row = replace(self.row, contact_id=contact_id, deleted_at=versions[-1].deleted_at if versions else None)
        if any(_is_same(version, row) for version in versions):
            return Outcome.UNCHANGED
        changes.custom_events.put(row)
        changes.tell(f"custom_event.{'updated' if versions else 'created'}", contact_id, _told(row))
        return Outcome.UPDATED if versions else Outcome.CREATED


def _told(row: CustomEventRow) -> dict[str, object]:
    """What webhooks are told of a version."""
    data: dict[str, object] = {
        name: value
        for name in ("event_name", "external_id", "occurred_at", "goal_type", "goal_name", "goal_value")
        if (value := getattr(row, name)) is not None
    }
    if row.properties is not None:
        data["properties"] = orjson.Fragment(row.properties)
    return {"custom_event": data}


def _is_same(known: CustomEventRow, row: CustomEventRow) -> bool:
    """Whether two versions are one; their properties may be written in another order."""
    is_same_otherwise = replace(known, properties=None) == replace(row, properties=None)
    return is_same_otherwise and is_same_json(known.properties, row.properties)


@dataclass(frozen=True, slots=True)
class DeleteCustomEvent:
    """A custom event that is not to count any more, or (`restored`) again."""

    event_name: str
    external_id: str
    restored: bool = False

    def needs(self) -> Needs:
        """The versions that are there."""
        return Needs(custom_events=((self.event_name, self.external_id),))

    def apply(self, changes: ChangeSet) -> Outcome:
        """Delete or restore all versions. Raises: UnknownCustomEventError."""
        versions = changes.custom_events.versions((self.event_name, self.external_id))
        if not versions:
            raise UnknownCustomEventError(self.event_name, self.external_id)
        if (versions[-1].deleted_at is None) == self.restored:
            return Outcome.UNCHANGED
        for row in versions:
            changes.custom_events.put(replace(row, deleted_at=None if self.restored else changes.now))
        what = "restored" if self.restored else "deleted"
        entry = TimelineRow(
            versions[-1].contact_id,
            f"event.{what}",
            changes.now,
            entity_type="custom_event",
            entity_id=f"{self.event_name}:{self.external_id}",
            operation=what.removesuffix("d"),
        )
        changes.timeline.add(entry)
        return Outcome.UPDATED if self.restored else Outcome.DELETED


def read_custom_event(given: object, *, path: str = "custom_event") -> RecordCustomEvent:
    """A custom event from what `json.loads` gives, or from Python values.

    Keys: `email` (or `contact`: an object with kind and value), `event_name`, `external_id`, `occurred_at`, and if
    wanted `goal_type`, `goal_name`, `goal_value`, `properties` (an object). The same name and external id at another
    instant is a later or earlier version. Raises: InvalidValueError, InvalidWriteError.
    """
    required = ("event_name", "external_id", "occurred_at")
    identity, stored = read_event_document(given, _READERS, required=required, noun="custom event", path=path)
    return RecordCustomEvent(identity, CustomEventRow(-1, **stored))


def _event_name(value: object) -> str:
    name = values.text(value)
    if re.fullmatch(EVENT_NAME_PATTERN, name) is None:
        raise RefusedValueError("is not an event name: it has 1 to 100 characters of A-Z a-z 0-9 _ . : / -")
    return name


def _goal_type(value: object) -> str:
    if value not in GOAL_TYPES:
        raise RefusedValueError(f"must be {one_of(GOAL_TYPES)}")
    return str(value)


def _goal_value(value: object) -> Decimal:
    """An exact number, with as many decimals as goal values have, halves away from zero."""
    values.number(value)
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    # copy_abs, because abs would round to 28 digits.
    if number.copy_abs() < MAX_GOAL_VALUE:
        rounded = number.quantize(Decimal(1).scaleb(-GOAL_VALUE_DECIMALS), ROUND_HALF_UP, Context(prec=40))
        if rounded.copy_abs() < MAX_GOAL_VALUE:
            return rounded
    raise RefusedValueError("is too large; it must be between -1e20 and 1e20")


_READERS: Mapping[str, Reader] = {
    "event_name": _event_name,
    "external_id": id_of_event,
    "occurred_at": values.instant,
    "goal_type": _goal_type,
    "goal_name": values.text,
    "goal_value": _goal_value,
    "properties": json_object,
}
