"""What a server refuses, and that nobody can keep it from answering others."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

import populace
from api.http import serving
from api.http.app import ServerSettings, create_app
from api.http.gate import Limits
from api.http.tokens import Tokens
from api.http.workspaces import Workspaces
from ingest.workspace import Workspace
from tests.http_server import serving_in_a_thread

BODY_BYTES = 100_000
UPSERT = "/api/contacts.upsert"

Serve = Callable[..., httpx.Client]

SILENT_CONNECTIONS = int(os.environ.get("POPULACE_SILENT_CONNECTIONS", "300"))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves a new workspace in a thread, with limits that tests can wait for; gives a client."""
    with ExitStack() as stack:

        def begin(*, body_seconds: float = 30.0, answer_seconds: float = 30.0, token_rate: int = 5_000) -> httpx.Client:
            populace.init(tmp_path / "main").close()
            tokens = stack.enter_context(Tokens(tmp_path))
            workspaces = stack.enter_context(Workspaces(tmp_path))
            workspaces.open_all()
            limits = Limits(body_bytes=BODY_BYTES, body_seconds=body_seconds, answer_seconds=answer_seconds)
            app = create_app(workspaces, tokens, ServerSettings(limits=limits, token_rate=token_rate))
            url = stack.enter_context(serving_in_a_thread(app))
            headers = {"Authorization": f"Bearer {tokens.create('main', ['admin'])}"}
            return stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30))

        yield begin


def error(answer: httpx.Response) -> tuple[int, str]:
    assert set(answer.json()) == {"error"}, answer.text
    return answer.status_code, str(answer.json()["error"])


