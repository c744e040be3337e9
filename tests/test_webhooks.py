"""What webhooks are to be told: every change that one asks for, written with the change, in order, once for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Signer

import populace
from engine.errors import CallerError
from engine.storage import subscription_rules
from engine.storage.webhook_types import TYPES
from ingest.writes.contact_document import read_contact
from ingest.writes.custom_events import read_custom_event
from ingest.writes.events import read_event
from ingest.writes.upsert import Upsert
from tests.clocked_shop import START, Shop, shop
from tests.definitions import field, segment
from tests.told import URL, Told

__all__ = ["shop"]

ADA, BO = "ada@x.example", "bo@x.example"
GERMANS = segment(field("country", "equals", "DE"), "germans")


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


def test_an_application_says_nothing_in_the_name_of_populace(shop: Shop) -> None:
    told = Told(shop, "*")
    shop.upsert({"email": ADA})
    shop.tags.add(ADA, ["vip"])
    shop.tags.rename("vip", "best")
    own = {row[0] for row in shop._store.rows("SELECT kind FROM timeline")}
    assert own == {"contact.created", "tag.added", "tag.renamed"}
    steps = [step for step in vars(subscription_rules).values() if isinstance(step, subscription_rules.Step)]
    own |= {step.kind for step in steps if step.kind is not None}
    event = {"email": ADA, "occurred_at": shop.at}
    never = {"contact.deleted", "segment.joined", "segment.left", "list.subscribed", "identity.added", "event.deleted"}
    for kind in own | never:
        problem = f"^event.kind: .* is what populace itself says .* such as '{kind.replace('.', '_')}'"
        with pytest.raises(CallerError, match=problem):
            shop.events.record({**event, "kind": kind})
    theirs = ["contact.called", "email.opened", "open_email", "insert_message_history", "segment_joined"]
    shop.events.record_many([{**event, "kind": kind} for kind in theirs])
    assert told.types()[3:] == [
        *("event.contact.called", "event.email.opened", "email.opened", "email.sent", "event.segment_joined")
    ]


def test_what_was_recorded_in_the_name_of_populace_ends_no_lane(shop: Shop) -> None:
    """Rows such as an older populace wrote, when it took these kinds from applications."""
    shop.apply([populace.read_segment(GERMANS)])
    filtered = Told(shop, "segment.*", "contact.*", "list.*", "custom_event.*", segment_ids=["germans"], list_ids=["x"])
    every = Told(shop, "*")
    shop.upsert({"email": ADA, "country": "DE"})
    kinds = [name for name in TYPES if name.partition(".")[0] in ("segment", "contact", "list")]
    kinds += ["event.deleted", "event.restored"]
    with shop._store.transaction() as cursor:
        for number, kind in enumerate(kinds, 100):
            values = [
                number,
                kind.replace("event.", "custom_event."),
                shop.at.replace(tzinfo=None),
                f'{{"kind":"{kind}"}}',
            ]
            cursor.execute("INSERT INTO webhook_outbox VALUES ($1, $2, 0, $3, $3, $4)", values)
    shop.later()
    shop.recompute()
    assert filtered.types()[-1] == "segment.joined"
    messages = every.take()
    assert [item["data"]["segment"]["id"] for item in messages if item["type"] == "segment.joined"] == ["germans"]
    types = {item["type"] for item in messages}
    assert types >= {"event.segment.joined", "event.segment.left", "event.contact.deleted"}
    assert not types & {"segment.left", "contact.deleted"}
    assert {item["data"]["contact"]["email"] for item in messages} == {ADA}


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
