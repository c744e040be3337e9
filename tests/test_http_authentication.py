"""Tokens, scopes and tenants: every route, with every token that there can be."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import populace as populace_library
from api.http.app import create_app
from api.http.tokens import Scope, Tokens
from api.http.workspaces import Workspaces
from engine.errors import CallerError
from tests.commands import populace
from tests.http_server import Server, running_server

PUBLIC = {"/subscribe", "/confirm", "/unsubscribe", "/unsubscribe-oneclick", "/preferences", "/notification-center"}
HOOKS = "/hooks/{workspace_id}/{provider}"
OPEN = {"/health", "/ready", "/metrics", *PUBLIC}
"""What needs no token: what people see has links that are signed."""

SCOPES_OF_ROUTES = {
    "contacts.upsert": "write",
    "contacts.import": "write",
    "contacts.getByEmail": "read",
    "contacts.getByExternalID": "read",
    "contacts.list": "read",
    "contacts.count": "read",
    "contacts.delete": "admin",
    "lists.create": "write",
    "lists.get": "read",
    "lists.list": "read",
    "lists.update": "write",
    "lists.delete": "admin",
    "lists.stats": "read",
    "lists.subscribe": "write",
    "contactLists.updateStatus": "write",
    "contactLists.getByIDs": "read",
    "contactLists.getContactsByList": "read",
    "contactLists.getListsByContact": "read",
    "contactLists.removeContact": "write",
    "segments.create": "write",
    "segments.get": "read",
    "segments.list": "read",
    "segments.update": "write",
    "segments.delete": "admin",
    "segments.preview": "read",
    "segments.rebuild": "write",
    "segments.contacts": "read",
    "timeline.list": "read",
    "customEvents.upsert": "write",
    "customEvents.import": "write",
    "customEvents.get": "read",
    "customEvents.list": "read",
    "webhookSubscriptions.create": "admin",
    "webhookSubscriptions.list": "read",
    "webhookSubscriptions.get": "read",
    "webhookSubscriptions.update": "admin",
    "webhookSubscriptions.delete": "admin",
    "webhookSubscriptions.toggle": "admin",
    "webhookSubscriptions.regenerateSecret": "admin",
    "webhookSubscriptions.deliveries": "read",
    "webhookSubscriptions.replay": "admin",
    "webhookSubscriptions.test": "admin",
    "webhookSubscriptions.eventTypes": "read",
}
"""The least that each route of `/api/*` needs."""

SCOPES_OF_RESOURCES = {
    "POST /contacts": "write",
    "GET /contacts": "read",
    "GET /contacts/{key}": "read",
    "PATCH /contacts/{key}": "write",
    "DELETE /contacts/{key}": "admin",
    "GET /contacts/{key}/timeline": "read",
    "GET /contacts/{key}/segments": "read",
    "GET /contacts/{key}/export": "read",
    "POST /events": "write",
    "GET /tags": "read",
    "PUT /tags/{name}": "write",
    "DELETE /tags/{name}": "admin",
    "GET /fields": "read",
    "PUT /fields/{key}": "write",
    "DELETE /fields/{key}": "admin",
    "GET /lists": "read",
    "GET /lists/{list_id}": "read",
    "PUT /lists/{list_id}": "write",
    "DELETE /lists/{list_id}": "admin",
    "POST /imports": "write",
    "GET /imports": "read",
    "GET /imports/{import_id}": "read",
    "DELETE /imports/{import_id}": "write",
    "GET /imports/{import_id}/proposal": "read",
    "POST /imports/{import_id}/preview": "read",
    "POST /imports/{import_id}/start": "write",
    "POST /imports/{import_id}/cancel": "write",
    "GET /imports/{import_id}/progress": "read",
    "GET /imports/{import_id}/rejected": "read",
    "GET /templates": "read",
    "GET /templates/{template_id}": "read",
    "PUT /templates/{template_id}": "write",
    "DELETE /templates/{template_id}": "admin",
    "GET /segments": "read",
    "GET /segments/{segment_id}": "read",
    "PUT /segments/{segment_id}": "write",
    "DELETE /segments/{segment_id}": "admin",
    "POST /segments/preview": "read",
    "POST /segments/plan": "read",
    "GET /segments/{segment_id}/explain/{key}": "read",
    "GET /segments/{segment_id}/members": "read",
    "GET /segments/{segment_id}/members/{key}": "read",
    "POST /memberships": "read",
    "GET /transitions": "read",
    "GET /transitions/stream": "read",
    "POST /sql": "sql",
}
"""The least that each route of `/v1/*` needs: the workspace is always that of the token."""

SCOPES_OF_PROFILES = {"POST /v2/contacts.upsert": "write", "GET /v2/contacts.info": "read"}

GRANTED = {"read": {"read"}, "write": {"read", "write"}, "sql": {"sql"}, "admin": {"read", "write", "sql", "admin"}}
LEAF = {
    "kind": "leaf",
    "leaf": {
        "source": "contacts",
        "contact": {"filters": [{"field_name": "country", "field_type": "string", "operator": "is_set"}]},
    },
}
VALUES: dict[str, Any] = {
    "contact": {"email": "new@x.example"},
    "contacts": [{"email": "new@x.example"}],
    "email": "ada@x.example",
    "external_id": "o1",
    "id": "known",
    "list_id": "known",
    "list_ids": ["known"],
    "segment_id": "known",
    "status": "unsubscribed",
    "tree": LEAF,
    "event_name": "shop.order",
    "events": [{"email": "ada@x.example", "event_name": "shop.order", "external_id": "o2"}],
    "url": "https://shop.example/hooks",
    "event_types": ["*"],
    "enabled": False,
    "subscription_id": "known",
}
"""A valid value for everything that a request must have."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("served") / "shops") as server:
        server.make_workspace("other")
        yield server


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("document")
    with Tokens(root) as tokens, Workspaces(root) as workspaces:
        found: dict[str, Any] = create_app(workspaces, tokens).openapi()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_table_has_every_route(document: dict[str, Any]) -> None:
    found = {(method, path) for method, path, _ in operations(document)}
    others = {(method, path) for method, path in found if not path.startswith(("/v1/", "/v2/"))}
    assert {path for _, path in others} == {f"/api/{name}" for name in SCOPES_OF_ROUTES} | OPEN | {HOOKS}
    assert {f"{method} {path}" for method, path in found if path.startswith("/v2/")} == {*SCOPES_OF_PROFILES}
    assert {f"{method} {path[3:]}" for method, path in found if path.startswith("/v1/")} == {*SCOPES_OF_RESOURCES}


