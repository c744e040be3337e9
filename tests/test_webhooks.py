"""What webhooks are to be told: every change that one asks for, written with the change, in order, once for each."""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Signer

import populace
from engine.errors import CallerError
from engine.storage.webhooks import DeliveryRow, DeliveryStatus, WebhookRow
from engine.storage.workspace_folder import opened_workspace
from ingest.webhooks import Webhook
from ingest.writes.contact_document import read_contact
from ingest.writes.custom_events import read_custom_event
from ingest.writes.events import read_event
from ingest.writes.upsert import Upsert
from tests.clocked_shop import START, Shop, shop
from tests.definitions import field, segment

__all__ = ["shop"]

URL = "https://shop.example/hooks"
ADA, BO = "ada@x.example", "bo@x.example"
GERMANS = segment(field("country", "equals", "DE"), "germans")


class Told:
    """A receiver that takes everything at once, or nothing at all."""

    def __init__(self, shop: Shop, *event_types: str, **filters: list[str]) -> None:
        self.shop = shop
        self.webhook: Webhook = shop.webhooks.create(URL, event_types, filters=filters)

    @property
    def row(self) -> WebhookRow:
        return self.shop.webhooks.row(self.webhook.id)

    def due(self, *, limit: int = 500) -> list[DeliveryRow]:
        """What is to be sent now."""
        assert self.shop.webhooks.take_in(self.row, limit=limit) is not None
        return self.shop.webhooks.due(self.row, limit=limit)

    def take(self, *, limit: int = 500) -> list[Any]:
        """The messages that are sent now, all of which are taken."""
        due = self.due(limit=limit)
        self.shop.webhooks.settle(self.row, [taken(row) for row in due])
        return [json.loads(row.payload or "") for row in due]

    def types(self) -> list[str]:
        return [message["type"] for message in self.take()]

    def refuse(self, status: DeliveryStatus = DeliveryStatus.WAITING, *, wait: timedelta = timedelta(0)) -> None:
        """Fail with the first message of each contact that is sent now."""
        now = self.shop.at.replace(tzinfo=None)
        heads = {row.contact_id: row for row in reversed(self.due())}
        failed = [
            row._replace(
                status=status,
                attempt_count=row.attempt_count + 1,
                last_attempt_at=now,
                next_attempt_at=now + wait,
                failure="answered 500",
            )
            for row in heads.values()
        ]
        self.shop.webhooks.settle(self.row, failed)


def taken(row: DeliveryRow) -> DeliveryRow:
    """A message that was taken."""
    return row._replace(status=DeliveryStatus.DELIVERED, attempt_count=row.attempt_count + 1, payload=None)


def test_every_kind_of_change_has_its_type_and_says_what_changed(shop: Shop) -> None:
    told = Told(shop, "*")
    shop.apply([populace.read_segment(GERMANS)])
    shop.lists.save("news")
    shop.upsert({"email": ADA, "country": "DE"})
    shop.upsert({"email": ADA, "country": "FR", "external_id": "a-1"})
    shop.tags.add(ADA, ["vip"])
    shop.tags.rename("vip", "best")
    shop.lists.subscribe(ADA, "news")
    shop.lists.unsubscribe(ADA, "news")
    at = shop.at.isoformat()
    for kind in ("open_email", "insert_message_history", "page_view"):
        shop.events.record({"email": ADA, "kind": kind, "occurred_at": at, "properties": {"n": 1}})
    order = {"email": ADA, "event_name": "order", "external_id": "1", "occurred_at": at}
    shop.events.record_custom({**order, "goal_type": "purchase", "goal_value": 0.1, "properties": {"sku": "x"}})
    shop.events.record_custom({**order, "occurred_at": (shop.at + timedelta(hours=1)).isoformat()})
    shop.events.delete_custom("order", "1")
    shop.upsert({"email": BO})
    shop.merge([ADA, BO])
    messages = told.take()
    assert [message["type"] for message in messages] == [
        *("contact.created", "contact.updated", "tag.added", "tag.renamed", "list.subscribed", "list.unsubscribed"),
        *("email.opened", "email.sent", "event.page_view"),
        *("custom_event.created", "custom_event.updated", "custom_event.deleted"),
        *("contact.created", "contact.merged"),
    ]
    by_type = {message["type"]: message["data"] for message in messages}
    assert by_type["contact.updated"]["changes"]["country"] == {"old": "DE", "new": "FR"}
    assert by_type["list.subscribed"]["entity_id"] == "news"
    assert by_type["email.opened"]["properties"] == {"n": 1}
    assert by_type["custom_event.created"]["custom_event"] == {
        "event_name": "order",
        "external_id": "1",
        "occurred_at": "2026-03-01T10:00:00Z",
        "goal_type": "purchase",
        "goal_value": 0.1,
        "properties": {"sku": "x"},
    }
    assert messages[0]["timestamp"] == "2026-03-01T10:00:00Z"
    assert {message["data"]["contact"]["external_id"] for message in messages} == {"a-1"}, "who it is now"
    assert "properties" not in by_type["contact.merged"]
    assert told.take() == []