def upsert(client: httpx.Client, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    return client.post(UPSERT, content=body, headers={"content-type": "application/json", **headers})


def contact(padding: int = 0) -> bytes:
    body = {"workspace_id": "main", "contact": {"email": "a@x.example", "first_name": "A"}}
    return json.dumps(body).encode() + b" " * padding


def test_bodies_that_are_too_large_or_no_json_are_refused(serve: Serve) -> None:
    client = serve()
    assert upsert(client, contact(BODY_BYTES - 200)).status_code == 200
    too_large = "the body is larger than 100,000 bytes; send less at once"
    assert error(upsert(client, contact(BODY_BYTES))) == (413, too_large)
    assert error(upsert(client, iter([contact(BODY_BYTES)]))) == (413, too_large)
    for body, problem in {
        b"": "body: field required",
        b"{": "the body is no JSON",
        b'{"workspace_id": "main", "contact": {"lifetime_value": NaN}}': "the body is no JSON",
        b'{"workspace_id": "main", "contact": {"first_name": "\xff"}}': "the body is no JSON",
        b'{"workspace_id": "main", "contact": ' + b"[" * 20_000 + b"]" * 20_000 + b"}": "the body is no JSON",
        b"[]": "body: input should be",
        b'{"workspace_id": 1, "contact": {}}': "workspace_id: input should be a valid string",
        b'{"workspace_id": "main", "contact": {}}': "contact: names nobody",
        b'{"workspace_id": "main", "contact": {"lifetime_value": 1e999}}': "the body is no JSON",
    }.items():
        status, said = error(upsert(client, body))
        assert (status, problem in said) == (400, True), (body[:80], said)
    status, said = error(client.post(UPSERT, content=contact(), headers={"content-type": "text/plain"}))
    assert (status, said) == (415, "the body must be JSON: send Content-Type: application/json, not text/plain")
    assert client.post(
        UPSERT, content=contact(), headers={"content-type": "application/json; charset=utf-8"}
    ).is_success
    assert error(client.get("/api/nothing")) == (404, "not found")
    assert error(client.put(UPSERT)) == (405, "method not allowed")


def test_a_body_that_does_not_come_is_not_waited_for(serve: Serve) -> None:
    client = serve(body_seconds=0.5)

    def slow() -> Iterator[bytes]:
        yield b'{"workspace_id":'
        time.sleep(3)
        yield b"1}"

    started = time.monotonic()
    with suppress(httpx.TransportError):  # the server may hang up while the client is still sending
        assert error(upsert(client, slow())) == (408, "the body was not there within 0.5 s")
    assert client.get("/health").json() == {"status": "ok"}
    assert time.monotonic() - started < 10


def test_streams_of_events_may_be_of_any_length_and_arrays_may_not(serve: Serve) -> None:
    client = serve(body_seconds=2.0)
    upsert(client, contact())
    event = {"email": "a@x.example", "kind": "visit", "occurred_at": "2026-05-01T10:00:00Z"}
    lines = "".join(json.dumps({**event, "id": f"e{number}"}) + "\n" for number in range(3_000)).encode()
    assert len(lines) > 2 * BODY_BYTES

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(lines), len(lines) // 5):
            yield lines[start : start + len(lines) // 5]
            time.sleep(0.6)  # in all longer than a body may take, each time less than it may say nothing

    done = client.post("/v1/events", content=slowly(), headers={"content-type": "application/x-ndjson"})
    assert (done.status_code, done.json()["created"]) == (200, 3_000)
    refused = client.post("/v1/events", json=[{**event, "id": f"f{number}"} for number in range(3_000)])
    assert (refused.status_code, "send lines" in refused.json()["detail"]) == (413, True)


def test_a_request_that_takes_too_long_is_answered_and_what_it_writes_may_still_be(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert_and_read = Workspace.upsert_and_read

    def slowly(workspace: Workspace, given: dict[str, object]) -> object:
        time.sleep(2)
        return upsert_and_read(workspace, given)

    client = serve(answer_seconds=1.0)
    monkeypatch.setattr(Workspace, "upsert_and_read", slowly)
    status, said = error(upsert(client, contact()))
    assert (status, said) == (504, "no answer within 1 s; what was to be written may still be")
    deadline = time.monotonic() + 20
    while client.get("/api/contacts.count", params={"workspace_id": "main"}).json() != {"total_contacts": 1}:
        assert time.monotonic() < deadline


def test_a_bug_is_told_by_number_and_no_more(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(workspace: Workspace) -> object:
        raise RuntimeError("secret")

    client = serve()
    monkeypatch.setattr(Workspace, "contact_count", broken)
    answer = client.get("/api/contacts.count", params={"workspace_id": "main"}, headers={"x-request-id": "mine"})
    status, said = error(answer)
    assert (status, answer.headers["x-request-id"]) == (500, "mine")
    number = said.rpartition(" ")[2]
    assert said == f"a bug of populace, not of yours; the server's log has it as {number}"
    logged = capfd.readouterr()
    assert number in logged.out + logged.err
    assert client.get("/health").status_code == 200


def test_every_answer_has_a_request_id(serve: Serve) -> None:
    client = serve()
    ids = {client.get("/health", headers=each).headers["x-request-id"] for each in ({}, {}, {"x-request-id": "x" * 70})}
    assert len(ids) == 3
    assert all(len(each) == 32 for each in ids)
    assert client.get("/nothing", headers={"x-request-id": "a-1"}).headers["x-request-id"] == "a-1"


def test_a_token_may_ask_so_often_and_no_more(serve: Serve) -> None:
    client = serve(token_rate=5)
    answers = [client.get("/api/contacts.count", params={"workspace_id": "main"}) for _ in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert error(refused[0])[1].startswith("too many requests; try again in 1 s")
    assert refused[0].headers["retry-after"] == "1"
    time.sleep(1.1)
    assert client.get("/api/contacts.count", params={"workspace_id": "main"}).status_code == 200


def test_who_says_nothing_or_little_is_sent_away(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_HEAD_SECONDS", 1.0)
    client = serve()
    address = (client.base_url.host, client.base_url.port or 0)
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(address)) for _ in range(SILENT_CONNECTIONS)]
        for connection in silent[:100]:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert client.get("/health").status_code == 200
        for connection in silent:
            connection.settimeout(10)
            assert connection.recv(100) == b""


def test_the_documentation_loads_nothing_from_elsewhere(serve: Serve) -> None:
    client = serve()
    page = client.get("/docs").raise_for_status().text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert any(path.endswith(".js") for path in loaded)
    for path in loaded:
        assert path.startswith("/")
        client.get(path).raise_for_status()


def test_requests_are_counted_by_route_and_status(serve: Serve) -> None:
    client = serve()
    client.get("/api/contacts.count", params={"workspace_id": "main"})
    client.get("/api/contacts.count", params={"workspace_id": "else"})
    client.get("/wp-login.php")
    upsert(client, contact())
    lines = client.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    for labels in (
        'method="GET",route="/api/contacts.count",status="200"',
        'method="GET",route="/api/contacts.count",status="404"',
        'method="any",route="none",status="404"',
        'method="POST",route="/api/contacts.upsert",status="200"',
    ):
        assert values[f"populace_request_seconds_count{{{labels}}}"] == "1.0", lines
    assert float(values['populace_writes{workspace="main"}']) == 1
    assert float(values['populace_commits{workspace="main"}']) == 1
    assert values['populace_writes_waiting{workspace="main"}'] == "0.0"
    assert 'populace_recompute_lag_seconds{workspace="main"}' in values
