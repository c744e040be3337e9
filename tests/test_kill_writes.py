"""Killed at any moment of single writes: what was acknowledged is there, and nothing is half there.

POPULACE_KILL_ROUNDS asks for more rounds than the few of an ordinary run.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import populace

ROOT = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "2"))
OPEN_SECONDS = 5.0
BATCH = 20

WORK = """
import json, os, random, sys, threading
import populace

folder, seed = sys.argv[1], sys.argv[2]
BATCH = 20

def say(**what):
    os.write(1, (json.dumps(what) + "\\n").encode())

def writes(workspace, thread):
    rng = random.Random(f"{seed}-{thread}")
    contact = f"{seed}-{thread}@example.com"
    for number in range(10**9):
        match rng.randrange(7):
            case 0 | 1:
                workspace.upsert({"email": contact, "custom_number_1": number, "custom_number_2": number})
                say(kind="contact", email=contact, number=number)
            case 2:
                batch = [{"email": f"{seed}-{thread}-{number}-{i}@example.com", "state": "new"} for i in range(BATCH)]
                assert all(item.error is None for item in workspace.upsert_many(batch))
                say(kind="batch", prefix=f"{seed}-{thread}-{number}-")
            case 3:
                workspace.upsert({"email": contact})
                events = [{"email": contact, "kind": "open_email", "occurred_at": "2026-01-01T00:00:00Z",
                           "id": f"{seed}-{thread}-{number}-{i}"} for i in range(BATCH)]
                assert all(item.error is None for item in workspace.events.record_many(events))
                say(kind="events", prefix=f"{seed}-{thread}-{number}-")
            case 4:
                workspace.upsert({"email": contact})
                at = f"2026-01-01T00:00:00.{number % 10**6:06}Z"
                workspace.events.record_custom({"email": contact, "event_name": "order", "occurred_at": at,
                                                "external_id": f"{seed}-{thread}", "goal_value": number})
                say(kind="order", external_id=f"{seed}-{thread}", number=number % 10**6)
            case 5:
                workspace.upsert({"email": contact})
                workspace.lists.subscribe(contact, "news")
                workspace.tags.add(contact, [f"tag-{number % 3}"])
                say(kind="subscription", email=contact)
            case 6:  # two that turn out to be one
                phone = f"+49151{rng.randrange(10**8):08}"
                suffix = f"{seed}-{thread}-{number}@example.com"
                workspace.upsert({"email": f"a-{suffix}", "phone": phone, "first_name": "A"})
                workspace.upsert({"email": f"b-{suffix}", "last_name": "B"})
                workspace.upsert({"email": f"b-{suffix}", "phone": phone})
                say(kind="merge", suffix=suffix)

with populace.open(folder) as workspace:
    say(kind="begun")
    for thread in range(6):
        threading.Thread(target=writes, args=(workspace, thread)).start()
    for _ in range(10**9):
        workspace.recompute()
        workspace._store.checkpoint()
"""


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path, seed: int) -> None:
    """The same workspace is killed and opened again three times, with all that was acknowledged before still in it."""
    folder = tmp_path / "w"
    with populace.init(folder) as workspace:
        workspace.lists.save("news", name="News")
        workspace.apply([populace.read_segment(OPENERS)])
    said: list[dict[str, Any]] = []
    for life in range(3):
        said += _killed(folder, f"{seed}-{life}", random.Random(f"{seed}-{life}").uniform(0.0, 1.5))
        started = time.monotonic()
        with populace.open(folder) as workspace:
            assert time.monotonic() - started < OPEN_SECONDS
            _check_all_is_there(workspace, said)
            report = workspace.check()
            assert report.is_clean, report


def _killed(folder: Path, seed: str, seconds: float) -> list[dict[str, Any]]:
    """What the work said before it was killed, some seconds after its first word."""
    command = [sys.executable, "-c", WORK, str(folder), seed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"kind": "begun"}
        time.sleep(seconds)
        process.kill()
        rest = process.stdout.read()
    lines = rest.decode().split("\n")
    return [json.loads(line) for line in lines[:-1]]  # the last one may be cut off


def _check_all_is_there(workspace: populace.Workspace, said: list[dict[str, Any]]) -> None:
    store = workspace._store
    contacts = dict(store.rows("SELECT email, (custom_number_1, custom_number_2) FROM contacts"))
    events = {event_id for (event_id,) in store.rows("SELECT id FROM timeline WHERE id IS NOT NULL")}
    orders = set(store.rows("SELECT external_id, microsecond(occurred_at) FROM custom_events"))
    subscribed = {email for (email,) in store.rows("SELECT email FROM contacts JOIN subscriptions USING (contact_id)")}
    names = dict(store.rows("SELECT email, (first_name, last_name) FROM contacts"))
    for item in said:
        match item["kind"]:
            case "contact":
                found = contacts[item["email"]]
                assert found[0] is not None and found[0] >= item["number"]
            case "batch":
                assert all(f"{item['prefix']}{i}@example.com" in contacts for i in range(BATCH))
            case "events":
                assert all(f"{item['prefix']}{i}" in events for i in range(BATCH))
            case "order":
                assert (item["external_id"], item["number"]) in orders
            case "subscription":
                assert item["email"] in subscribed
            case "merge":
                assert f"a-{item['suffix']}" not in names
                assert names[f"b-{item['suffix']}"] == ("A", "B")
    assert all(one == two for one, two in contacts.values()), "half an upsert"
    batches = store.rows(
        "SELECT regexp_extract(email, '^(.*)-[0-9]+@', 1), count(*) FROM contacts WHERE state <> '' GROUP BY 1"
    )
    assert all(count == BATCH for _, count in batches), "half a batch of contacts"
    batches = store.rows(
        "SELECT regexp_extract(id, '^(.*)-[0-9]+$', 1), count(*) FROM timeline WHERE id <> '' GROUP BY 1"
    )
    assert all(count == BATCH for _, count in batches), "half a batch of events"


OPENERS = {
    "id": "openers",
    "name": "Openers",
    "tree": {
        "kind": "leaf",
        "leaf": {
            "source": "contact_timeline",
            "contact_timeline": {
                "kind": "open_email",
                "count_operator": "at_least",
                "count_value": 2,
                "timeframe_operator": "anytime",
                "timeframe_values": [],
            },
        },
    },
}
