"""Says the cases of performed_events.jsonl, which are in the language of Dittofeed, in the base language of populace.

Traits become the JSON document `custom_json_1` of a contact, and each `identify` two timeline events: `identify`,
and `contact.updated` with the traits that it changed. A `track` event also becomes two: one of its own kind, and
one of kind `track` that names it in a property, for conditions on a prefix of the name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.definitions import Json, branch, on_list, segment
from tests.performed_events_definitions import (
    ANY_TRACK,
    IDENTIFY,
    TIMELINE_KINDS,
    TRAITS,
    Definition,
    kind_of,
    manual_list,
)

AS_OF_WHERE_A_CASE_HAS_NO_CLOCK = "2026-01-15T12:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Translation:
    """A world, segments, and what the case says about them: it may be silent about a contact or a segment."""

    world: Json
    segments: tuple[Json, ...] = ()
    belongs: Mapping[tuple[str, str], bool] = field(default_factory=dict)  # (segment id, e-mail) -> whether a member
    sizes: Mapping[str, int] = field(default_factory=dict)  # segment id -> number of members


def translated(case: Json, *, at_rel_now_ms: int = 0) -> Translation:
    """The case, at its `now` or some milliseconds from it. Raises: UntranslatableError."""
    match case["kind"]:
        case "keyed_performed":
            return _computed_segments(_with_the_key_as_a_condition(case), at_rel_now_ms)
        case "membership_filter":
            return _stored_memberships(case)
        case "list_operation":
            return _list_operations(case)
        case _:
            return _computed_segments(case, at_rel_now_ms)


def email_of(user_id: str) -> str:
    return f"{user_id}@x.example"


# --- worlds -----------------------------------------------------------------------------------------------------------


def _computed_segments(case: Json, at_rel_now_ms: int) -> Translation:
    """Events, segments over them, and who belongs to which."""
    now = datetime.fromisoformat(case["now"])
    as_of = now + timedelta(milliseconds=at_rel_now_ms)
    so_far = [event for event in case["events"] if event["t_rel_now_ms"] <= at_rel_now_ms]
    segments, ids, belongs = [], {}, {}
    for number, given in enumerate(case["segments"]):
        ids[given["name"]] = own_id = f"s{number}"
        nodes = {node["id"]: node for node in (given["definition"]["entryNode"], *given["definition"]["nodes"])}
        definition = Definition(given.get("id", ""), nodes, so_far, as_of)
        segments.append(segment(definition.tree(given["definition"]["entryNode"]), own_id))
        for asked in case.get("expected_leaf", ()):
            if asked["segment"] == given["name"]:
                node_id = f"{own_id}-{asked['node_id']}"
                segments.append(segment(definition.tree(nodes[asked["node_id"]]), node_id))
                belongs[node_id, email_of(asked["user_id"])] = asked["value"]

    ids |= {group["name"]: ids[f"subscriptionGroup-{group['id']}"] for group in case.get("subscription_groups", ())}
    for user_id, expected in case.get("expected", {}).items():
        for name, value in expected.items():
            belongs[ids[name], email_of(user_id)] = value is True  # null reads as false
    sizes = {ids[name]: count for name, count in case.get("expected_count", {}).items()}
    return Translation(_world(case, now, as_of, so_far), tuple(segments), belongs, sizes)


def _world(case: Json, now: datetime, as_of: datetime, so_far: Sequence[Json]) -> Json:
    """All events, and the contacts and subscriptions that those so far have made."""
    traits: dict[str, Json] = {event["user_id"]: {} for event in so_far}
    timeline: list[Json] = []
    subscriptions: list[Json] = []
    for event in sorted(case["events"], key=lambda event: event["t_rel_now_ms"]):
        occurred_at = (now + timedelta(milliseconds=event["t_rel_now_ms"])).isoformat()
        row = {"email": email_of(event["user_id"]), "occurred_at": occurred_at}
        known = traits.get(event["user_id"], {})
        timeline += _track_rows(event, row) if event["type"] == "track" else _identify_rows(event, known, row)
        if event in so_far:
            subscriptions += _subscription_rows(event)
            traits[event["user_id"]] = known | (event.get("traits") or {})
    lists = {row["list_id"]: row["list_id"] for row in subscriptions}
    lists |= {group["id"]: group["name"] for group in case.get("subscription_groups", ())}
    return {
        "as_of": as_of.isoformat(),
        "timezone": "UTC",
        "contacts": [{"email": email_of(user_id), TRAITS: known} for user_id, known in traits.items()],
        "timeline": timeline,
        "custom_events": [],
        "lists": [{"id": list_id, "name": name} for list_id, name in lists.items()],
        "subscriptions": subscriptions,
    }


def _track_rows(event: Json, row: Json) -> Iterator[Json]:
    name, properties = event["event"], event.get("properties") or {}
    own = row | {"id": event["message_id"], "kind": kind_of(name), "properties": properties}
    yield own | ({"template_id": properties["templateId"]} if name in TIMELINE_KINDS else {})
    any_track = {"id": f"{event['message_id']}/track", "kind": ANY_TRACK}
    yield row | any_track | {"properties": {"event": name, "properties": properties}}


def _identify_rows(event: Json, known: Json, row: Json) -> Iterator[Json]:
    given = event.get("traits") or {}
    yield row | {"id": event["message_id"], "kind": IDENTIFY, "properties": given}
    changes = {key: {"old": known.get(key), "new": value} for key, value in given.items() if known.get(key) != value}
    if changes:
        changed = {"id": f"{event['message_id']}/changes", "kind": "contact.updated"}
        yield row | changed | {"properties": {"changes": changes}}


def _subscription_rows(event: Json) -> Iterator[Json]:
    """What an event changes on a list; the last row of a contact counts."""
    email, properties = email_of(event["user_id"]), event.get("properties") or {}
    if event.get("event") == "DFSubscriptionChange":
        status = {"Subscribe": "active", "Unsubscribe": "unsubscribed"}[properties["action"]]
        yield {"email": email, "list_id": properties["subscriptionId"], "status": status}
    if event.get("event") == "DFManualSegmentUpdate":
        list_id = manual_list(properties["segmentId"], properties["version"])
        yield {"email": email, "list_id": list_id, "status": _status(is_member=properties["inSegment"] == 1)}


def _status(*, is_member: bool) -> str:
    return "active" if is_member else "unsubscribed"


# --- the other kinds of cases -----------------------------------------------------------------------------------------


def _with_the_key_as_a_condition(case: Json) -> Json:
    """Events of one key: with the key given, this is one more condition on a property. Nobody and no time is named."""
    node = case["definition"]
    key = {"path": node["key"], "operator": {"type": "Equals", "value": case["key_value"]}}
    performed = node | {"type": "Performed", "properties": [*node["properties"], key]}
    made_up = {"user_id": "user-1", "t_rel_now_ms": -100}
    return {
        "now": AS_OF_WHERE_A_CASE_HAS_NO_CLOCK,
        "events": [event | made_up | {"message_id": f"auto-{event['seq']}"} for event in case["events"]],
        "segments": [{"name": "keyed", "definition": {"entryNode": performed, "nodes": []}}],
        "expected": {"user-1": {"keyed": case["expected"]}},
    }


def _stored_memberships(case: Json) -> Translation:
    """A segment over stored memberships: one list each, where who was found outside is unsubscribed."""
    assignments, query = case["assignments"], case["query"]
    users = case.get("users") or [row["user_id"] for row in assignments]
    subscriptions = [
        {
            "email": email_of(row["user_id"]),
            "list_id": row["segment"],
            "status": _status(is_member=row["in_segment"]),
        }
        for row in assignments
    ]
    conditions = [on_list(name, "active") for name in query.get("segmentFilter", ())]
    conditions += [on_list(name, "active", "not_in") for name in query.get("negativeSegmentFilter", ())]
    belongs = {("s0", email_of(user_id)): user_id in case["expected_users"] for user_id in users}
    world = _world_of_lists(users, subscriptions)
    return Translation(world, (segment(branch("and", *conditions), "s0"),), belongs)


def _list_operations(case: Json) -> Translation:
    """A list that is written three ways; each operation adds rows, and the last row of a contact counts."""
    users = list(dict.fromkeys(user for step in case["operations"] for user in step.get("user_ids", ())))
    subscriptions = []
    for step in case["operations"]:
        named = step.get("user_ids", ())
        for user_id in users:
            if user_id in named or step["op"] != "append":
                status = _status(is_member=user_id in named)
                subscriptions.append({"email": email_of(user_id), "list_id": "manual", "status": status})
    if "expected_members_superset" in case:  # says nothing about the others
        belongs = {("s0", email_of(user_id)): True for user_id in case["expected_members_superset"]}
    else:
        everyone = [*users, *case["other_users"]]
        belongs = {("s0", email_of(user_id)): user_id in case["expected_members"] for user_id in everyone}
    world = _world_of_lists([*users, *case["other_users"]], subscriptions)
    return Translation(world, (segment(on_list("manual", "active"), "s0"),), belongs)


def _world_of_lists(users: Sequence[str], subscriptions: Sequence[Json]) -> dict[str, Any]:
    return {
        "as_of": AS_OF_WHERE_A_CASE_HAS_NO_CLOCK,
        "timezone": "UTC",
        "contacts": [{"email": email_of(user_id)} for user_id in users],
        "timeline": [],
        "custom_events": [],
        "lists": [{"id": name, "name": name} for name in sorted({row["list_id"] for row in subscriptions})],
        "subscriptions": list(subscriptions),
    }