def test_what_is_written_together_is_told_in_order(shop: Shop) -> None:
    told = Told(shop, "*")
    at = shop.at.isoformat()
    order = {"email": ADA, "event_name": "order", "external_id": "1", "occurred_at": at}
    documents = [{"email": ADA}, {"email": ADA, "first_name": "Ada"}]
    first, second = (Upsert(read_contact(document, {})) for document in documents)
    visit = read_event({"email": ADA, "kind": "visit", "occurred_at": at})
    ordered, again = (read_custom_event({**order, "external_id": number}) for number in "12")
    written = shop._writer.write([first, ordered, second, visit, again])
    assert not [item.error for item in written if item.error]
    assert told.types() == [
        *("contact.created", "custom_event.created", "contact.updated", "event.visit", "custom_event.created")
    ]


def test_transitions_are_told_after_what_led_to_them(shop: Shop) -> None:
    told = Told(shop, "contact.*", "segment.*")
    shop.apply([populace.read_segment(GERMANS)])
    for country in ("DE", "FR", "DE"):
        shop.upsert({"email": ADA, "country": country})
        shop.later()
        shop.recompute()
        shop.later()
    messages = told.take()
    assert [message["type"] for message in messages] == [
        *("contact.created", "segment.joined", "contact.updated", "segment.left", "contact.updated", "segment.joined")
    ]
    assert messages[1]["data"]["segment"] == {"id": "germans", "version": 1}
    assert [messages[i]["data"]["cause"] for i in (1, 3)] == ["first_run", "data"]
    assert [messages[i]["data"]["sequence"] for i in (1, 3, 5)] == [1, 2, 3]


