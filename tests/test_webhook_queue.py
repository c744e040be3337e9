"""Messages to webhooks on their way: in order for each contact, again until they are taken, gone with who is erased."""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.definition.vocabulary import MOST_NESTED
from engine.errors import CallerError
from engine.execute.webhook_messages import new_messages
from engine.storage.webhooks import DeliveryRow, DeliveryStatus, take_in
from engine.storage.workspace_folder import opened_workspace
from tests.clocked_shop import Shop, shop
from tests.definitions import field, segment
from tests.told import URL, Told, taken

__all__ = ["shop"]

ADA, BO, CY = "ada@x.example", "bo@x.example", "cy@x.example"
PHONE = "+4915112345678"
GERMANS = segment(field("country", "equals", "DE"), "germans")


def named(email: str | None = None, external_id: str | None = None, phone: str | None = None) -> dict[str, Any]:
    """A contact as messages name it."""
    return {"email": email, "external_id": external_id, "phone": phone}


def message_of(row: DeliveryRow) -> Any:
    """What a message says."""
    return json.loads(row.payload or "")["data"]


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
    assert (left["data"]["cause"], left["data"]["contact"]) == ("delete", named())


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


def test_a_message_of_a_merged_contact_says_who_it_was_and_who_it_is_now(shop: Shop) -> None:
    told = Told(shop, "segment.left")
    shop.apply([populace.read_segment(GERMANS)])
    shop.upsert({"email": CY, "external_id": "c", "country": "DE"})
    shop.upsert({"email": BO, "external_id": "b", "country": "DE"})
    shop.upsert({"phone": PHONE, "country": "DE"})
    shop.recompute()
    shop.later()
    shop.merge([BO, {"kind": "phone", "value": PHONE}])
    shop.merge([CY, BO])
    shop.later()
    shop.recompute()
    now = named(CY, "c", PHONE)
    due = told.due()
    assert [message_of(row)["contact"] for row in due] == [
        {**named(BO, "b", PHONE), "merged_into": now},
        {**named(phone=PHONE), "merged_into": now},
    ]
    assert {message_of(row)["cause"] for row in due} == {"merge"}
    assert {row.contact_id for row in due} == {0}, "in order with those of the contact that it is now"
    assert told.take()
    slow = Told(shop, "contact.*", "segment.*")
    shop.upsert({"email": ADA, "country": "DE"})
    shop.later()
    shop.recompute()
    shop.merge([CY, ADA])
    shop.later()
    shop.recompute()
    slow.refuse()
    shop.erase(CY)
    assert {row.type for row in slow.due()} == {"contact.deleted", "segment.left"}
    assert not {CY, BO, PHONE} & {word for row in slow.due() for word in (row.payload or "").split('"')}
    assert shop.check().is_clean


def test_a_contact_without_an_e_mail_is_named_by_its_phone_until_it_is_erased(shop: Shop) -> None:
    told = Told(shop, "contact.*", "segment.joined")
    shop.apply([populace.read_segment(GERMANS)])
    shop.upsert({"phone": PHONE, "country": "DE", "first_name": "Ada"})
    shop.upsert({"identities": [{"kind": "push_token", "value": "t1"}], "first_name": "Bo"})
    shop.later()
    shop.recompute()
    messages = told.take()
    assert [item["type"] for item in messages] == ["contact.created", "contact.created", "segment.joined"]
    assert [item["data"]["contact"] for item in messages] == [named(phone=PHONE), named(), named(phone=PHONE)]

    late = Told(shop, "contact.updated")
    shop.upsert({"phone": PHONE, "first_name": "Ada L."})
    shop.upsert({"identities": [{"kind": "push_token", "value": "t1"}], "first_name": "Bo L."})
    new = new_messages(shop._store, late.row, now=shop.at.replace(tzinfo=None), limit=9)
    assert new is not None
    for kind, value in (("phone", PHONE), ("push_token", "t1")):
        shop.erase({"kind": kind, "value": value})
    take_in(shop._store, late.webhook.id, new.progress, new.rows)
    assert late.take() == [], "messages that were made before they were erased, and not written down yet"


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
    for _ in range(MOST_NESTED):
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
