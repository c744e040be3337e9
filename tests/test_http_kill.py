"""A server killed while many clients write: whatever was answered with 2xx is there when it runs again.

POPULACE_KILL_ROUNDS asks for more rounds than the few of an ordinary run.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

import populace
from ingest.workspace import Workspace
from tests.http_server import Server, running_server

ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "2"))
CLIENTS = 5
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}


@dataclass
class Answered:
    """What one client was told to be done, all of it by contacts of its own; `last_asked` may be done, or not."""

    names: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    last_asked: tuple[str, str] = ("", "")


def write(client: httpx.Client, stem: str, dice: random.Random, answered: Answered) -> None:
    """One write after the other, until the server is gone."""
    number = 0
    while True:
        number += 1
        email, word = f"{stem}-{dice.randrange(12)}@x.example", f"{stem}-{number}"
        answered.last_asked = (email, word)
        match dice.randrange(8) if email in answered.names else 0:
            case 0 | 1:
                call(client, "/api/contacts.upsert", workspace_id="main", contact={"email": email, "first_name": word})
                answered.names[email] = word
            case 2:
                both = [email, f"more-{email}"]
                contacts = [{"email": item, "first_name": word} for item in both]
                call(client, "/api/contacts.import", workspace_id="main", contacts=contacts)
                answered.names.update(dict.fromkeys(both, word))
            case 3:
                call(client, "/v1/contacts", email=email, tags=[word])
                answered.tags[email] = word
            case 4:
                ids = [f"{word}-{item}" for item in range(30)]
                event = {"email": email, "kind": "visit", "occurred_at": "2026-05-01T00:00:00Z"}
                lines = [orjson.dumps({**event, "id": item}) for item in ids]
                done = client.post("/v1/events", content=b"\n".join(lines), headers=NDJSON).raise_for_status()
                assert done.json()["created"] == len(ids), done.text
                answered.events.update(ids)
            case 5:
                order = {"event_name": "shop.order", "external_id": word, "email": email}
                call(client, "/api/customEvents.upsert", workspace_id="main", **order)
                answered.orders.add(word)
            case 6:
                contact = {"email": email}
                call(client, "/api/lists.subscribe", workspace_id="main", contact=contact, list_ids=["news"])
                answered.listed.add(email)
            case 7 if number % 5 == 0:
                gone = f"gone-{word}@x.example"
                call(client, "/v1/contacts", email=gone)
                answered.last_asked = (gone, word)
                call(client, "/api/contacts.delete", workspace_id="main", email=gone)
                answered.erased.add(gone)


def call(client: httpx.Client, path: str, **body: Any) -> None:
    """Post something that must be done."""
    client.post(path, content=orjson.dumps(body), headers=JSON).raise_for_status()


def check_all_is_there(shop: Workspace, all_answered: list[Answered]) -> None:
    """What was answered is in the store; a write that was under way may be, too."""
    assert shop.check().is_clean
    rows: Any = shop._store.rows
    contacts = {email: (name, tags) for email, name, tags in rows("SELECT email, first_name, tags FROM contacts")}
    events = {event_id for (event_id,) in rows("SELECT id FROM timeline WHERE id IS NOT NULL")}
    orders = {order for (order,) in rows("SELECT external_id FROM custom_events")}
    on_news = {email for (email,) in rows("SELECT email FROM subscriptions JOIN contacts USING (contact_id)")}
    for answered in all_answered:
        asked_email, asked_word = answered.last_asked
        for email, name in answered.names.items():
            may_be = {name, asked_word} if email in {asked_email, f"more-{asked_email}"} else {name}
            assert contacts[email][0] in may_be, email
        for email, tag in answered.tags.items():
            may_be = {tag, asked_word} if email == asked_email else {tag}
            assert set(contacts[email][1]) <= may_be, email
        assert answered.events <= events
        assert answered.orders <= orders
        assert answered.listed <= on_news
        assert not answered.erased & {*contacts}
        begun = [item for item in events if item.startswith(f"{asked_word}-")]
        assert len(begun) in {0, 30}, begun  # the lines of one small body are one write


@contextmanager
def written_to(server: Server, round_number: int) -> Iterator[list[Answered]]:
    """Clients that write until the block ends, which must have ended the server."""
    all_answered = [Answered() for _ in range(CLIENTS)]
    problems: list[BaseException] = []

    def work(number: int, client: httpx.Client) -> None:
        stem = f"r{round_number}c{number}"
        try:
            with client:
                write(client, stem, random.Random(stem), all_answered[number])
        except httpx.TransportError:
            pass  # it was killed
        except BaseException as error:
            problems.append(error)

    clients = [server.client("main", "admin") for _ in range(CLIENTS)]
    threads = [threading.Thread(target=work, args=item, daemon=True) for item in enumerate(clients)]
    for thread in threads:
        thread.start()
    yield all_answered
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not problems, problems


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    root = tmp_path / "shops"
    dice = random.Random(11)
    with populace.init(root / "main") as shop:
        shop.lists.save("news", name="News")
    all_answered: list[Answered] = []
    for round_number in range(ROUNDS):
        with running_server(root) as server, written_to(server, round_number) as answered:
            time.sleep(dice.uniform(0.1, 1.5))
            server.process.kill()
        all_answered += answered
        with populace.open(root / "main") as shop:
            check_all_is_there(shop, all_answered)
    with running_server(root) as server, server.client("main", "read") as client:
        asked = {"workspace_id": "main", "email": next(email for item in all_answered for email in item.names)}
        assert client.get("/api/contacts.getByEmail", params=asked).status_code == 200
    written = sum(len(item.names) + len(item.events) + len(item.orders) for item in all_answered)
    assert written > 10 * ROUNDS