def asked(client: httpx.Client, document: dict[str, Any], method: str, path: str, workspace_id: str) -> httpx.Response:
    """A valid request, with all that it must have, for what is known in `main`."""
    operation = document["paths"][path][method.lower()]
    query = {
        item["name"]: VALUES.get(item["name"], workspace_id)
        for item in operation.get("parameters", ())
        if item["required"]
    }
    body = operation.get("requestBody")
    if body is None:
        return client.request(method, path, params=query)
    reference = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    required = document["components"]["schemas"][reference]["required"]
    return client.request(method, path, params=query, json={name: VALUES.get(name, workspace_id) for name in required})


@pytest.mark.parametrize("scope", [*GRANTED])
def test_a_token_is_good_for_its_scope_and_its_workspace_alone(
    server: Server, document: dict[str, Any], scope: str
) -> None:
    for method, path, _ in operations(document):
        if path in {*OPEN, HOOKS} or path.startswith(("/v1/", "/v2/")):
            continue
        least = SCOPES_OF_ROUTES[path.removeprefix("/api/")]
        with server.client("main", scope) as client:
            own = asked(client, document, method, path, "main")
            foreign = asked(client, document, method, path, "other")
            missing = asked(client, document, method, path, "nothing")
        if least in GRANTED[scope]:
            assert own.status_code not in {401, 403}, (path, own.text)
            assert (foreign.status_code, foreign.content) == (404, missing.content), path
            assert "no such workspace" in foreign.text
        else:
            for answer in (own, foreign, missing):
                assert answer.status_code == 403, (path, answer.text)
                assert answer.json() == {"error": f"this token is not for that: it needs the scope {least}"}


@pytest.mark.parametrize("scope", [*GRANTED])
def test_a_token_of_one_scope_does_nothing_else_with_resources(
    server: Server, document: dict[str, Any], scope: str
) -> None:
    with server.client("main", scope) as client:
        for method, path, _ in operations(document):
            least = SCOPES_OF_RESOURCES.get(f"{method} {path[3:]}") or SCOPES_OF_PROFILES.get(f"{method} {path}")
            if least is None or least in GRANTED[scope]:
                continue
            answer = client.request(method, re.sub(r"\{\w+\}", "known", path), json={"anything": 1})
            assert answer.status_code == 403, path
            said = answer.json().get("detail") or answer.json()["error"]
            assert said == f"this token is not for that: it needs the scope {least}"


