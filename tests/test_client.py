"""`populace.Client` against a real server: what it gives, and that what is tried again is not done twice."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

import populace
from api.http.idempotency import KeyReusedError, Keys
from api.http.tokens import Tokens
from tests.definitions import events, field
from tests.http_server import Server, running_server

ADA, BO = "ada@example.com", "bo@example.com"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("client") / "shops") as running:
        yield running


@pytest.fixture
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[populace.Client]:
    """A client of a workspace of its own."""
    name = f"w{abs(hash(request.node.name)) % 10**9}"
    server.make_workspace(name)
    with Tokens(server.root) as tokens:
        token = tokens.create(name, ["admin"])
    with populace.Client(server.url, token) as found:
        yield found


def wait_for(found: Any, expected: Any) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while found() != expected:
        assert datetime.now(UTC) < deadline, found()


def test_contacts_events_segments_and_sql(client: populace.Client) -> None:
    made = client.upsert({"email": ADA, "name": "Ada Lovelace", "tags": ["vip"], "fields": {"country": "GB"}})
    assert (made["name"], made["tags"], made["fields"]["country"]) == ("Ada Lovelace", ["vip"], "GB")
    client.upsert({"email": BO, "identities": [{"kind": "external_id", "value": "b-1"}]})
    assert client.contact("b-1")["email"] == BO
    assert [contact["email"] for contact in client.contacts()] == [BO, ADA]
    assert [contact["email"] for contact in client.contacts(filter="country = 'GB' and has_tag('vip')")] == [ADA]
    client.apply("british", {"tree": field("country", "equals", "GB")})
    client.apply("readers", {"tree": events("open_email", "at_least", 2)})
    opened = {"email": ADA, "kind": "open_email", "occurred_at": NOW}
    assert client.record(opened)["created"] == 1
    done = client.record({**opened, "email": email} for email in (ADA, "nobody@example.com", ADA))
    assert (done["created"], done["failed_count"], done["failed"][0]["index"]) == (2, 1, 1)
    wait_for(lambda: client.is_member("readers", ADA), expected=True)
    assert client.memberships([ADA, BO, "x@example.com"]) == {
        ADA: ["british", "readers"],
        BO: [],
        "x@example.com": None,
    }
    assert client.memberships([ADA], segments=["british"]) == {ADA: ["british"]}
    assert client.members("readers")["email"].to_list() == [ADA]
    assert client.members("readers", as_of=NOW - timedelta(days=1)).height == 0
    assert client.explain("readers", ADA)["is_member"] is True
    changes = [(item["segment_id"], item["email"], item["change"]) for item in client.transitions()]
    assert sorted(changes) == [("british", ADA, "entered"), ("readers", ADA, "entered")]
    assert next(client.transitions(follow=True, segments=["readers"]))["email"] == ADA
    rows = client.sql("SELECT email FROM contacts WHERE country = $it", {"it": "GB"}, fresh=True)
    assert rows.rows() == [(ADA,)]
    client.erase(BO)
    with pytest.raises(populace.ServerError, match="no contact has the e-mail") as caught:
        client.contact(BO)
    assert caught.value.status == 404


def test_what_one_request_cannot_hold_takes_several(client: populace.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONTACTS_AT_ONCE", "EVENTS_AT_ONCE", "MEMBERSHIPS_AT_ONCE", "TRANSITIONS_AT_ONCE"):
        monkeypatch.setattr(f"api.client.client.{name}", 2)
    emails = [f"c{number}@example.com" for number in range(5)]
    for email in emails:
        client.upsert({"email": email, "fields": {"country": "GB"}})
    client.apply("british", {"tree": field("country", "equals", "GB")})
    assert [contact["email"] for contact in client.contacts()] == emails[::-1]
    members: dict[str, list[str] | None] = {email: ["british"] for email in emails}
    wait_for(lambda: client.memberships([*emails, "x@example.com"]), {**members, "x@example.com": None})
    opened = {"kind": "open_email", "occurred_at": NOW}
    done = client.record({**opened, "email": email} for email in (*emails[:3], "nobody@example.com", emails[3], "no"))
    assert (done["created"], [item["index"] for item in done["failed"]]) == (4, [3, 5])
    assert len(list(client.transitions())) == len(emails)


@pytest.mark.parametrize("key", ["shop/7", "a b/?#%2F+&", "50%/ünï", "tom@shop.example/1"])
def test_any_key_names_a_contact(client: populace.Client, key: str) -> None:
    client.upsert({"identities": [{"kind": "external_id", "value": key}], "fields": {"country": "GB"}})
    client.apply("british", {"tree": field("country", "equals", "GB")})
    named = f"external_id:{key}"
    assert client.contact(named)["fields"]["country"] == "GB"
    wait_for(lambda: client.is_member("british", named), expected=True)
    client.erase(named)
    with pytest.raises(populace.ServerError, match="no contact") as caught:
        client.contact(named)
    assert caught.value.status == 404


def test_what_is_wrong_is_said_with_its_place(client: populace.Client) -> None:
    with pytest.raises(populace.ServerError, match="not an e-mail address") as caught:
        client.upsert({"email": "nonsense"})
    assert caught.value.status == 400
    with pytest.raises(populace.ServerError, match=r"at character 11: expected a text") as caught:
        list(client.contacts(filter="country = DE"))
    assert (caught.value.status, caught.value.path) == (400, "filter")
    with (
        populace.Client(str(client._http.base_url), "wrong") as stranger,
        pytest.raises(populace.ServerError, match="a valid token is needed"),
    ):
        stranger.contact(ADA)
    with pytest.raises(populace.CallerError, match="token: is empty"):
        populace.Client("http://127.0.0.1", "")


def test_a_request_that_comes_again_with_its_key_is_not_carried_out_again(client: populace.Client) -> None:
    def upsert(key: str, **values: Any) -> httpx.Response:
        return client._http.post("/v1/contacts", json={"email": ADA, **values}, headers={"idempotency-key": key})

    assert upsert("one", name="Ada").status_code == 201
    assert upsert("two", name="Augusta").json()["name"] == "Augusta"
    again = upsert("one", name="Ada")
    assert (again.status_code, again.json()["name"]) == (201, "Augusta")
    reused = upsert("one", name="Countess")
    assert (reused.status_code, "another request" in reused.json()["detail"]) == (422, True)
    failed = client._http.post("/v1/contacts", json={"email": "x"}, headers={"idempotency-key": "three"})
    assert failed.status_code == 400
    assert upsert("three", name="Ada").json()["name"] == "Ada", "what failed was not carried out"
    view = {"email": ADA, "kind": "screen", "occurred_at": NOW.isoformat()}
    once = {"idempotency-key": "of one event"}
    assert client._http.post("/v1/events", json=view, headers=once).json()["created"] == 1
    assert client._http.post("/v1/events", json=[view, view], headers=once).status_code == 422
    event = {"email": ADA, "kind": "page_view", "occurred_at": NOW.isoformat()}
    for content, media_type in (([event, event], None), ("\n".join([str(event).replace("'", '"')] * 3), "ndjson")):
        counts = []
        for _ in range(2):
            headers = {"idempotency-key": f"events {media_type}"}
            if media_type is None:
                answer = client._http.post("/v1/events", json=content, headers=headers)
            else:
                headers["content-type"] = "application/x-ndjson"
                answer = client._http.post("/v1/events", content=str(content), headers=headers)
            counts.append((answer.json()["created"], answer.json()["unchanged"]))
        assert counts == [(len(content) if media_type is None else 3, 0), (0, counts[0][0])]
    timeline = client._http.get(f"/v1/contacts/{ADA}/timeline").json()["timeline"]
    assert [item["kind"] for item in timeline].count("page_view") == 5


def test_keys_of_one_request_at_the_same_time_wait_and_are_kept_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    held = threading.Event()
    with Keys(tmp_path) as keys:

        def ask(name: str) -> None:
            with keys.once("t1", "k1", ["x"]) as attempt:
                if not attempt.is_repeated:
                    held.wait(5)
                    done.append(name)
                    attempt.status = 201

        threads = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        held.set()
        for thread in threads:
            thread.join()
        assert len(done) == 1
        with keys.once("t2", "k1", ["x"]) as other:
            assert not other.is_repeated, "keys are of a token"
    with Keys(tmp_path) as keys:
        with keys.once("t1", "k1", ["x"]) as attempt:
            assert attempt.status == 201
        with pytest.raises(KeyReusedError), keys.once("t1", "k1", ["y"]):
            pass
        now = datetime.now(UTC).timestamp() + 25 * 3600
        monkeypatch.setattr("api.http.idempotency.time.time", lambda: now)
        with keys.once("t1", "k1", ["y"]) as attempt:
            assert not attempt.is_repeated
            attempt.status = 200
        assert keys._connection.execute("SELECT count(*) FROM keys").fetchall() == [(1,)]


Seen = list[tuple[str | None, bytes]]


@contextmanager
def answering(statuses: Iterable[int | None]) -> Iterator[tuple[populace.Client, Seen]]:
    """A client of a server that answers with these statuses (None: not at all), and what it was asked: key and body."""
    answers, seen = iter(statuses), Seen()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.append((self.headers["idempotency-key"], body))
            status = next(answers)
            if status is None:
                self.close_connection = True
                return
            counts = '"created": 1, "updated": 0, "unchanged": 0, "failed_count": 0, "failed": []'
            text = b'{"email": "ada@example.com", %s}' % counts.encode() if status == 200 else b'{"detail": "no"}'
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_DELETE(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as fake:
        threading.Thread(target=fake.serve_forever, daemon=True).start()
        with stamina.set_testing(True, attempts=6), populace.Client(f"http://127.0.0.1:{fake.server_port}", "t") as it:
            yield it, seen
        fake.shutdown()


def test_what_fails_on_the_way_is_tried_again_with_the_same_key() -> None:
    with answering([None, 503, 429, 200, None, 502, 504, 200]) as (client, seen):
        assert client.upsert({"email": ADA})["email"] == ADA
        assert client.record([{"email": ADA, "kind": "visit"}])["created"] == 1
    upserts, records = seen[:4], seen[4:]
    assert (len(upserts), len(set(upserts)), len(records), len(set(records))) == (4, 1, 4, 1)
    assert upserts[0][0]
    assert records[0][0] not in {None, upserts[0][0]}


def test_who_was_erased_by_a_request_whose_answer_was_lost_is_erased() -> None:
    with answering([None, 404, 404]) as (client, seen):
        client.erase(ADA)
        with pytest.raises(populace.ServerError):
            client.erase(ADA)
    assert len(seen) == 3


def test_what_cannot_be_helped_by_trying_again_is_not_tried_again() -> None:
    with answering([400]) as (client, seen):
        with pytest.raises(populace.ServerError) as caught:
            client.upsert({"email": ADA})
        assert (caught.value.status, len(seen)) == (400, 1)