def test_a_webhook_gets_what_it_asks_for_and_nothing_of_before(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    shop.apply([populace.read_segment(GERMANS)])
    shop.recompute()
    for name in ("news", "vip"):
        shop.lists.save(name)
    every = Told(shop, "*")
    lists = Told(shop, "list.*", list_ids=["vip"])
    bought = Told(shop, "custom_event.created", goal_types=["purchase"], event_names=["order"])
    left = Told(shop, "segment.left", "segment.joined", causes=["data"], segment_ids=["germans"])
    views = Told(shop, "event.page_view")
    for name in ("news", "vip"):
        shop.lists.subscribe(ADA, name)
    at = shop.at.isoformat()
    for number, (name, goal) in enumerate([("order", "purchase"), ("order", "lead"), ("other", "purchase")]):
        event = {"email": ADA, "event_name": name, "external_id": str(number), "occurred_at": at}
        shop.events.record_custom({**event, "goal_type": goal})
    shop.events.record_many([{"email": ADA, "kind": kind, "occurred_at": at} for kind in ("page_view", "other_view")])
    shop.later()
    shop.upsert({"email": ADA, "country": "FR"})
    shop.recompute()
    shop.apply([populace.read_segment({**GERMANS, "tree": field("country", "equals", "FR")})])
    shop.later()
    shop.recompute()
    assert [item["data"]["entity_id"] for item in lists.take()] == ["vip"]
    assert [item["data"]["custom_event"]["external_id"] for item in bought.take()] == ["0"]
    assert [(item["type"], item["data"]["cause"]) for item in left.take()] == [("segment.left", "data")]
    assert views.types() == ["event.page_view"]
    assert len(every.take()) == 2 + 3 + 2 + 1 + 2


def test_messages_of_a_contact_wait_for_the_one_that_failed_and_others_do_not(shop: Shop) -> None:
    told = Told(shop, "contact.*")
    shop.upsert({"email": ADA})
    told.refuse(wait=timedelta(minutes=5))
    shop.upsert({"email": ADA, "first_name": "Ada"})
    shop.upsert({"email": BO})
    assert [item["data"]["contact"]["email"] for item in told.take()] == [BO]
    shop.upsert({"email": ADA, "first_name": "A."})
    assert told.take() == []
    found, count = shop.webhooks.deliveries(told.webhook.id, status="waiting")
    assert (count, [item.attempt_count for item in found]) == (3, [0, 0, 1])
    assert found[-1].failure == "answered 500"
    shop.later()
    assert told.types() == ["contact.created", "contact.updated", "contact.updated"]
    assert shop.webhooks.deliveries(told.webhook.id, status="waiting")[1] == 0


def test_what_died_is_kept_and_can_be_sent_again(shop: Shop) -> None:
    told = Told(shop, "contact.*")
    shop.upsert({"email": ADA})
    shop.upsert({"email": BO})
    told.refuse(DeliveryStatus.DEAD)
    shop.upsert({"email": ADA, "first_name": "Ada"})
    assert told.types() == ["contact.updated"]
    dead, count = shop.webhooks.deliveries(told.webhook.id, status="dead", limit=1)
    assert (len(dead), count) == (1, 2)
    assert shop.webhooks.replay(told.webhook.id, [dead[0].number]) == 1
    assert [item["data"]["contact"]["email"] for item in told.take()] == [BO]
    assert shop.webhooks.replay(told.webhook.id) == 1
    assert [item["data"]["contact"]["email"] for item in told.take()] == [ADA]
    told.refuse()
    shop.upsert({"email": BO, "first_name": "Bo"})
    told.refuse(DeliveryStatus.DEAD)
    shop.at += timedelta(days=8)
    shop.upsert({"email": ADA, "first_name": "A."})
    told.take()
    assert shop.webhooks.deliveries(told.webhook.id, status="dead")[1] == 0


def test_what_happens_while_it_is_off_is_not_told(shop: Shop) -> None:
    told = Told(shop, "contact.*", "segment.*")
    shop.apply([populace.read_segment(GERMANS)])
    shop.upsert({"email": ADA, "country": "DE"})
    shop.recompute()
    shop.webhooks.update(told.webhook.id, is_enabled=False)
    shop.later()
    shop.upsert({"email": ADA, "country": "FR"})
    shop.recompute()
    shop.webhooks.update(told.webhook.id, is_enabled=True)
    assert told.take() == []
    shop.upsert({"email": BO})
    assert told.types() == ["contact.created"]
    shop.webhooks.update(told.webhook.id, event_types=["contact.created"])
    shop.upsert({"email": "cy@x.example", "country": "DE"})
    shop.later()
    shop.recompute()
    shop.webhooks.update(told.webhook.id, event_types=["segment.*"])
    assert told.take() == [], "transitions of before it asked for them"
    shop.webhooks.delete(told.webhook.id)
    assert shop._store.row_count("webhook_progress") == 0
    shop.upsert({"email": BO, "country": "DE"})
    with pytest.raises(CallerError, match="no webhook has the id"):
        shop.webhooks.get(told.webhook.id)


def test_the_outbox_is_empty_once_all_have_read_it_and_nothing_is_written_that_nobody_wants(shop: Shop) -> None:
    shop.upsert({"email": ADA})
    assert shop._store.row_count("webhook_outbox") == 0
    first, second = Told(shop, "contact.*"), Told(shop, "contact.updated")
    shop.events.record({"email": ADA, "kind": "open_email", "occurred_at": shop.at})
    assert shop._store.row_count("webhook_outbox") == 0
    shop.upsert({"email": ADA, "first_name": "Ada"})
    first.take()
    assert shop._store.row_count("webhook_outbox") == 1
    second.take()
    assert shop._store.row_count("webhook_outbox") == 0
    for number in range(3):
        shop.upsert({"email": ADA, "first_name": f"Ada {number}"})
    assert [item["data"]["changes"]["first_name"]["new"] for item in first.take(limit=2)] == ["Ada 0", "Ada 1"]
    assert [item["data"]["changes"]["first_name"]["new"] for item in first.take(limit=2)] == ["Ada 2"]


def test_who_is_erased_is_told_of_once_more_and_nothing_else_is_kept_of_them(shop: Shop) -> None:
    told, slow = Told(shop, "contact.*"), Told(shop, "contact.*")
    shop.upsert({"email": ADA, "first_name": "Ada"})
    shop.upsert({"email": BO})
    slow.refuse()
    under_way = told.due()
    shop.erase(ADA)
    failed = [item._replace(attempt_count=1, failure="answered 500") for item in under_way]
    shop.webhooks.settle(told.row, failed)
    messages = told.take()
    assert [(item["type"], item["data"]["contact"]["email"]) for item in messages] == [
        ("contact.created", BO),
        ("contact.deleted", ADA),
    ]
    assert [item["type"] for item in slow.take()] == ["contact.created", "contact.deleted"]
    assert shop.check().is_clean
    payloads = shop._store.rows("SELECT payload FROM webhook_deliveries UNION ALL SELECT data FROM webhook_outbox")
    assert not [text for (text,) in payloads if text is not None]


def test_that_who_is_erased_left_its_segments_is_told_until_it_is_taken(shop: Shop) -> None:
    shop.apply([populace.read_segment(GERMANS)])
    shop.upsert({"email": ADA, "country": "DE"})
    shop.recompute()
    told = Told(shop, "segment.left")
    shop.later()
    shop.erase(ADA)
    told.refuse()
    assert shop.check().is_clean
    (left,) = told.take()
    assert (left["data"]["cause"], left["data"]["contact"]["email"]) == ("delete", None)


def test_what_waits_of_a_merged_contact_waits_for_the_one_that_stays(shop: Shop) -> None:
    told = Told(shop, "contact.*")
    shop.upsert({"email": ADA})
    shop.upsert({"email": BO})
    told.refuse(wait=timedelta(minutes=5))
    shop.merge([ADA, BO])
    (owner,) = {row[0] for row in shop._store.rows("SELECT contact_id FROM webhook_deliveries")}
    assert told.take() == []
    shop.later()
    assert told.types() == ["contact.created", "contact.created", "contact.merged"]
    assert owner == 0


def test_secrets_sign_and_the_one_before_signs_for_a_day(shop: Shop) -> None:
    told = Told(shop, "contact.*")
    first = told.webhook.secret
    second = shop.webhooks.change_secret(told.webhook.id).secret
    assert first != second
    for secret in (first, second):
        assert len(Signer(secret)._whsecret) == 32
    row = shop.webhooks.row(told.webhook.id)
    assert (row.secret, row.previous_secret, row.secret_changed_at) == (second, first, START.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"url": "ftp://shop.example"}, "url: 'ftp://shop.example' is no address of the web"),
        ({"url": "https://"}, "no address of the web"),
        ({"url": "https://a b.example"}, "no address of the web"),
        ({"url": "https://[::1"}, "no address of the web"),
        ({"url": "https://x:99999/"}, "no address of the web"),
        ({"url": "https://ünicode.example/"}, "no address of the web"),
        ({"url": "https://user:pass@shop.example/"}, "no user name"),
        ({"url": 7}, "must be a text"),
        ({"event_types": []}, "at least one"),
        ({"event_types": "contact.*"}, "must be a list"),
        ({"event_types": ["contact.craeted"]}, r"event_types\[0\]: .* did you mean 'contact.created'"),
        ({"event_types": ["*", "event.Page View"]}, r"event_types\[1\]"),
        ({"event_types": [None]}, r"event_types\[0\]: None is no type"),
        ({"filters": {"segments": ["x"]}}, "is no filter"),
        ({"filters": {"segment_ids": "x"}}, "must be a list"),
        ({"filters": {"causes": ["whim"]}}, "filters.causes: 'whim' must be"),
        ({"filters": {"list_ids": [["news"]]}}, "filters.list_ids"),
        ({"name": ""}, "name"),
        ({"is_enabled": "yes"}, "must be true or false"),
    ],
)
def test_what_cannot_be_is_refused(shop: Shop, given: dict[str, Any], problem: str) -> None:
    values: dict[str, Any] = {"url": URL, "event_types": ["*"], **given}
    with pytest.raises(CallerError, match=problem):
        shop.webhooks.create(**values)
    assert shop.webhooks.all() == []


