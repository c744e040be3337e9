"""Events: each counts once, whenever it arrives, and says of subscriptions what it has to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import populace
from engine.errors import (
    CallerError,
    EventConflictError,
    InvalidValueError,
    InvalidWriteError,
    UnknownContactError,
    UnknownCustomEventError,
)
from ingest.workspace import Workspace
from ingest.writes.write import Outcome
from tests.definitions import segment
from tests.engine_under_test import write_dataset

ADA, BOB = "ada@example.com", "bob@example.com"
OPENED = {"email": ADA, "kind": "open_email", "occurred_at": "2026-01-02T00:00:00Z"}
ORDER = {"email": ADA, "event_name": "order", "external_id": "1", "occurred_at": "2026-01-02T00:00:00Z"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    """Two contacts; Ada is on two lists."""
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert_many([{"email": ADA, "phone": "+4930123456"}, {"email": BOB}])
        for list_id in ("news", "offers"):
            shop.lists.save(list_id, is_public=True)
            shop.lists.subscribe(ADA, list_id)
        yield shop


def stored_events(shop: Workspace) -> list[tuple[Any, ...]]:
    """What was recorded, without what the workspace tells of its own writes."""
    return shop._store.rows(
        """
        SELECT c.email, t.kind, t.occurred_at, t.id, t.properties
        FROM timeline AS t JOIN contacts AS c USING (contact_id)
        WHERE split_part(t.kind, '.', 1) NOT IN ('contact', 'list', 'event', 'identity') ORDER BY sequence
        """
    )


def statuses(shop: Workspace, email: str = ADA) -> dict[str, str]:
    of_contact = "FROM subscriptions JOIN contacts USING (contact_id) WHERE email = $1"
    return dict(shop._store.rows(f"SELECT list_id, status {of_contact} ORDER BY list_id", [email]))


def versions(shop: Workspace) -> list[tuple[Any, ...]]:
    return shop._store.rows(
        "SELECT occurred_at, goal_value, superseded_at, deleted_at IS NOT NULL FROM custom_events ORDER BY 1"
    )


def orders_counted(shop: Workspace, as_of: str) -> int:
    """How many orders segments see, of the timeline and of custom events."""
    for least in (3, 2, 1):
        condition = {"kind": "custom_event.order", "count_operator": "at_least", "count_value": least}
        timeline = {"kind": "leaf", "leaf": {"source": "contact_timeline", "contact_timeline": condition}}
        preview = shop.preview([populace.read_segment(segment(timeline, "ordered"))], as_of=as_of)
        if preview.segments[0].size:
            return least
    return 0


# --- timeline events --------------------------------------------------------------------------------------------------


def test_an_event_counts_once_however_often_it_is_told(shop: Workspace) -> None:
    event = {**OPENED, "id": "1", "properties": {"a": 1, "b": {"c": [1]}}}
    assert shop.events.record(event) is Outcome.CREATED
    again = {**event, "occurred_at": "2026-01-02T01:00:00+01:00", "properties": {"b": {"c": [1]}, "a": 1}}
    generation = shop._store.generation()
    assert shop.events.record(again) is Outcome.UNCHANGED
    assert [item.outcome for item in shop.events.record_many([event, again])] == [Outcome.UNCHANGED] * 2
    assert len(stored_events(shop)) == 1
    assert shop._store.generation() == generation


@pytest.mark.parametrize(
    "other",
    [
        {"email": BOB},
        {"kind": "click_email"},
        {"occurred_at": "2026-01-02T00:00:00.000001Z"},
        {"template_id": "t"},
        {"entity_id": "x"},
        {"entity_type": "x"},
        {"operation": "x"},
        {"properties": {"a": True}},
        {"properties": None},
    ],
)
def test_an_id_that_says_something_else_is_refused(shop: Workspace, other: Mapping[str, Any]) -> None:
    event = {**OPENED, "id": "1", "properties": {"a": 1}}
    shop.events.record(event)
    with pytest.raises(EventConflictError, match="'1'"):
        shop.events.record({**event, **other})
    results = shop.events.record_many([{**event, "id": "2"}, {**event, "id": "2", **other}, {**event, "id": "3"}])
    assert [item.outcome for item in results] == [Outcome.CREATED, Outcome.FAILED, Outcome.CREATED]
    assert isinstance(results[1].error, EventConflictError)
    assert [event_id for *_, event_id, _ in stored_events(shop)] == ["1", "2", "3"]


def test_an_id_is_known_after_the_workspace_was_opened_anew_and_after_a_merge(shop: Workspace) -> None:
    event = {**OPENED, "id": "1"}
    shop.events.record(event)
    shop.close()
    with populace.open(shop.path) as opened:
        assert opened.events.record(event) is Outcome.UNCHANGED
        with pytest.raises(EventConflictError):
            opened.events.record({**event, "email": BOB})
        opened.merge([ADA, BOB])
        assert opened.events.record({**event, "email": BOB}) is Outcome.UNCHANGED
        assert len(stored_events(opened)) == 1


def test_an_event_without_an_id_counts_every_time(shop: Workspace) -> None:
    shop.events.record(OPENED)
    shop.events.record_many([OPENED, OPENED])
    assert len(stored_events(shop)) == 3


def test_events_arrive_late_and_from_the_future_and_count_at_their_instant(shop: Workspace) -> None:
    future = datetime.now(UTC) + timedelta(days=400)
    shop.events.record({**OPENED, "kind": "custom_event_like.order", "occurred_at": "1999-12-31T23:59:59Z"})
    for at in (future, datetime(2020, 1, 1, tzinfo=UTC)):
        assert shop.events.record({**OPENED, "occurred_at": at}) is Outcome.CREATED
    opened = {"kind": "open_email", "count_operator": "at_least", "count_value": 2}
    leaf = {"kind": "leaf", "leaf": {"source": "contact_timeline", "contact_timeline": opened}}
    read = [populace.read_segment(segment(leaf, "opened"))]
    sizes = [shop.preview(read, as_of=at).segments[0].size for at in (future - timedelta(days=1), future, None)]
    assert sizes == [0, 1, 0]


def test_an_event_names_its_contact_by_any_identity(shop: Workspace) -> None:
    shop.add_identity(ADA, "push_token", "t")
    for contact in (
        {"kind": "phone", "value": "+49 30 123456"},
        {"kind": "push_token", "value": "t"},
        " ADA@example.com",
    ):
        event = {"contact": contact, "kind": "open_email", "occurred_at": "2026-01-02T00:00:00Z"}
        assert shop.events.record(event) is Outcome.CREATED
    assert [email for email, *_ in stored_events(shop)] == [ADA] * 3


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"kind": None}, "event"),
        ({"occurred_at": None}, "event"),
        ({"email": None}, "event"),
        ({"contact": ADA}, "event"),
        ({"knid": "x"}, "event"),
        ({"kind": "Open Email"}, "event.kind"),
        ({"kind": ""}, "event.kind"),
        ({"kind": "x" * 129}, "event.kind"),
        ({"kind": "custom_event.order"}, "event.kind"),
        ({"kind": "contact.created"}, "event.kind"),
        ({"kind": "segment.joined"}, "event.kind"),
        ({"kind": 1}, "event.kind"),
        ({"occurred_at": "2026-01-02"}, "event.occurred_at"),
        ({"occurred_at": datetime(2026, 1, 2)}, "event.occurred_at"),
        ({"occurred_at": 0}, "event.occurred_at"),
        ({"email": "nobody"}, "event.email"),
        ({"email": 1}, "event.email"),
        ({"id": 1}, "event.id"),
        ({"id": "\x00"}, "event.id"),
        ({"id": ""}, "event.id"),
        ({"occurred_at": ""}, "event.occurred_at"),
        ({"entity_id": ["x"]}, "event.entity_id"),
        ({"properties": [1]}, "event.properties"),
        ({"properties": "{}"}, "event.properties"),
        ({"properties": {"a": "x" * 65_536}}, "event.properties"),
        ({"properties": {"a": float("nan")}}, "event.properties"),
        ({1: 2}, "event"),
    ],
)
def test_what_is_no_event_is_refused_by_name(shop: Workspace, change: dict[Any, Any], place: str) -> None:
    with pytest.raises((InvalidValueError, InvalidWriteError), match=rf"^{place}: "):
        shop.events.record({**OPENED, **change})
    results = shop.events.record_many([OPENED, {**OPENED, **change}, OPENED])
    assert [item.outcome for item in results] == [Outcome.CREATED, Outcome.FAILED, Outcome.CREATED]
    assert str(results[1].error).startswith(place.replace("event", "events[1]", 1))
    assert len(stored_events(shop)) == 2


def test_an_event_of_nobody_is_refused(shop: Workspace) -> None:
    with pytest.raises(UnknownContactError):
        shop.events.record({**OPENED, "email": "nobody@example.com"})
    assert not stored_events(shop)


# --- what events say of subscriptions ---------------------------------------------------------------------------------

AT = "2100-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"kind": "bounce_email", "properties": {"bounce_type": "hard"}}, ["bounced", "bounced"]),
        ({"kind": "bounce_email", "properties": {"type": "Permanent"}}, ["bounced", "bounced"]),
        ({"kind": "bounce_email", "properties": {"bounce_type": "soft", "type": "hard"}}, ["active", "active"]),
        ({"kind": "bounce_email", "properties": {"bounce_type": "Transient"}}, ["active", "active"]),
        ({"kind": "bounce_email"}, ["active", "active"]),
        ({"kind": "complain_email"}, ["complained", "complained"]),
        ({"kind": "complain_email", "properties": {"list_id": "news"}}, ["complained", "active"]),
        ({"kind": "unsubscribe_email"}, ["unsubscribed", "unsubscribed"]),
        ({"kind": "unsubscribe_email", "entity_type": "list", "entity_id": "offers"}, ["active", "unsubscribed"]),
        ({"kind": "unsubscribe_email", "entity_type": "mail", "entity_id": "offers"}, ["unsubscribed"] * 2),
        ({"kind": "unsubscribe_email", "properties": {"list_id": "nowhere"}}, ["active", "active"]),
        ({"kind": "open_email", "properties": {"bounce_type": "hard"}}, ["active", "active"]),
    ],
)
def test_a_refusal_changes_the_list_that_it_names_or_all(
    shop: Workspace, event: dict[str, Any], expected: list[str]
) -> None:
    now = datetime.now(UTC)
    assert shop.events.record({"email": ADA, "occurred_at": now, **event}) is Outcome.CREATED
    assert list(statuses(shop).values()) == expected
    told = shop._store.rows("SELECT kind, entity_id, operation, occurred_at, changes FROM timeline "
                            "WHERE operation = 'event' ORDER BY sequence")  # fmt: skip
    changed = [(name, status) for name, status in statuses(shop).items() if status != "active"]
    assert [(kind, name, operation, at.replace(tzinfo=UTC)) for kind, name, operation, at, _ in told] == [
        (f"list.{status}", name, "event", now) for name, status in changed
    ]
    assert [orjson.loads(changes) for *_, changes in told] == [
        {"status": {"old": "active", "new": status}} for _, status in changed
    ]
    assert not shop.lists.outbox()


def test_refusals_come_to_the_same_in_any_order_and_from_one_batch(shop: Workspace) -> None:
    now = datetime.now(UTC)
    hard = {"kind": "bounce_email", "properties": {"bounce_type": "hard"}}
    refusals = [{"email": ADA, "occurred_at": now, **event} for event in
                (hard, {"kind": "unsubscribe_email"}, {"kind": "complain_email"})]  # fmt: skip
    shop.events.record_many(refusals)
    assert statuses(shop) == {"news": "complained", "offers": "complained"}
    assert shop._store.rows("SELECT count(*) FROM timeline WHERE operation = 'event'") == [(4,)]  # two of each list


def test_an_unsubscribe_from_before_the_last_choice_does_nothing(shop: Workspace) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    shop.events.record({"email": ADA, "kind": "unsubscribe_email", "occurred_at": past})
    assert statuses(shop) == {"news": "active", "offers": "active"}
    shop.events.record({"email": ADA, "kind": "complain_email", "occurred_at": past})
    assert statuses(shop) == {"news": "complained", "offers": "complained"}


def test_a_refusal_that_was_told_before_is_not_carried_out_again(shop: Workspace) -> None:
    event = {"email": ADA, "id": "1", "kind": "unsubscribe_email", "occurred_at": datetime.now(UTC)}
    shop.events.record(event)
    shop.lists.subscribe(ADA, "news")
    assert shop.events.record(event) is Outcome.UNCHANGED
    assert statuses(shop) == {"news": "active", "offers": "unsubscribed"}


def test_a_refusal_of_a_list_counts_before_there_is_a_subscription(shop: Workspace) -> None:
    event = {"email": BOB, "kind": "unsubscribe_email", "properties": {"list_id": "news"}}
    shop.events.record({**event, "occurred_at": datetime.now(UTC)})
    assert statuses(shop, BOB) == {"news": "unsubscribed"}
    assert shop.lists.subscribe(BOB, "news", source="import") is Outcome.BLOCKED
    shop.events.record({"email": BOB, "kind": "complain_email", "occurred_at": datetime.now(UTC)})
    assert statuses(shop, BOB) == {"news": "complained"}


# --- custom events ----------------------------------------------------------------------------------------------------


def test_a_custom_event_has_versions_by_instant_in_whatever_order_they_arrive(shop: Workspace) -> None:
    first, second, third = (f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3))
    assert shop.events.record_custom({**ORDER, "occurred_at": second, "goal_value": 2}) is Outcome.CREATED
    assert shop.events.record_custom({**ORDER, "occurred_at": third, "goal_value": 3}) is Outcome.UPDATED
    assert shop.events.record_custom({**ORDER, "occurred_at": first, "goal_value": 1}) is Outcome.UPDATED
    assert shop.events.record_custom({**ORDER, "occurred_at": first, "goal_value": 1}) is Outcome.UNCHANGED
    days = [datetime(2026, 1, day) for day in (1, 2, 3)]
    assert versions(shop) == [
        (days[0], Decimal(1), days[1], False),
        (days[1], Decimal(2), days[2], False),
        (days[2], Decimal(3), None, False),
    ]
    assert shop.events.record_custom({**ORDER, "occurred_at": second, "goal_value": 2.5}) is Outcome.UPDATED
    assert [value for _, value, *_ in versions(shop)] == [1, Decimal("2.5"), 3]
    assert orders_counted(shop, AT) == 1


def test_the_order_of_keys_makes_no_new_version(shop: Workspace) -> None:
    shop.events.record_custom({**ORDER, "properties": {"a": 1, "b": [2]}})
    generation = shop._store.generation()
    assert shop.events.record_custom({**ORDER, "properties": {"b": [2], "a": 1}}) is Outcome.UNCHANGED
    assert shop._store.generation() == generation
    assert shop.events.record_custom({**ORDER, "properties": {"b": [2], "a": True}}) is Outcome.UPDATED


def test_a_deleted_event_counts_no_more_in_any_version_until_it_is_restored(shop: Workspace) -> None:
    shop.events.record_custom(ORDER)
    shop.events.record_custom({**ORDER, "occurred_at": "2026-01-03T00:00:00Z"})
    assert shop.events.restore_custom("order", "1") is Outcome.UNCHANGED
    assert shop.events.delete_custom("order", "1") is Outcome.DELETED
    assert shop.events.delete_custom("order", "1") is Outcome.UNCHANGED
    shop.events.record_custom({**ORDER, "occurred_at": "2026-01-04T00:00:00Z"})
    assert [is_deleted for *_, is_deleted in versions(shop)] == [True, True, True]
    assert orders_counted(shop, AT) == 0
    assert shop.events.restore_custom("order", "1") is Outcome.UPDATED
    assert [is_deleted for *_, is_deleted in versions(shop)] == [False, False, False]
    assert orders_counted(shop, AT) == 1
    told = shop._store.rows("SELECT kind, entity_id FROM timeline WHERE kind LIKE 'event.%' ORDER BY sequence")
    assert told == [("event.deleted", "order:1"), ("event.restored", "order:1")]


def test_a_custom_event_is_of_one_contact(shop: Workspace) -> None:
    shop.events.record_custom(ORDER)
    with pytest.raises(InvalidWriteError, match="another contact's"):
        shop.events.record_custom({**ORDER, "email": BOB, "occurred_at": "2026-01-03T00:00:00Z"})
    results = shop.events.record_custom_many([{**ORDER, "email": BOB}, {**ORDER, "email": BOB, "external_id": "2"}])
    assert [item.outcome for item in results] == [Outcome.FAILED, Outcome.CREATED]
    shop.merge([ADA, BOB])
    assert shop.events.record_custom({**ORDER, "email": BOB, "goal_value": 1}) is Outcome.UPDATED


@pytest.mark.parametrize("work", ["delete_custom", "restore_custom"])
def test_what_is_not_there_cannot_be_deleted_or_restored(shop: Workspace, work: str) -> None:
    shop.events.record_custom(ORDER)
    for key in (("order", "2"), ("refund", "1"), ("ORDER", "1")):
        with pytest.raises(UnknownCustomEventError):
            getattr(shop.events, work)(*key)


@pytest.mark.parametrize(
    "change",
    [
        {"event_name": None},
        {"event_name": "two words"},
        {"event_name": "x" * 101},
        {"external_id": None},
        {"external_id": 1},
        {"occurred_at": None},
        {"occurred_at": "now"},
        {"goal_type": "wish"},
        {"goal_type": ["purchase"]},
        {"goal_value": "1"},
        {"goal_value": float("inf")},
        {"goal_value": 1e20},
        {"goal_value": True},
        {"properties": []},
        {"email": None},
        {"contact": BOB},
        {"id": "1"},
    ],
)
def test_what_is_no_custom_event_is_refused(shop: Workspace, change: dict[str, Any]) -> None:
    with pytest.raises(CallerError, match=r"^custom_event"):
        shop.events.record_custom({**ORDER, **change})
    assert not versions(shop)


def test_goal_values_are_exact(shop: Workspace) -> None:
    given = [Decimal("99999999999999999999.999999999"), 0.1, Decimal("0.0000000005"), -3, Decimal("-0.0000000005")]
    days = [f"2026-01-{day:02}T00:00:00Z" for day in range(1, 1 + len(given))]
    shop.events.record_custom_many(
        [{**ORDER, "occurred_at": d, "goal_value": v} for d, v in zip(days, given, strict=True)]
    )
    expected = ["99999999999999999999.999999999", "0.1", "1E-9", "-3", "-1E-9"]
    assert [value for _, value, *_ in versions(shop)] == list(map(Decimal, expected))


@pytest.mark.parametrize("file_comes_first", [True, False])
def test_a_custom_event_that_a_file_has_as_a_timeline_event_as_well_counts_once(
    shop: Workspace, tmp_path: Path, file_comes_first: bool
) -> None:
    folder = tmp_path / "dataset"
    folder.mkdir()
    in_timeline = {"email": ADA, "kind": "custom_event.order", "occurred_at": "2026-01-02T00:00:00Z"}
    write_dataset({"timeline": [{**in_timeline, "entity_id": key, "id": f"t{key}"} for key in "12"]}, folder)
    if file_comes_first:
        shop.import_dataset(folder)
        assert orders_counted(shop, AT) == 2
    shop.events.record_custom(ORDER)
    if not file_comes_first:
        shop.import_dataset(folder)
    assert orders_counted(shop, AT) == 2
    assert [event_id for *_, event_id, _ in stored_events(shop)] == ["t2"]
    shop.events.record_custom({**ORDER, "external_id": "2"})
    assert orders_counted(shop, AT) == 2
    shop.events.delete_custom("order", "1")
    shop.import_dataset(folder)
    assert orders_counted(shop, AT) == 1