def test_nothing_is_told_to_who_has_no_token(server: Server, document: dict[str, Any]) -> None:
    with Tokens(server.root) as tokens:
        revoked = tokens.create("main", ["admin"])
        tokens.revoke(tokens.all()[-1].id)
    texts = (
        "Bearer",
        "Bearer x",
        f"Bearer {revoked}",
        f"Basic {revoked}",
        f"Bearer {revoked}x",
        "Bearer \xff",
        revoked,
    )
    headers = [httpx.Headers(), *(httpx.Headers({b"Authorization": text.encode("latin-1")}) for text in texts)]
    with httpx.Client(base_url=server.url) as client:
        for method, path, _ in operations(document):
            if path in OPEN:
                continue
            answers = {client.request(method, path, headers=each).content for each in headers}
            (only,) = [json.loads(answer) for answer in answers]
            assert only.get("error", only.get("detail")) == "a valid token is needed: Authorization: Bearer TOKEN", path
        answer = client.get("/api/contacts.count", headers=headers[1])
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_counts_as_soon_as_it_is_made_and_no_longer_than_it_is_valid(server: Server) -> None:
    with server.client("main", "read") as client, Tokens(server.root) as tokens:
        for _ in range(3):
            assert client.get("/api/contacts.count", params={"workspace_id": "main"}).status_code == 200
        tokens.revoke(tokens.all()[-1].id)
        assert client.get("/api/contacts.count", params={"workspace_id": "main"}).status_code == 401


def test_tokens_are_kept_as_hashes_and_used_tokens_are_known(tmp_path: Path) -> None:
    with Tokens(tmp_path) as tokens:
        text = tokens.create("main", ["write", "sql"])
        (token,) = tokens.all()
        assert token.scopes == {Scope.WRITE, Scope.SQL}
        assert (token.last_used_at, token.revoked_at) == (None, None)
        assert [token.allows(scope) for scope in Scope] == [True, True, True, False]
        known = tokens.known(text)
        assert known is not None
        assert known.id == token.id
        assert tokens.known(text[:-1]) is None
        tokens.write_last_used()
        (used,) = tokens.all()
        assert used.last_used_at is not None
    for path in tmp_path.iterdir():
        assert text.encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0, path
    with (
        Tokens(tmp_path) as tokens,
        pytest.raises(CallerError, match="'root' is none: it can be read, write, sql or admin"),
    ):
        tokens.create("main", ["root"])


def test_the_commands_on_tokens(tmp_path: Path) -> None:
    root = tmp_path / "shops"
    assert populace("init", root / "main").returncode == 0
    made = populace("token", "create", root, "--workspace", "main", "--scope", "read", "--scope", "sql")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("populace_")
    assert made.stdout.count("\n") == 1
    (token,) = json.loads(populace("token", "list", root, "--json").stdout)
    assert (token["workspace_id"], token["scopes"], token["last_used_at"]) == ("main", ["read", "sql"], None)
    assert populace("token", "revoke", root, token["id"]).stdout == f"revoked {token['id']}\n"
    assert populace("token", "revoke", root, token["id"]).stdout == f"unchanged {token['id']}\n"
    refused = populace("token", "create", root, "--workspace", "mian", "--scope", "read")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no workspace is named 'mian'; did you mean 'main'?" in refused.stderr
    assert "no token has the id 'x'" in populace("token", "revoke", root, "x").stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_that_is_told_to_stop_brings_everything_into_the_files(tmp_path: Path, stop: signal.Signals) -> None:
    with running_server(tmp_path / "shops") as server:
        with server.client("main", "write") as client:
            body = {"workspace_id": "main", "contact": {"email": "a@x.example"}}
            client.post("/api/contacts.upsert", json=body).raise_for_status()
        server.process.send_signal(stop)
        assert server.process.wait(timeout=60) == 0, server.log
    assert not (server.root / "main" / "store.duckdb.wal").exists()
    with Tokens(server.root) as tokens:
        assert [token.last_used_at is not None for token in tokens.all()] == [False, True]
    with populace_library.open(server.root / "main") as shop:
        assert shop.contact_count() == 1
        assert shop.check().is_clean


def test_without_any_token_the_server_makes_one_and_stays_on_the_loopback(tmp_path: Path) -> None:
    with running_server(tmp_path / "shops", has_tokens=False) as server:
        (line,) = server.said
        text = line.rpartition(" ")[2].strip()
        assert line == f"admin token of workspace main, shown only now: {text}\n"
        headers = {"Authorization": f"Bearer {text}"}
        answer = httpx.get(f"{server.url}/api/contacts.count", params={"workspace_id": "main"}, headers=headers)
        assert answer.json() == {"total_contacts": 0}
        assert not any(text in entry for entry in server.log)
    (tmp_path / "more").mkdir()
    refused = populace("serve", tmp_path / "more", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2
    assert "a server without any token listens on 127.0.0.1 only" in refused.stderr