def test_the_outbox_goes_on_by_number_when_the_workspace_is_opened_again(tmp_path: Path) -> None:
    populace.init(tmp_path / "shop").close()
    with populace.open(tmp_path / "shop") as workspace:
        made = workspace.webhooks.create(URL, ["contact.*"])
    ids: set[str] = set()
    for number in range(3):
        with populace.open(tmp_path / "shop") as workspace:
            workspace.upsert({"email": f"c{number}@x.example"})
            row = workspace.webhooks.row(made.id)
            workspace.webhooks.take_in(row, limit=9)
            (message,) = workspace.webhooks.due(row, limit=9)
            ids.add(message.message_id)
            assert json.loads(message.payload or "")["data"]["contact"]["email"] == f"c{number}@x.example"
            assert message.number == number + 1
            workspace.webhooks.settle(row, [taken(message)])
            assert workspace.check().is_clean
    assert len(ids) == 3


def test_what_is_sent_again_is_the_same_whatever_happened_meanwhile(shop: Shop) -> None:
    told = Told(shop, "contact.created")
    shop.upsert({"email": ADA, "external_id": "a"})
    (before,) = told.due()
    shop.upsert({"email": "new@x.example", "external_id": "a"})
    shop.upsert({"email": "new@x.example", "external_id": "b"})
    (again,) = told.due()
    assert (again.message_id, again.payload) == (before.message_id, before.payload)


