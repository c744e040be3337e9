"""Merging: several contacts that turn out to be one person become one contact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.storage.changes import ChangeSet
from engine.storage.changes.subscription_rows import SubscriptionRow
from engine.storage.changes.timeline_rows import TimelineRow, json_text
from engine.storage.subscription_rules import most_restrictive
from ingest.writes.field_changes import FieldChange, changed_fields, changes_text, is_json_field
from ingest.writes.json_operations import ABSENT, same_json

_NOT_CHOSEN = frozenset({"created_at", "updated_at", "tags", "zone_id", "phone_is_valid", "profile"})
_DERIVED = frozenset({"zone_id", "phone_is_valid"})
_PROFILE = "profile"
_NEVER = datetime.min


@dataclass(frozen=True, slots=True)
class Merge:
    """What merging some contacts comes to, in whatever order they are merged.

    `values` are the columns of the one that stays; `times` says when each value was given.
    """

    survivor: int
    others: tuple[int, ...]
    values: Mapping[str, Any]
    times: Mapping[str, datetime]
    subscriptions: Mapping[str, SubscriptionRow]


def planned_merge(changes: ChangeSet, contact_ids: Collection[int]) -> Merge:
    """What merging contacts would come to; nothing is changed.

    The oldest stays. Of each field, and of each key of the profile, the value that was given last counts; tags and
    subscriptions unite, and of two statuses on one list the more restrictive one counts.
    """
    changes.contacts.load(contact_ids)
    changes.subscriptions.load(contact_ids)
    rows = {i: changes.contacts.row(i) for i in contact_ids}
    oldest_first = sorted(contact_ids, key=lambda i: (rows[i]["created_at"] or datetime.max, i))
    given_at = _given_at(changes, rows)
    values: dict[str, Any] = {}
    times: dict[str, datetime] = {}
    for name in changes.contacts.names:
        if name not in _NOT_CHOSEN:
            candidates = [(given_at[i].get(name, _start(row)), row[name]) for i, row in rows.items()]
            at, values[name] = _latest(candidates)
            if values[name] is not None:
                times[name] = at
    values[_PROFILE] = _merged_profile(rows, given_at, times)
    values["tags"] = sorted({tag for row in rows.values() for tag in row["tags"] or ()}) or None
    values["created_at"] = min((row["created_at"] for row in rows.values() if row["created_at"]), default=None)
    values["updated_at"] = max((row["updated_at"] for row in rows.values() if row["updated_at"]), default=None)
    owner = next((i for i, row in rows.items() if row["timezone"] == values["timezone"]), oldest_first[0])
    values["zone_id"] = rows[owner]["zone_id"]
    owner = next((i for i, row in rows.items() if row["phone"] == values["phone"]), oldest_first[0])
    values["phone_is_valid"] = rows[owner]["phone_is_valid"]
    subscriptions = _merged_subscriptions(changes, contact_ids)
    return Merge(oldest_first[0], tuple(oldest_first[1:]), values, times, subscriptions)


def merge_contacts(changes: ChangeSet, contact_ids: Collection[int]) -> int:
    """Merge contacts: their events and identities become those of the one that stays; its id."""
    merge = planned_merge(changes, contact_ids)
    sides = [_side(changes, contact_id) for contact_id in (merge.survivor, *merge.others)]
    fields = _changes_of_survivor(changes, merge)
    statuses = _statuses_of_survivor(changes, merge)
    for identity in changes.identities.of_contacts(merge.others):
        changes.identities.give(identity, merge.survivor)
    for contact_id in contact_ids:
        for list_id in changes.subscriptions.of_contact(contact_id):
            changes.subscriptions.put(contact_id, list_id, None)
    for list_id, subscription in merge.subscriptions.items():
        changes.subscriptions.put(merge.survivor, list_id, subscription)
    changes.timeline.move(merge.others, merge.survivor)
    changes.custom_events.move(merge.others, merge.survivor)
    changes.move_messages(merge.others, merge.survivor)
    changes.contacts.change(merge.survivor, merge.values)
    for contact_id, side in zip(merge.others, sides[1:], strict=True):
        changes.retire(contact_id, merged_into=merge.survivor, last_row=json_text(side))
    entry = TimelineRow(
        merge.survivor,
        "contact.merged",
        changes.now,
        entity_type="contact",
        operation="merge",
        properties=json_text({"sides": sides, "given_at": merge.times}),
        changes=changes_text(changes, fields),
        old_values=json_text({"subscriptions": statuses}),
    )
    changes.timeline.add(entry)
    return merge.survivor


def _statuses_of_survivor(changes: ChangeSet, merge: Merge) -> dict[str, str | None]:
    """The status of the one that stays on every list that a side is on; None where it is not."""
    own = changes.subscriptions.of_contact(merge.survivor)
    return {list_id: own[list_id].status if list_id in own else None for list_id in sorted(merge.subscriptions)}


def _changes_of_survivor(changes: ChangeSet, merge: Merge) -> list[FieldChange]:
    """What becomes other for the one that stays, in the fields that callers see."""
    shown = {name: value for name, value in merge.values.items() if name not in _DERIVED}
    fields = changed_fields(changes, merge.survivor, shown)
    return [item for item in fields if item.name != "tags" or sorted(item.old or ()) != (item.new or [])]


def _given_at(changes: ChangeSet, rows: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, datetime]]:
    """When each field of each contact got the value that it has, where the timeline says so."""
    found: dict[int, dict[str, datetime]] = {i: {} for i in rows}
    for entry in changes.timeline.profile_history(list(rows)):
        times = found[entry.contact_id]
        if entry.changes is None:  # it came in from elsewhere, and says nothing of this store
            continue
        if entry.kind == "contact.merged" and entry.properties is not None:
            given_at = orjson.loads(entry.properties)["given_at"]
            times.update({name: _read(at) for name, at in given_at.items()})
        else:
            said = orjson.loads(entry.changes)
            times.update({name: entry.occurred_at for name, change in said.items() if change["new"] is not None})
            for key, at in _changed_profile_keys(said, entry.occurred_at):
                times[key] = at
    return found


def _changed_profile_keys(said: Mapping[str, Any], at: datetime) -> Iterable[tuple[str, datetime]]:
    """The keys of the profile that an entry gave another value."""
    profile = said.get(_PROFILE)
    if profile is not None:
        old, new = profile["old"] or {}, profile["new"] or {}
        if isinstance(new, dict):
            for key, value in new.items():
                if value is not None and not same_json(
                    old.get(key, ABSENT) if isinstance(old, dict) else ABSENT, value
                ):
                    yield _profile_key(key), at


def _profile_key(key: str) -> str:
    return f"{_PROFILE}.{key}"


def _merged_profile(
    rows: Mapping[int, Mapping[str, Any]],
    given_at: Mapping[int, Mapping[str, datetime]],
    times: dict[str, datetime],
) -> str | None:
    """The free keys of all sides, of each the value that was given last."""
    candidates: dict[str, list[tuple[datetime, Any]]] = {}
    for contact_id, row in rows.items():
        profile = orjson.loads(row[_PROFILE]) if row[_PROFILE] else {}
        for key, value in profile.items() if isinstance(profile, dict) else ():
            at = given_at[contact_id].get(_profile_key(key), _start(row))
            candidates.setdefault(key, []).append((at, value))
    merged = {}
    for key, found in sorted(candidates.items()):
        at, value = _latest(found)
        merged[key] = value
        if value is not None:
            times[_profile_key(key)] = at
    return orjson.dumps(merged).decode() if merged else None


def _latest(candidates: Iterable[tuple[datetime, Any]]) -> tuple[datetime, Any]:
    """The value that was given last; of several at the same instant, always the same one."""
    present = [(at, orjson.dumps(value), value) for at, value in candidates if value is not None]
    if not present:
        return _NEVER, None
    at, _, value = max(present, key=lambda candidate: candidate[:2])
    return at, value


def _start(row: Mapping[str, Any]) -> datetime:
    """Since when a value is there of which the timeline does not say when it was given."""
    at = row["created_at"]
    return _NEVER if at is None else at


def _merged_subscriptions(changes: ChangeSet, contact_ids: Collection[int]) -> dict[str, SubscriptionRow]:
    merged: dict[str, SubscriptionRow] = {}
    for contact_id in contact_ids:
        for list_id, row in changes.subscriptions.of_contact(contact_id).items():
            other = merged.get(list_id)
            merged[list_id] = row if other is None else _united(row, other)
    return merged


def _united(one: SubscriptionRow, other: SubscriptionRow) -> SubscriptionRow:
    created = [row.created_at for row in (one, other) if row.created_at is not None]
    updated = [row.updated_at for row in (one, other) if row.updated_at is not None]
    status = most_restrictive(one.status, other.status)
    return SubscriptionRow(status, min(created, default=None), max(updated, default=None))


def _side(changes: ChangeSet, contact_id: int) -> dict[str, Any]:
    """A contact as it was before it was merged."""
    row = changes.contacts.row(contact_id)
    side = {
        name: orjson.Fragment(value) if is_json_field(changes, name) else value
        for name, value in row.items()
        if value is not None and name not in _DERIVED
    }
    side["identities"] = changes.identities.of_contacts([contact_id])
    subscriptions = changes.subscriptions.of_contact(contact_id)
    side["subscriptions"] = {list_id: row.status for list_id, row in sorted(subscriptions.items())}
    return side


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
