"""Merging: in whatever order, the same contact comes out, and it is the one of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.storage import Store
from engine.storage.changes import ChangeSet, WriterMemory
from engine.storage.changes.change_set import Needs
from engine.storage.changes.custom_event_rows import CustomEventRow
from engine.storage.changes.subscription_rows import SubscriptionRow
from engine.storage.changes.timeline_rows import TimelineRow
from ingest.writes.contact_document import read_contact
from ingest.writes.identity_changes import MergeContacts
from ingest.writes.upsert import Upsert
from ingest.writes.write import Outcome

START = datetime(2026, 1, 1)
STATUSES = ("complained", "bounced", "unsubscribed", "active", "pending")

FIELDS = {
    "first_name": st.sampled_from(["Ada", "Bo", None]),
    "country": st.sampled_from(["DE", "FR", None]),
    "timezone": st.sampled_from(["Europe/Berlin", "America/New_York", None]),
    "orders_count": st.sampled_from([0, 1, 2.5, None]),
    "custom_json_1": st.sampled_from([{"a": 1}, [1, True], None]),
    "phone": st.sampled_from(["+4930123456", "no number", None]),
    "tags": st.lists(st.sampled_from(["vip", "new"]), unique=True),
    "profile": st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from([1, True, "x", 1.5]), max_size=2),
}
VALUES = st.fixed_dictionaries({}, optional=FIELDS)
CONTACT_COUNT = 4
HISTORIES = st.tuples(
    *(st.tuples(st.integers(0, 3), VALUES) for _ in range(CONTACT_COUNT)),
).flatmap(
    lambda starts: st.tuples(
        st.just(starts), st.lists(st.tuples(st.integers(0, CONTACT_COUNT - 1), VALUES), max_size=6)
    )
)
SUBSCRIPTIONS = st.dictionaries(
    st.tuples(st.integers(0, CONTACT_COUNT - 1), st.sampled_from(["news", "offers"])),
    st.tuples(st.sampled_from(STATUSES), st.integers(0, 3)),
    min_size=3,
    max_size=8,
)
EVENTS = st.lists(
    st.tuples(st.integers(0, CONTACT_COUNT - 1), st.sampled_from(["open_email", "click_email"])), max_size=5
)
PLANS = st.tuples(st.permutations(range(CONTACT_COUNT)), st.sampled_from(["all at once", "one by one", "in pairs"]))


class Undone(Exception):
    """Ends a transaction that is to leave nothing."""


@cache
def store() -> Store:
    return Store.create(Path(mkdtemp()) / "store.duckdb")


def email(number: int) -> str:
    return f"c{number}@example.com"


def identities(numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"email:{email(number)}" for number in numbers)


def groups_of(order: Sequence[int], shape: str) -> list[tuple[int, ...]]:
    """Which contacts are merged in each step."""
    if shape == "all at once":
        return [tuple(order)]
    if shape == "one by one":
        return [(order[0], other) for other in order[1:]]
    return [(order[0], order[1]), (order[2], order[3]), (order[1], order[2])]


def merged_world(history: Any, subscriptions: Any, events: Any, plan: Any, *, in_one_group: bool) -> dict[str, Any]:
    """What is stored after a history and then a plan of merging; nothing of it stays."""
    found: dict[str, Any] = {}
    ticks = count()
    try:
        with store().transaction() as cursor:
            memory = WriterMemory.read(cursor, 0)

            def begun() -> ChangeSet:
                return ChangeSet(cursor, memory, START + timedelta(hours=next(ticks)))

            def done(changes: ChangeSet) -> None:
                changes.write()
                changes.remember()

            starts, later = history
            for number, (day, values) in enumerate(starts):
                created_at = f"2025-01-0{day + 1}T00:00:00Z"
                upsert(begun, done, {**values, "created_at": created_at, "email": email(number)})
            for number, values in later:
                upsert(begun, done, {**values, "email": email(number)})
            changes = begun()
            changes.load([Needs(custom_events=tuple(("order", f"{kind}{n}") for n, (_, kind) in enumerate(events)))])
            owners = {number: changes.identities.owner(f"email:{email(number)}") for number in range(CONTACT_COUNT)}
            for (number, list_id), (status, day) in subscriptions.items():
                at = START + timedelta(days=day)
                changes.subscriptions.put(contact(owners, number), list_id, SubscriptionRow(status, at, at))
            for position, (number, kind) in enumerate(events):
                changes.timeline.add(TimelineRow(contact(owners, number), kind, START + timedelta(days=position)))
            for position, (number, kind) in enumerate(events):
                at = START + timedelta(days=position)
                row = CustomEventRow(contact(owners, number), "order", f"{kind}{position}", at, None, None, None, None)
                changes.custom_events.put(row)
            done(changes)
            changes = begun()
            for group in groups_of(*plan):
                MergeContacts(identities(group)).apply(changes)
                if not in_one_group:
                    done(changes)
                    changes = begun()
            done(changes)
            again = begun()
            assert MergeContacts(identities(plan[0])).apply(again) is Outcome.UNCHANGED
            assert not again.write()
            found = world_of(cursor)
            raise Undone
    except Undone:
        return found


def upsert(begun: Any, done: Any, values: dict[str, Any]) -> None:
    changes = begun()
    document = read_contact(values, {})
    # A phone that two share would merge them before it is their turn.
    document = type(document)(document.values, identities([int(values["email"][1])]), document.tags)
    Upsert(document).apply(changes)
    done(changes)


def contact(owners: dict[int, int | None], number: int) -> int:
    owner = owners[number]
    assert owner is not None
    return owner


def world_of(cursor: Any) -> dict[str, Any]:
    """All that callers can see of the contacts."""
    rows = cursor.execute("SELECT * EXCLUDE (contact_id) FROM contacts").fetchall()
    names = [column[0] for column in cursor.description]
    return {
        "contacts": [dict(zip(names, row, strict=True)) for row in rows],
        "identities": sorted(cursor.execute("SELECT identity FROM identities").fetchall()),
        "subscriptions": sorted(
            cursor.execute("SELECT list_id, status, created_at, updated_at FROM subscriptions").fetchall()
        ),
        "kinds": sorted(cursor.execute("SELECT kind, count(*) FROM timeline GROUP BY 1").fetchall()),
        "custom_events": sorted(cursor.execute("SELECT event_name, external_id FROM custom_events").fetchall()),
        "owners": cursor.execute(
            """
            SELECT count(DISTINCT contact_id) FROM (
                SELECT contact_id FROM contacts UNION ALL SELECT contact_id FROM timeline
                UNION ALL SELECT contact_id FROM subscriptions UNION ALL SELECT contact_id FROM identities
                UNION ALL SELECT contact_id FROM custom_events
            )
            """
        ).fetchall(),
    }


@settings(max_examples=settings().max_examples // 10)
@given(
    history=HISTORIES, subscriptions=SUBSCRIPTIONS, events=EVENTS, one=PLANS, other=PLANS, in_one_group=st.booleans()
)
def test_the_order_of_merging_does_not_matter(
    history: Any, subscriptions: Any, events: Any, one: Any, other: Any, in_one_group: bool
) -> None:
    """For any histories of four contacts: every order gives the same values, tags, subscriptions, dates and events."""
    first = merged_world(history, subscriptions, events, one, in_one_group=False)
    second = merged_world(history, subscriptions, events, other, in_one_group=in_one_group)
    # One entry for each merge: how many there are is the one thing that depends on the order.
    for found in (first, second):
        found["kinds"] = [(kind, number) for kind, number in found["kinds"] if kind != "contact.merged"]
        assert found["owners"] == [(1,)]
    assert first == second
    (values,) = first["contacts"]
    assert_follows_the_rules(values, first["subscriptions"], history, subscriptions)
    assert sum(number for kind, number in first["kinds"] if kind.endswith("_email")) == len(events)
    assert len(first["custom_events"]) == len(events)


def assert_follows_the_rules(values: dict[str, Any], stored: Any, history: Any, subscriptions: Any) -> None:
    """Newest non-null value, united tags, most restrictive status, earliest created_at: worked out from the history."""
    starts, later = history
    now: list[dict[str, tuple[int, Any]]] = [{} for _ in starts]
    tags: list[set[str]] = [set() for _ in starts]
    steps = [(number, -4 + day, given_values) for number, (day, given_values) in enumerate(starts)]
    steps += [(number, tick, given_values) for tick, (number, given_values) in enumerate(later)]
    for number, tick, given_values in steps:
        for name, value in given_values.items():
            if name == "tags":
                tags[number] = set(value)
            elif name == "profile":
                old = {key: item for key, item in now[number].items() if key.startswith("profile.")}
                for key in old:
                    del now[number][key]
                for key, inner in value.items():
                    before = old.get(f"profile.{key}")
                    is_same = before is not None and orjson.dumps(before[1]) == orjson.dumps(inner)
                    now[number][f"profile.{key}"] = before if is_same and before else (tick, inner)
            elif value is None:
                now[number].pop(name, None)
            elif name not in now[number] or now[number][name][1] != value:
                now[number][name] = (tick, value)
    for name in {key for fields in now for key in fields}:
        candidates = [fields[name] for fields in now if name in fields]
        newest = max(tick for tick, _ in candidates)
        allowed = [value for tick, value in candidates if tick == newest]
        assert orjson.dumps(shown(values, name)) in [orjson.dumps(as_stored(name, value)) for value in allowed], name
    assert values["tags"] == (sorted(set().union(*tags)) or None)
    assert values["created_at"] == datetime(2025, 1, 1) + timedelta(days=min(day for day, _ in starts))
    united: dict[str, str] = {}
    for (_, list_id), (status, _) in subscriptions.items():
        united[list_id] = min(united.get(list_id, "pending"), status, key=STATUSES.index)
    assert {list_id: status for list_id, status, *_ in stored} == united


def as_stored(name: str, value: Any) -> Any:
    return float(value) if name == "orders_count" else value


def shown(values: dict[str, Any], name: str) -> Any:
    if name.startswith("profile."):
        return orjson.loads(values["profile"])[name.removeprefix("profile.")]
    return orjson.loads(values[name]) if name == "custom_json_1" else values[name]