def test_numbers_of_the_outbox_that_were_erased_hide_nothing(shop: Shop) -> None:
    told = Told(shop, "event.*")
    at = shop.at.isoformat()
    shop.upsert_many([{"email": ADA}, {"email": BO}])
    shop.events.record_many([{"email": ADA, "kind": "visit", "occurred_at": at}] * 3)
    first = told.due()
    shop.erase(ADA)
    shop.fields.define("size", "number")
    shop.later()
    shop.events.record({"email": BO, "kind": "visit", "occurred_at": at})
    shop.webhooks.settle(told.row, [taken(row) for row in first])
    (message,) = told.due()
    assert message.message_id not in {row.message_id for row in first}
    shop.webhooks.delete(told.webhook.id)
    assert shop._store.row_count("webhook_outbox") == 0


def test_values_nested_as_deep_as_can_be_are_told(shop: Shop) -> None:
    told = Told(shop, "*")
    deep: Any = 1
    for _ in range(250):
        deep = [deep]
    shop.upsert({"email": ADA, "custom_json_1": deep})
    shop.events.record(
        {"email": ADA, "kind": "visit", "occurred_at": shop.at.isoformat(), "properties": {"a": deep[0]}}
    )
    assert [row.type for row in told.due()] == ["contact.created", "event.visit"]


