"""Messages to real receivers: at least once, in order for each contact, signed; and nobody else waits for them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import retry_schedule as schedule
from api.webhooks.addresses import is_public
from api.webhooks.lane import after_attempt
from api.webhooks.sender import Answer, Sender, headers_of
from engine.storage.webhooks import DeliveryRow, DeliveryStatus, WebhookRow
from tests.http_server import Server, running_server
from tests.webhook_receiver import Receiver, receiver

ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "3"))
NOW = datetime(2026, 3, 1, 10)


@dataclass(frozen=True, slots=True)
class Api:
    """A client of `/api/*` of one server."""

    server: Server
    client: httpx.Client

    def ask(self, path: str, expected: int | None = None, **values: Any) -> Any:
        reads = path.rpartition(".")[2] in {"get", "list", "deliveries", "eventTypes"}
        values = {"workspace_id": "main", **values}
        url = f"/api/{path}"
        answer = self.client.get(url, params=values) if reads else self.client.post(url, json=values)
        assert answer.status_code in ({200, 201} if expected is None else {expected}), answer.text
        return answer.json()

    def subscribe(self, url: str, *event_types: str, **more: Any) -> Any:
        made = self.ask("webhookSubscriptions.create", url=url, event_types=list(event_types), **more)
        return made["subscription"]

    def upsert(self, **contact: Any) -> None:
        self.ask("contacts.upsert", contact=contact)

    def wait_for_deliveries(self, webhook_id: str, count: int, **values: Any) -> Any:
        deadline = time.monotonic() + 20
        while (found := self.deliveries(webhook_id, **values))["total"] != count:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found["deliveries"]

    def deliveries(self, webhook_id: str, **values: Any) -> Any:
        return self.ask("webhookSubscriptions.deliveries", subscription_id=webhook_id, **values)


@contextmanager
def shop(root: Path, *options: str) -> Iterator[Api]:
    told = ("--private-webhooks", "--log-level", "warning", *options)
    with running_server(root, *told) as server, server.client("main") as client:
        yield Api(server, client)


def first_names(found: Receiver) -> dict[str, list[str]]:
    """The names that each contact had, in the order in which they first came."""
    names: dict[str, list[str]] = defaultdict(list)
    for item in found.taken:
        data = item.message["data"]
        name = data["changes"]["first_name"]["new"]
        if name not in names[data["contact"]["email"]]:
            names[data["contact"]["email"]].append(name)
    return dict(names)


def test_a_receiver_that_fails_at_random_gets_everything_in_order_and_signed(tmp_path: Path) -> None:
    dice = random.Random(7)
    failed: set[bytes] = set()

    def answers(body: bytes) -> int:
        chance = dice.random()
        if chance < 0.15 and body not in failed:
            failed.add(body)
            if chance < 0.05:
                raise ConnectionError  # hangs up in the middle
            return 500
        return 204

    sent: dict[str, list[str]] = defaultdict(list)
    with receiver(answers) as found:
        for round_number in range(ROUNDS):
            with shop(tmp_path / "shops") as api:
                if not round_number:
                    secret = api.subscribe(found.url, "contact.*")["secret"]
                for number in range(40):
                    email = f"c{dice.randrange(8)}@x.example"
                    api.upsert(email=email, first_name=f"n{round_number}-{number}")
                    sent[email].append(f"n{round_number}-{number}")
                if round_number < ROUNDS - 1:
                    api.server.process.kill()
                    continue
                found.answers = lambda _: 204
                (webhook,) = api.ask("webhookSubscriptions.list")["subscriptions"]
                deadline = time.monotonic() + 60
                while first_names(found) != sent:
                    assert time.monotonic() < deadline, api.deliveries(webhook["id"])
                    time.sleep(0.1)
    for item in found.received:
        item.check(secret)
    by_body = defaultdict(set)
    for item in found.received:
        by_body[item.id].add(item.body)
    assert {len(bodies) for bodies in by_body.values()} == {1}, "a message keeps its id, and its body"


def test_a_dead_receiver_and_a_slow_one_hold_up_nobody(tmp_path: Path) -> None:
    hangs = threading.Event()

    def slow(_: bytes) -> int:
        hangs.wait(10)
        return 204

    with receiver(lambda _: 500) as dead, receiver(slow) as hanging, receiver() as alive, shop(tmp_path / "s") as api:
        broken = [api.subscribe(url, "contact.*") for url in (dead.url, "http://127.0.0.1:9/", hanging.url)]
        api.subscribe(alive.url, "contact.*")
        for number in range(60):
            api.upsert(email=f"c{number}@x.example")
        began = time.monotonic()
        alive.wait_for(60)
        assert time.monotonic() - began < 8
        assert len(dead.received) < 30, "it is left alone after some failures"
        waiting = api.deliveries(broken[0]["id"], status="waiting")
        assert waiting["total"] > 0
        assert {item["status_code"] for item in waiting["deliveries"]} <= {500, None}
        unreachable = api.deliveries(broken[1]["id"], status="waiting", limit=100)["deliveries"]
        assert any("Connect" in (item["failure"] or "") for item in unreachable)
        assert "populace_webhook_backlog" in api.client.get("/metrics").text
        hangs.set()
        hanging.wait_for(60)


def test_messages_that_are_never_taken_hold_up_no_other_contact(tmp_path: Path) -> None:
    with receiver(lambda body: 400 if b"poison" in body else 204) as found, shop(tmp_path / "shops") as api:
        api.subscribe(found.url, "contact.created")
        for number in range(10):
            api.upsert(email=f"poison{number}@x.example")
        while len(found.received) < 8:
            time.sleep(0.01)
        for number in range(20):
            api.upsert(email=f"c{number}@x.example")
        found.wait_for(20)


def test_a_receiver_that_is_back_gets_what_it_missed(tmp_path: Path) -> None:
    with receiver(lambda _: 503) as found, shop(tmp_path / "shops") as api:
        api.subscribe(found.url, "contact.*")
        for number in range(30):
            api.upsert(email=f"c{number}@x.example", first_name="x")
        while len(found.received) < 8:
            time.sleep(0.01)
        found.answers = lambda _: 204
        found.wait_for(30, seconds=40)


def test_one_that_is_gone_is_turned_off_and_redirects_are_not_followed(tmp_path: Path) -> None:
    with receiver() as target, receiver() as found, shop(tmp_path / "shops") as api:
        made = api.subscribe(found.url, "contact.*")
        found.answers = lambda _: (302, {"location": target.url})
        api.upsert(email="ada@x.example")
        deadline = time.monotonic() + 10
        while (item := api.wait_for_deliveries(made["id"], 1)[0])["status_code"] is None:
            assert time.monotonic() < deadline, item
        assert (item["status"], item["status_code"]) == ("waiting", 302)
        assert "redirects are not followed" in item["failure"]
        assert target.received == []
        gone = api.subscribe(target.url, "contact.*")
        target.answers = lambda _: 410
        api.upsert(email="bo@x.example")
        deadline = time.monotonic() + 10
        while api.ask("webhookSubscriptions.get", id=gone["id"])["subscription"]["enabled"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_subscriptions_are_made_changed_tried_and_deleted(tmp_path: Path) -> None:
    with receiver() as found, shop(tmp_path / "shops") as api:
        made = api.subscribe(found.url, "contact.created", name="Ours", filters={"segment_ids": ["vip"]})
        assert made["secret"].startswith("whsec_")
        (listed,) = api.ask("webhookSubscriptions.list")["subscriptions"]
        assert listed == {**made, "secret": None}
        assert listed["filters"]["segment_ids"] == ["vip"]
        tried = api.ask("webhookSubscriptions.test", id=made["id"], event_type="list.subscribed")
        assert (tried["success"], tried["status_code"], found.received[0].type) == (True, 204, "list.subscribed")
        found.received[0].check(made["secret"])
        api.ask("webhookSubscriptions.test", 400, id=made["id"], event_type="nothing")
        found.answers = lambda _: 500
        assert api.ask("webhookSubscriptions.test", id=made["id"])["failure"] == "answered 500"
        found.answers = lambda _: 204
        changed = api.ask("webhookSubscriptions.update", id=made["id"], event_types=["contact.*"], filters={})
        assert changed["subscription"]["event_types"] == ["contact.*"]
        assert changed["subscription"]["filters"]["segment_ids"] is None
        renewed = api.ask("webhookSubscriptions.regenerateSecret", id=made["id"])["subscription"]
        api.upsert(email="ada@x.example")
        found.wait_for(2)[-1].check(made["secret"], renewed["secret"])
        api.wait_for_deliveries(made["id"], 1, status="delivered")
        api.ask("webhookSubscriptions.toggle", id=made["id"], enabled=False)
        api.upsert(email="bo@x.example")
        assert api.ask("webhookSubscriptions.toggle", id=made["id"], enabled=True)["subscription"]["enabled"]
        api.upsert(email="cy@x.example")
        assert found.wait_for(3)[-1].message["data"]["contact"]["email"] == "cy@x.example"
        assert api.ask("webhookSubscriptions.replay", id=made["id"]) == {"count": 0}
        types = [item["type"] for item in api.ask("webhookSubscriptions.eventTypes")["event_types"]]
        assert "segment.joined" in types
        assert api.ask("webhookSubscriptions.delete", id=made["id"]) == {"success": True}
        for path in ("get", "update", "delete", "regenerateSecret", "replay", "test"):
            assert "no webhook has the id" in api.ask(f"webhookSubscriptions.{path}", 404, id=made["id"])["error"]
        assert (
            "did you mean"
            in api.ask("webhookSubscriptions.create", 400, url=found.url, event_types=["contact.create"])["error"]
        )


def test_private_addresses_are_refused_unless_they_are_allowed(tmp_path: Path) -> None:
    with receiver() as found, running_server(tmp_path / "shops") as server, server.client("main") as client:
        api = Api(server, client)
        for url in ("\x0e", "http://a b/", "http://\x00.example/", "http://xn--a/", "http://[fe80::1%eth0]/"):
            api.ask("webhookSubscriptions.create", 400, url=url, event_types=["*"])
        for url in (found.url, "http://localhost/", "http://[::1]/", "http://169.254.169.254/", "http://x.internal/"):
            refused = api.ask("webhookSubscriptions.create", 400, url=url, event_types=["*"])
            assert "private network" in refused["error"]
        made = api.subscribe("https://shop.example/", "*")
        api.ask("webhookSubscriptions.update", 400, id=made["id"], url=found.url)
    assert found.received == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::127.0.0.1", False),
        ("fec0::1", False),
        ("192.88.99.1", False),
    ],
)
def test_which_addresses_are_public(address: str, *, expected: bool) -> None:
    assert is_public(ip_address(address)) is expected


def webhook_to(url: str) -> WebhookRow:
    """A webhook."""
    secret = "whsec_" + "QUFB" * 8
    return WebhookRow("w1", "Ours", url, secret, None, None, ("*",), "{}", True, NOW, NOW)


def test_a_name_is_looked_at_once_and_the_connection_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is looked at, and private a moment later, leads nowhere."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"], []])

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found = next(answers)
        if not found:
            raise OSError("no such name")
        return [(2, 1, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("api.webhooks.addresses.socket.getaddrinfo", getaddrinfo)

    async def send(url: str, *, allows_private: bool) -> Answer:
        async with Sender(allows_private=allows_private) as sender:
            return await sender.send(webhook_to(url), "msg_1", "{}")

    with receiver() as found:
        url = found.url.replace("127.0.0.1", "rebound.example")
        assert asyncio.run(send(url, allows_private=True)).failure is None
        assert found.received[0].headers["host"] == url.split("/")[2]
        assert "an address of a private network" in str(asyncio.run(send(url, allows_private=False)).failure)
        assert "no address is known" in str(asyncio.run(send(url, allows_private=False)).failure)
        assert len(found.received) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "9" * 5000},
        {"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"},
        {"location": "http://xn--a/"},
        {"location": "mailto:x"},
        {"set-cookie": "a=b"},
    ],
)
def test_no_answer_breaks_the_sender(headers: dict[str, str]) -> None:
    async def send(url: str) -> list[Answer]:
        async with Sender(allows_private=True) as sender:
            return [await sender.send(webhook_to(url), "msg_1", "{}") for _ in range(2)]

    with receiver(lambda _: (302 if "location" in headers else 503, headers)) as found:
        assert all(answer.failure for answer in asyncio.run(send(found.url)))
        assert "cookie" not in found.received[-1].headers


def test_a_message_is_tried_for_a_day_less_and_less_often() -> None:
    message = DeliveryRow("w1", 1, "msg_1", "contact.created", 0, NOW, "waiting", 0, NOW, None, None, None, None, "{}")
    now, attempts = NOW, [NOW]
    while True:
        message = after_attempt(message, Answer(500, "answered 500"), now=now)
        if message.status == DeliveryStatus.DEAD:
            break
        assert message.next_attempt_at is not None
        now = message.next_attempt_at
        attempts.append(now)
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert gaps == sorted(gaps)
    assert timedelta(hours=22) < attempts[-1] - NOW < timedelta(hours=28)
    assert message.payload == "{}"
    late = message._replace(status=DeliveryStatus.WAITING, attempt_count=0, waiting_since=NOW - timedelta(days=2))
    counts = []
    while late.status == DeliveryStatus.WAITING:
        late = after_attempt(late, Answer(None, "ConnectError"), now=NOW)
        counts.append(late.attempt_count)
    assert counts == [1, 2, 3], "what is old already is tried a few times"
    late = late._replace(status=DeliveryStatus.WAITING, attempt_count=0)
    assert after_attempt(late, Answer(204, None), now=NOW).payload is None
    asked = after_attempt(late._replace(waiting_since=NOW), Answer(429, "x", "", timedelta(minutes=10)), now=NOW)
    assert asked.next_attempt_at == NOW + timedelta(minutes=10)
    assert timedelta(hours=23) < sum(schedule.DELAYS, timedelta(0)) <= timedelta(days=1)
    assert schedule.pause_after(50) < 400


def test_the_secret_before_signs_for_a_day_only() -> None:
    row = webhook_to("https://shop.example/")
    now = datetime.now(UTC).replace(tzinfo=None)
    for age, count in ((timedelta(hours=23), 2), (timedelta(hours=25), 1)):
        other = "whsec_" + "QkJC" * 8
        renewed = WebhookRow(*(getattr(row, name) for name in WebhookRow.__slots__))
        object.__setattr__(renewed, "previous_secret", other)
        object.__setattr__(renewed, "secret_changed_at", now - age)
        assert len(headers_of(renewed, "msg_1", json.dumps({}))["webhook-signature"].split()) == count


@pytest.mark.parametrize("url", ["http://xn--a/", "http://..example/", "http://2130706433/", "http://0x7f.1/"])
def test_a_name_that_is_none_fails_as_a_delivery(url: str) -> None:
    async def send() -> Answer:
        async with Sender(allows_private=False) as sender:
            return await sender.send(webhook_to(url), "msg_1", "{}")

    answer = asyncio.run(send())
    assert (answer.status_code, bool(answer.failure)) == (None, True)
