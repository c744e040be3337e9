"""`/v1/*`: contacts, events, definitions, members, transitions and SQL as resources, over real HTTP."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from tests.definitions import Json, events, field, tagged
from tests.http_server import Server, running_server

_numbers = count()
GERMANS = field("country", "equals", "DE")
OPENERS = events("open_email", "at_least", 1, "in_the_last_days", "30")
AT = "2026-05-01T10:00:00Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("served") / "shops") as server:
        yield server
        assert server.process.poll() is None, "".join(server.log)


@pytest.fixture
def shop(server: Server) -> Iterator[httpx.Client]:
    """A client that may do everything in a workspace of its own."""
    workspace_id = f"shop-{next(_numbers)}"
    server.make_workspace(workspace_id)
    with server.client(workspace_id) as client:
        client.base_url = httpx.URL(f"{server.url}/v1/")
        yield client


def done(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def refused(answer: httpx.Response, status: int) -> Json:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: Json = answer.json()
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    return problem


def wait_for_size(shop: httpx.Client, segment_id: str, size: int) -> None:
    deadline = time.monotonic() + 30
    while (found := done(shop.get(f"segments/{segment_id}"))) and (found["status"], found["size"]) != (
        "computed",
        size,
    ):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_a_contact_is_created_merged_changed_and_erased(shop: httpx.Client) -> None:
    given = {"email": "Ada@X.example", "name": "Ada King Lovelace", "tags": ["vip"], "fields": {"country": "GB"}}
    made = done(shop.post("contacts", json={**given, "identities": [{"kind": "push_token", "value": "t1"}]}), 201)
    assert (made["email"], made["name"], made["tags"]) == ("ada@x.example", "Ada King Lovelace", ["vip"])
    assert made["fields"] == {"first_name": "Ada King", "last_name": "Lovelace", "country": "GB"}
    again = done(shop.post("contacts", json=given), 200)
    assert again == made
    for key in ("ada@x.example", "email:ada@x.example", "push_token:t1", "email%3AADA@x.example"):
        assert done(shop.get(f"contacts/{key}")) == made
    changed = done(
        shop.patch("contacts/push_token:t1", json={"name": None, "fields": {"country": None, "external_id": "u 1"}})
    )
    assert (changed["name"], changed["fields"], changed["tags"]) == (None, {"external_id": "u 1"}, ["vip"])
    assert done(shop.get("contacts/u%201"))["email"] == "ada@x.example"
    done(shop.post("contacts", json={"phone": "+4930123456", "name": "Bo"}), 201)
    merged = done(shop.post("contacts", json={"email": "ada@x.example", "phone": "+4930123456"}), 200)
    assert (merged["phone"], merged["name"]) == ("+4930123456", "Bo")
    assert len(done(shop.get("contacts"))["contacts"]) == 1
    assert done(shop.get("contacts/u%201/export"))["fields"]["email"] == "ada@x.example"
    assert shop.delete("contacts/u%201").status_code == 204
    assert "no contact has the external id 'u 1'" in refused(shop.get("contacts/u%201"), 404)["detail"]
    refused(shop.patch("contacts/ada@x.example", json={}), 404)


def test_a_contact_may_lose_the_name_by_which_it_is_changed(shop: httpx.Client) -> None:
    done(
        shop.post("contacts", json={"email": "a@x.example", "phone": "+4930123456", "fields": {"external_id": "a"}}),
        201,
    )
    changed = done(shop.patch("contacts/a", json={"fields": {"external_id": None, "country": "DE"}}))
    assert changed["fields"] == {"country": "DE"}
    assert done(shop.patch("contacts/a@x.example", json={"email": None, "name": "Ada"}))["name"] == "Ada"
    refused(shop.get("contacts/a@x.example"), 404)
    assert done(shop.get("contacts/phone:+4930123456"))["email"] is None


def test_a_preview_passes_over_those_without_an_email(shop: httpx.Client) -> None:
    done(shop.post("contacts", json={"email": "a@x.example", "fields": {"country": "DE"}}), 201)
    done(shop.post("contacts", json={"phone": "+4930123456", "fields": {"country": "DE"}}), 201)
    found = done(shop.post("segments/preview", json={"tree": GERMANS}))
    assert (found["size"], found["sample"]) == (2, ["a@x.example"])


def test_a_contact_that_is_not_valid_is_refused_by_path(shop: httpx.Client) -> None:
    for body, path, problem in (
        ({"email": "ada"}, "contact.email", "is not an e-mail"),
        ({}, "contact", "names nobody"),
        ({"email": "a@x.example", "fields": {"contry": "DE"}}, "contact", "did you mean 'country'?"),
        ({"email": "a@x.example", "fields": {"tags": ["x"]}}, "fields.tags", "stands beside fields"),
        ({"email": "a@x.example", "name": "A", "fields": {"last_name": "B"}}, "name", "one or the other"),
        ({"email": "a@x.example", "nome": "A"}, "nome", "extra inputs"),
        ({"email": ["a@x.example"]}, "email", "valid string"),
    ):
        found = refused(shop.post("contacts", json=body), 400)
        assert (found["path"], problem in found["detail"]) == (path, True), found
    assert done(shop.get("contacts")) == {"contacts": [], "next_cursor": None}


def test_contacts_and_what_happened_to_them_come_page_by_page(shop: httpx.Client) -> None:
    for number in range(5):
        done(shop.post("contacts", json={"email": f"c{number}@x.example"}), 201)
    found, cursor = [], None
    while True:
        page = done(shop.get("contacts", params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        found += [contact["email"] for contact in page["contacts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"c{number}@x.example" for number in reversed(range(5))]
    done(
        shop.post(
            "events",
            json=[{"email": "c1@x.example", "kind": "visit", "occurred_at": AT, "id": f"v{n}"} for n in range(3)],
        )
    )
    page = done(shop.get("contacts/c1@x.example/timeline", params={"limit": 2}))
    rest = done(shop.get("contacts/c1@x.example/timeline", params={"cursor": page["next_cursor"]}))
    assert [entry["kind"] for entry in page["timeline"] + rest["timeline"]] == [
        "contact.created",
        "visit",
        "visit",
        "visit",
    ]
    assert {entry["id"] for entry in page["timeline"] + rest["timeline"]} >= {"v0", "v1", "v2"}


def test_events_come_alone_in_arrays_and_as_streams(shop: httpx.Client) -> None:
    done(shop.post("contacts", json={"email": "a@x.example"}), 201)
    event = {"email": "a@x.example", "kind": "open_email", "occurred_at": AT, "id": "e1"}
    order = {
        "email": "a@x.example",
        "event_name": "shop.order",
        "external_id": "o1",
        "occurred_at": AT,
        "goal_value": 5,
    }
    nothing = {"created": 0, "updated": 0, "unchanged": 0, "failed_count": 0, "failed": []}
    assert done(shop.post("events", json=event)) == {**nothing, "created": 1}
    assert done(shop.post("events", json=event)) == {**nothing, "unchanged": 1}
    assert (
        "no contact has the e-mail 'b@"
        in refused(shop.post("events", json={**event, "email": "b@x.example"}), 404)["detail"]
    )
    for kind in ("A B", "segment.joined"):
        assert refused(shop.post("events", json={**event, "kind": kind}), 400)["path"] == "event.kind"
    mixed = done(shop.post("events", json=[order, {**event, "id": "e2"}, 7, {**order, "external_id": None}, event]))
    assert (mixed["created"], mixed["unchanged"], mixed["failed_count"]) == (2, 1, 2)
    assert [item["index"] for item in mixed["failed"]] == [2, 3]

    lines = [json.dumps({**event, "id": f"s{number}"}).encode() for number in range(12_000)]
    lines[7] = b"{"
    lines[8_000] = json.dumps({**event, "id": "s", "email": "b@x.example"}).encode()
    body = b"\n".join([*lines[:100], b"", *lines[100:], b""])
    parts = (body[start : start + 60_000] for start in range(0, len(body), 60_000))
    streamed = done(shop.post("events", content=parts, headers={"content-type": "application/x-ndjson"}))
    assert (streamed["created"], streamed["failed_count"]) == (11_998, 2)
    assert [item["index"] for item in streamed["failed"]] == [7, 8_001]
    assert done(
        shop.post("sql", json={"sql": "SELECT count(*) AS n FROM timeline WHERE kind = 'open_email'", "fresh": True})
    ) == [{"n": 12_000}]
    assert refused(shop.post("events", content=b"x", headers={"content-type": "text/csv"}), 415)["detail"].startswith(
        "send application/json"
    )
    refused(shop.post("events", content=b"{", headers={"content-type": "application/json"}), 400)


def test_tags_fields_and_lists(shop: httpx.Client) -> None:
    assert shop.put("tags/vip", json={"color": "#1f6feb"}).status_code == 204
    done(shop.post("contacts", json={"email": "a@x.example", "tags": ["vip", "new"]}), 201)
    tags = {tag["name"]: (tag["color"], tag["contact_count"]) for tag in done(shop.get("tags"))["tags"]}
    assert tags == {"vip": ("#1f6feb", 1), "new": (None, 1)}
    assert shop.put("tags/vip", json={}).status_code == 204
    assert shop.delete("tags/vip").status_code == 204
    refused(shop.delete("tags/vip"), 404)
    refused(shop.put("tags/x", json={"color": "blue"}), 400)
    assert shop.put("fields/plan", json={"type": "text", "label": "Plan"}).status_code == 204
    refused(shop.put("fields/plan", json={"type": "number"}), 400)
    assert done(shop.patch("contacts/a@x.example", json={"fields": {"plan": "pro"}}))["fields"] == {"plan": "pro"}
    done(shop.put("segments/pros", json={"tree": field("plan", "equals", "pro")}), 201)
    assert "is in use by 'pros'" in refused(shop.delete("fields/plan"), 422)["detail"]
    assert [(item["key"], item["label"], item["type"]) for item in done(shop.get("fields"))["fields"]] == [
        ("plan", "Plan", "text")
    ]
    made = done(shop.put("lists/news", json={"name": "News", "is_public": True, "welcome_template_id": "w"}))
    assert (made["name"], made["is_public"], made["counts"]["active"]) == ("News", True, 0)
    changed = done(shop.put("lists/news", json={"welcome_template_id": None, "name": None, "description": "d"}))
    assert (changed["name"], changed["welcome_template_id"], changed["description"]) == ("News", None, "d")
    assert done(shop.get("lists")) == {"lists": [done(shop.get("lists/news"))]}
    assert shop.delete("lists/news").status_code == 204
    refused(shop.get("lists/news"), 404)


def test_names_may_have_slashes_and_an_unknown_method_is_told_those_that_are(shop: httpx.Client) -> None:
    assert shop.put("tags/a%2Fb", json={"color": "#1f6feb"}).status_code == 204
    assert [tag["name"] for tag in done(shop.get("tags"))["tags"]] == ["a/b"]
    assert shop.delete("tags/a%2fb").status_code == 204
    answer = shop.post("contacts/shop%2F7")
    refused(answer, 405)
    assert answer.headers["allow"] == "DELETE, GET, PATCH"
    refused(shop.get("contacts%2Fshop"), 404)
    assert "no contact has" in refused(shop.get("contacts/external_id:shop%2F7/timeline"), 404)["detail"]


def test_definitions_are_previewed_planned_kept_and_explained(shop: httpx.Client) -> None:
    for number in range(3):
        done(shop.post("contacts", json={"email": f"c{number}@x.example", "fields": {"country": "DE"}}), 201)
    preview = done(shop.post("segments/preview", json={"tree": GERMANS, "sample_size": 2}))
    assert (preview["size"], len(preview["sample"]), preview["contact_count"], preview["is_exact"]) == (3, 2, 3, True)
    made = done(shop.put("segments/germans", json={"name": "Germans", "tree": GERMANS}), 201)
    assert (made["id"], made["version"], made["tree"]) == ("germans", 1, GERMANS)
    wait_for_size(shop, "germans", 3)
    french = field("country", "equals", "FR")
    plan = done(shop.post("segments/plan", json={"segments": [{"id": "germans", "tree": french}]}))
    assert [(item["id"], item["size"], item["size_after"], item["left"]) for item in plan["segments"]] == [
        ("germans", 3, 0, 3)
    ]
    assert done(shop.get("segments/germans"))["version"] == 1
    assert done(shop.put("segments/germans", json={"tree": french}), 200)["version"] == 2
    wait_for_size(shop, "germans", 0)
    why = done(shop.get("segments/germans/explain/c0@x.example"))
    assert (why["is_member"], why["next_change_at"]) == (False, None)
    assert why["tree"]["holds"] is False
    bad = {"tree": field("contry", "equals", "FR")}
    assert refused(shop.put("segments/germans", json=bad), 400)["path"] == "tree.leaf.contact.filters[0].field_name"
    assert "'Not An Id'" in refused(shop.put("segments/Not%20An%20Id", json={"tree": french}), 400)["detail"]
    refused(shop.get("segments/germans/explain/nobody@x.example"), 404)
    refused(shop.get("segments/germans/explain/c0@x.example", params={"as_of": "yesterday"}), 400)
    assert [item["id"] for item in done(shop.get("segments"))["segments"]] == ["germans"]
    assert shop.delete("segments/germans").status_code == 204
    refused(shop.get("segments/germans"), 404)


def test_members_in_every_format_and_one_by_one(shop: httpx.Client) -> None:
    emails = [f"c{number}@x.example" for number in range(3)]
    for email in emails:
        done(shop.post("contacts", json={"email": email, "fields": {"country": "DE"}, "tags": ["t"]}), 201)
    done(shop.put("segments/germans", json={"tree": GERMANS}), 201)
    done(shop.put("segments/tagged", json={"tree": tagged("in", "vip")}), 201)
    wait_for_size(shop, "germans", 3)
    wait_for_size(shop, "tagged", 0)

    def get(name: str) -> httpx.Response:
        return shop.get("segments/germans/members", params={"format": name})

    assert get("json").json() == [{"email": email} for email in emails]
    assert get("jsonl").text == "".join(f'{{"email":"{email}"}}\n' for email in emails)
    assert get("csv").text == "email\n" + "".join(f"{email}\n" for email in emails)
    assert pl.read_ipc_stream(io.BytesIO(get("arrow").content))["email"].to_list() == emails
    assert pl.read_parquet(io.BytesIO(get("parquet").content))["email"].to_list() == emails
    refused(get("xlsx"), 400)
    refused(shop.get("segments/olds/members"), 404)
    one = done(shop.get("segments/germans/members/c1@x.example"))
    assert (one["is_member"], one["as_of"][:2]) == (True, "20")
    assert done(shop.get("segments/tagged/members/c1@x.example"))["is_member"] is False
    refused(shop.get("segments/olds/members/c1@x.example"), 404)
    refused(shop.get("segments/germans/members/nobody@x.example"), 404)
    asked = {"contacts": ["c2@x.example", "nobody@x.example", "unknown-id"]}
    found = done(shop.post("memberships", json=asked))["memberships"]
    assert [(item["contact"], item["segments"]) for item in found] == [
        ("c2@x.example", ["germans"]), ("nobody@x.example", None), ("unknown-id", None),
    ]  # fmt: skip
    assert done(shop.post("memberships", json={**asked, "segments": ["tagged"]}))["memberships"][0]["segments"] == []
    refused(shop.post("memberships", json={**asked, "segments": ["olds"]}), 404)
    assert done(shop.get("contacts/c2@x.example/segments")) == {"segments": ["germans"]}


def test_transitions_are_followed_by_number(shop: httpx.Client) -> None:
    done(shop.put("segments/germans", json={"tree": GERMANS}), 201)
    done(shop.put("segments/openers", json={"tree": OPENERS}), 201)
    wait_for_size(shop, "germans", 0)
    waiting: list[Any] = []
    thread = threading.Thread(target=lambda: waiting.append(shop.get("transitions", params={"wait_seconds": 30})))
    thread.start()
    time.sleep(0.2)
    done(shop.post("contacts", json={"email": "a@x.example", "fields": {"country": "DE"}}), 201)
    thread.join()
    (entered,) = done(waiting[0])["transitions"]
    assert (entered["sequence"], entered["segment_id"], entered["change"], entered["cause"]) == (
        1,
        "germans",
        "entered",
        "data",
    )
    assert entered["email"] == "a@x.example"
    seen: list[tuple[int, str]] = []
    with shop.stream("GET", "transitions/stream", headers={"last-event-id": "1"}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        done(shop.patch("contacts/a@x.example", json={"fields": {"country": "FR"}}))
        done(shop.patch("contacts/a@x.example", json={"fields": {"country": "DE"}}))
        done(shop.post("contacts", json={"email": "b@x.example", "fields": {"country": "DE"}}), 201)
        for line in stream.iter_lines():
            if line.startswith("data: "):
                row = json.loads(line.removeprefix("data: "))
                seen.append((row["sequence"], row["change"]))
                if row["email"] == "b@x.example":
                    break
    assert [number for number, _ in seen] == list(range(2, 2 + len(seen)))
    everything = done(shop.get("transitions"))
    page: list[Json] = []
    after = 0
    while len(page) < len(everything["transitions"]):
        part = done(shop.get("transitions", params={"after": after, "limit": 1}))
        page += part["transitions"]
        after = part["next_after"]
    assert page == everything["transitions"]
    assert done(shop.get("transitions", params={"after": after})) == {"transitions": [], "next_after": after}
    assert done(shop.get("transitions", params={"segment": "openers"})) == {"transitions": [], "next_after": after}
    refused(shop.get("transitions", params={"segment": "olds"}), 404)
    refused(shop.get("transitions/stream", params={"segment": "olds"}), 404)


def test_questions_in_sql(shop: httpx.Client) -> None:
    for number in range(20):
        done(
            shop.post(
                "contacts",
                json={"email": f"c{number:02}@x.example", "fields": {"country": "DE" if number % 2 else "FR"}},
            ),
            201,
        )
    asked = {
        "sql": "SELECT country, count(*) AS n FROM contacts WHERE country <> $but GROUP BY 1",
        "parameters": {"but": "FR"},
    }
    answer = shop.post("sql", json=asked)
    assert answer.json() == [{"country": "DE", "n": 10}]
    shown_at = answer.headers["populace-as-of"]
    done(shop.post("contacts", json={"email": "late@x.example", "fields": {"country": "DE"}}), 201)
    again = shop.post("sql", json=asked)
    assert again.json() == [{"country": "DE", "n": 10}]
    assert again.headers["populace-as-of"] <= shown_at
    fresh = shop.post("sql", json={**asked, "fresh": True})
    assert fresh.json() == [{"country": "DE", "n": 11}]
    assert fresh.headers["populace-as-of"] > shown_at
    many = {"sql": "SELECT range AS x, repeat('y', 100) AS y FROM range(300_000)", "format": "arrow"}
    assert pl.read_ipc_stream(io.BytesIO(shop.post("sql", json=many).content)).shape == (300_000, 2)
    assert refused(shop.post("sql", json={"sql": "DROP TABLE contacts"}), 400)["detail"].startswith("only one SELECT")
    assert "$b" in refused(shop.post("sql", json={"sql": "SELECT $a", "parameters": {"a": 1, "b": 2}}), 400)["detail"]
    refused(shop.post("sql", json={"sql": "SELECT nothing FROM contacts"}), 400)
    slow = {"sql": "SELECT count(*) FROM range(10_000_000) AS a, range(10_000_000) AS b", "timeout_ms": 300}
    started = time.monotonic()
    assert shop.post("sql", json=slow).status_code == 422
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["json", "jsonl", "parquet"])
def test_columns_of_one_name_are_refused_before_anything_is_answered(shop: httpx.Client, name: str) -> None:
    problem = refused(shop.post("sql", json={"sql": "SELECT 1 AS a, 2 AS a", "format": name}), 400)
    assert "two columns named 'a'; name them apart with AS" in problem["detail"]
    assert done(shop.post("sql", json={"sql": "SELECT 1 AS a"})) == [{"a": 1}]


def test_who_hangs_up_ends_the_question(shop: httpx.Client, server: Server) -> None:
    done(shop.post("sql", json={"sql": "SELECT 1 AS x"}))
    endless = {"sql": "SELECT range AS x FROM range(100_000_000_000)", "format": "csv", "timeout_ms": 600_000}
    with shop.stream("POST", "sql", json=endless) as stream:
        next(stream.iter_bytes())
        assert workers_of(server)
    deadline = time.monotonic() + 20
    while workers_of(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers_of(server: Server) -> list[str]:
    """The processes that the server has started and that run."""
    found: list[str] = []
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += (task / "children").read_text().split()
    return found