def test_a_receiver_that_is_gone_turns_off_no_other_address(shop: Shop) -> None:
    told = Told(shop, "*")
    old = told.row
    shop.webhooks.update(old.id, url=f"{URL}/new")
    shop.webhooks.turn_off(old)
    assert told.row.is_enabled
    shop.webhooks.turn_off(told.row)
    assert [item.is_enabled for item in shop.webhooks.all()] == [False]
    shop.webhooks.delete(old.id)
    shop.webhooks.turn_off(old)


def test_one_contact_does_not_fill_a_batch_and_a_receiver_that_is_back_gets_all(shop: Shop) -> None:
    told = Told(shop, "contact.*")
    for number in range(30):
        shop.upsert({"email": ADA, "first_name": f"n{number}"})
    shop.upsert({"email": BO})
    due = told.due()
    assert [row.contact_id for row in due] == [0] * 20 + [1]
    told.refuse(wait=timedelta(hours=5))
    assert told.due() == []
    first = shop.webhooks.first_waiting(told.row)
    assert first is not None
    assert (first.contact_id, shop.webhooks.next_due_at(told.row)) == (0, first.next_attempt_at)
    shop.webhooks.settle(told.row, [taken(first)], is_back=True)
    assert len(told.due()) == 20 + 1


def test_only_the_last_of_those_that_arrived_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.storage.webhooks.KEPT_DELIVERED", 10)
    told = Told(shop, "contact.*")
    shop.upsert_many([{"email": f"c{number}@x.example"} for number in range(55)])
    while told.take(limit=7):
        pass
    found, count = shop.webhooks.deliveries(told.webhook.id, limit=1)
    assert found[0].number == 55
    assert 10 <= count <= 2 * 10 + 7


@pytest.mark.parametrize("seed", range(5))
def test_whatever_fails_each_message_comes_in_order_for_its_contact(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    populace.init(tmp_path / "shop").close()
    with ExitStack() as stack:
        store = stack.enter_context(opened_workspace(tmp_path / "shop"))
        living: Shop
        living = Shop(tmp_path / "shop", store, stack.pop_all(), clock=lambda: living.at)
        stack.enter_context(living)
        told, sent, came = Told(living, "contact.*"), list[tuple[str, str]](), list[tuple[str, str]]()
        for _ in range(40):
            living.at += timedelta(minutes=dice.randrange(10))
            for _ in range(dice.randrange(4)):
                email, name = f"c{dice.randrange(3)}@x.example", f"n{len(sent)}"
                living.upsert({"email": email, "first_name": name})
                sent.append((email, name))
            if dice.random() < 0.8:
                living.webhooks.take_in(told.row, limit=dice.randrange(1, 6))
            done, failed = [], set()
            for row in living.webhooks.due(told.row, limit=dice.randrange(1, 6)):
                if row.contact_id in failed:
                    continue
                if dice.random() < 0.3:
                    failed.add(row.contact_id)
                    at = living.at.replace(tzinfo=None) + timedelta(minutes=dice.randrange(9))
                    done.append(row._replace(next_attempt_at=at))
                    continue
                data = json.loads(row.payload or "")["data"]
                came.append((data["contact"]["email"], data["changes"]["first_name"]["new"]))
                done.append(taken(row))
            if dice.random() < 0.85:  # else it was killed before it was written down
                living.webhooks.settle(told.row, done)
        living.at += timedelta(hours=1)
        while messages := told.take():
            names = [message["data"] for message in messages]
            came += [(data["contact"]["email"], data["changes"]["first_name"]["new"]) for data in names]
        for email in {email for email, _ in sent}:
            of_contact = list(dict.fromkeys(name for found, name in came if found == email))
            assert of_contact == [name for found, name in sent if found == email]
