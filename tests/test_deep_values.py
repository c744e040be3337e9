"""JSON values that are nested deep: taken to the limit, and told everywhere; refused beyond it, each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

import populace
from engine.definition.vocabulary import MOST_NESTED
from engine.errors import BadRowError, InvalidValueError, shown
from ingest.workspace import Workspace
from ingest.writes.json_texts import is_same_json
from tests.http_server import Server, running_server

ADA, BOB = "ada@example.com", "bob@example.com"
AT = "2026-01-02T00:00:00Z"
JSON = {"Content-Type": "application/json"}
TOO_DEEP = [MOST_NESTED + 1, 253, 254, 255, 980, 990, 1_000]


def nested(depth: int) -> Any:
    value: Any = 1
    for number in range(depth):
        value = {"a": value} if number % 2 else [value]
    return value


def body(value: object, depth: int) -> bytes:
    """JSON with a value of that depth where it says DEEP; the json module of the test could not write it."""
    return orjson.dumps(value).replace(b'"DEEP"', b"[" * depth + b"]" * depth)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("served") / "shops") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    name = f"shop-{len(list(server.root.iterdir()))}"
    server.make_workspace(name)
    with server.client(name) as client:
        client.params = client.params.set("workspace_id", name)
        yield client


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        yield shop


def test_values_to_the_limit_are_told_by_every_answer(client: httpx.Client) -> None:
    """Also as the old value of a change, as the sides of a merge, and of events."""
    deep, profile, properties = nested(MOST_NESTED), {"a": nested(MOST_NESTED - 1)}, {"b": nested(MOST_NESTED - 1)}
    contact = {"email": ADA, "fields": {"custom_json_1": deep, "profile": profile}}
    assert client.post("/v1/contacts", json=contact).status_code == 201
    assert client.post("/v1/contacts", json={"email": ADA, "fields": {"custom_json_1": [1]}}).status_code == 200
    assert client.post("/v1/contacts", json=contact).status_code == 200
    other = {"phone": "+4930123456", "fields": {"custom_json_1": deep}}
    assert client.post("/v1/contacts", json=other).status_code == 201
    merged = client.post("/v1/contacts", json={"email": ADA, "phone": "+4930123456"})
    assert merged.status_code == 200, merged.text[:300]
    event = {"email": ADA, "kind": "visit", "occurred_at": AT, "properties": properties}
    assert client.post("/v1/events", json=[event]).json()["failed"] == []
    order = {"email": ADA, "event_name": "order", "external_id": "1", "properties": properties}
    assert client.post("/api/customEvents.import", json={**client.params, "events": [order]}).status_code == 201
    answers = {
        path: client.get(path, params={"email": ADA})
        for path in (
            *(f"/v1/contacts/email:{ADA}{part}" for part in ("", "/export", "/timeline")),
            *("/v1/contacts", "/api/timeline.list", "/api/contacts.getByEmail", "/api/customEvents.list"),
        )
    }
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    found = answers[f"/v1/contacts/email:{ADA}/export"].json()
    assert (found["fields"]["custom_json_1"], found["fields"]["profile"]) == (deep, profile)
    assert [item["properties"] for item in found["timeline"] if item["kind"] == "visit"] == [properties]
    assert [True for item in found["timeline"] if item["kind"] == "contact.merged" and "sides" in item["properties"]]
    sql = client.post("/v1/sql", json={"sql": "SELECT custom_json_1, profile FROM contacts"})
    assert sql.status_code == 200, sql.text


@pytest.mark.parametrize("depth", TOO_DEEP)
def test_what_is_too_deep_fails_alone(client: httpx.Client, depth: int) -> None:
    """With its place in the error; also under a key that makes the request count once."""
    contact = {"email": ADA, "custom_json_1": "DEEP"}
    for headers in ({}, {"Idempotency-Key": "one"}):
        given = body({"email": ADA, "fields": {"custom_json_1": "DEEP"}}, depth)
        one = client.post("/v1/contacts", content=given, headers={**JSON, **headers})
        assert one.status_code == 400, one.text
        assert "custom_json_1: " in one.text
        assert f"nested more than {MOST_NESTED} deep" in one.text
    both = {**client.params, "contacts": [contact, {"email": BOB}]}
    answer = client.post("/api/contacts.import", content=body(both, depth), headers=JSON)
    operations = answer.json()["operations"]
    assert [item["action"] for item in operations] == ["error", "create"]
    assert "custom_json_1: " in operations[0]["error"]
    event = {"email": BOB, "kind": "visit", "occurred_at": AT}
    events = [{**event, "properties": {"a": value}} for value in ("DEEP", 1)]
    for headers in ({}, {"Idempotency-Key": "all"}, {"Idempotency-Key": "all"}):
        answer = client.post("/v1/events", content=body(events, depth), headers={**JSON, **headers})
        assert (answer.status_code, [item["index"] for item in answer.json()["failed"]]) == (200, [0]), answer.text
    lines = b"\n".join(body(item, depth) for item in events)
    answer = client.post("/v1/events", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert [item["index"] for item in answer.json()["failed"]] == [0]
    orders = [
        {"email": BOB, "event_name": "order", "external_id": str(n), "properties": {"a": v}}
        for n, v in enumerate(("DEEP", 1))
    ]
    answer = client.post(
        "/api/customEvents.import", content=body({**client.params, "events": orders}, depth), headers=JSON
    )
    assert [item["index"] for item in answer.json()["errors"]] == [0]
    profiles = [{"id": str(n), "profile": {"$set": {"a": v}}} for n, v in enumerate(("DEEP", 1))]
    answer = client.post("/v2/contacts.upsert", content=body({"contacts": profiles}, depth), headers=JSON)
    assert (answer.json()["inserted"], len(answer.json()["failed"])) == (["1"], 1)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_files_have_the_same_limit(tmp_path: Path, shop: Workspace, suffix: str) -> None:
    for depth in (MOST_NESTED, *TOO_DEEP):
        text = "[" * depth + "]" * depth
        if suffix == ".csv":
            (tmp_path / "contacts.csv").write_text(f"email,custom_json_1\n{ADA},{text}\n")
        else:
            (tmp_path / "contacts.jsonl").write_text(f'{{"email":"{ADA}","custom_json_1":{text}}}\n')
        if depth == MOST_NESTED:
            shop.import_dataset(tmp_path)
        else:
            with pytest.raises(BadRowError, match=r"row 1, column custom_json_1: .* deep|cannot be stored"):
                shop.import_dataset(tmp_path)


@pytest.mark.parametrize("depth", [230, 254, 300, 1_020, 1_030])
def test_what_was_stored_deeper_is_told_as_its_text(shop: Workspace, depth: int) -> None:
    """By every answer; and it can be replaced."""
    shop.upsert({"email": ADA, "custom_json_1": {"n": 1}})
    shop.events.record({"email": ADA, "kind": "visit", "occurred_at": AT, "properties": {"n": 1}})
    text = '{"n":' * depth + "1" + "}" * depth
    with shop._store.transaction() as cursor:
        cursor.execute("UPDATE contacts SET custom_json_1 = $1", [text])
        cursor.execute("UPDATE timeline SET properties = $1 WHERE kind = 'visit'", [text])
        cursor.execute(
            """UPDATE timeline SET changes = '{"custom_json_1":{"new":' || $1 || '}}' WHERE kind <> 'visit'""", [text]
        )
    exported: Any = shop.export_contact(ADA)
    assert exported["fields"]["custom_json_1"] == text
    assert {text} <= {item.get("properties") for item in exported["timeline"] if item["kind"] == "visit"}
    assert {type(entry.changes) for entry in shop.timeline(ADA).entries if entry.kind != "visit"} == {str}
    assert shop.record(ADA).fields["custom_json_1"] == text
    shop.upsert({"email": ADA, "custom_json_1": {"n": 2}})
    assert shop.record(ADA).fields["custom_json_1"] == {"n": 2}


def test_texts_nested_too_deep_say_the_same_only_if_they_are_the_same() -> None:
    deep = "[" * 300 + "]" * 300
    assert is_same_json(deep, deep)
    assert not is_same_json(deep, "[]")


class Unspeakable:
    def __repr__(self) -> str:
        raise ValueError("no")


def test_an_error_shows_any_value() -> None:
    for value in (nested(990), nested(5_000), 10**5_000, {"a": [10**5_000]}, Unspeakable()):
        assert 0 < len(shown(value)) < 200


def test_a_value_in_itself_is_refused(shop: Workspace) -> None:
    value: list[Any] = []
    value += [value, value]
    with pytest.raises(InvalidValueError, match=r"custom_json_1: .* nested more than"):
        shop.upsert({"email": ADA, "custom_json_1": value})
