"""`/v1/imports` against a real server, and `populace import-csv` and `populace imports` as a person gives them."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands import populace
from tests.http_server import Server, running_server

TEXT = "E-Mail;Vorname;Bestellungen;Gruppe\nada@x.example;Ada;3;A\nbob@x.example;Bob;4;B\nnobody;Cy;5;C\n"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("imports") / "shops") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client("main", "write") as client:
        yield client


def uploaded(client: httpx.Client, text: str = TEXT, name: str = "kunden.csv") -> dict[str, Any]:
    answer = client.post("/v1/imports", params={"name": name}, content=text.encode(), headers=CSV)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(client: httpx.Client, import_id: str) -> dict[str, Any]:
    """The import once it has ended, as its stream tells."""
    last: dict[str, Any] = {}
    deadline = time.monotonic() + 120
    with client.stream("GET", f"/v1/imports/{import_id}/progress") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            assert time.monotonic() < deadline, last
            if line.startswith("data: "):
                last = json.loads(line.removeprefix("data: "))
    return last


def test_a_file_is_uploaded_understood_and_brought_in(client: httpx.Client) -> None:
    found = uploaded(client)
    import_id, proposal = found["upload"]["id"], found["proposal"]
    assert (found["upload"]["state"], found["upload"]["name"]) == ("waiting", "kunden.csv")
    assert [column["target"] for column in proposal["columns"]] == ["email", "first_name", "orders_count", None]
    shown = proposal["preview"]["rows"]
    assert shown[0]["values"] == {"email": "ada@x.example", "first_name": "Ada", "orders_count": 3}
    assert "not an e-mail address" in shown[2]["problem"]
    assert client.get(f"/v1/imports/{import_id}/proposal").json() == proposal
    settings = proposal["settings"]
    settings["columns"][3] |= {"target": "group", "type": "text"}
    settings["tags"] = ["imported"]
    preview = client.post(f"/v1/imports/{import_id}/preview", json={"settings": settings})
    assert preview.json()["rows"][1]["values"]["group"] == "B"
    dry = client.post(f"/v1/imports/{import_id}/start", json={"settings": settings, "dry_run": True})
    assert dry.status_code == 202, dry.text
    assert ended(client, import_id)["new_count"] == 2
    assert client.get("/v1/contacts/ada@x.example").status_code == 404
    client.post(f"/v1/imports/{import_id}/start", json={"settings": settings}).raise_for_status()
    last = ended(client, import_id)
    assert (last["state"], last["row_count"], last["new_count"], last["rejected_count"]) == ("done", 3, 2, 1)
    ada = client.get("/v1/contacts/ada@x.example").json()
    assert (ada["fields"]["group"], ada["tags"]) == ("A", ["imported"])
    rejected = client.get(f"/v1/imports/{import_id}/rejected")
    assert rejected.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(rejected.text, newline=""))
    assert (row["Vorname"], row["import_row"]) == ("Cy", "3")
    assert [item["id"] for item in client.get("/v1/imports").json()["imports"]][:1] == [import_id]
    assert client.delete(f"/v1/imports/{import_id}").status_code == 204
    assert client.get(f"/v1/imports/{import_id}").status_code == 404


def test_what_is_wrong_is_said_without_paths_of_the_server(client: httpx.Client, server: Server) -> None:
    answers = [client.post("/v1/imports", params={"name": "x.csv"}, content=b"", headers=CSV)]
    found = uploaded(client)
    import_id, settings = found["upload"]["id"], found["proposal"]["settings"]
    start = f"/v1/imports/{import_id}/start"
    answers.append(client.post(start, json={"settings": settings | {"lists": ["nws"]}}))
    answers.append(client.post(start, json={"settings": settings | {"columns": settings["columns"][:1]}}))
    answers.append(client.post(start, json={"settings": {"columns": "x"}}))
    answers.append(client.get("/v1/imports/nothing"))
    for answer in answers:
        assert answer.status_code in {400, 404, 422}, answer.text
        assert str(server.root) not in answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert "x.csv: is empty" in answers[0].text
    assert client.post(f"/v1/imports/{import_id}/cancel").json()["state"] == "cancelled"
    assert client.post(start, json={"settings": settings}).status_code in {400, 409, 422}


def test_an_import_goes_on_when_the_server_was_killed(tmp_path: Path) -> None:
    lines = [f"p{number}@x.example;Ann;{number % 9};A" for number in range(80_000)]
    text = TEXT.splitlines()[0] + "\n" + "\n".join(lines)
    with running_server(tmp_path / "shops") as server, server.client("main", "write") as client:
        found = uploaded(client, text)
        import_id = found["upload"]["id"]
        settings = found["proposal"]["settings"]
        client.post(f"/v1/imports/{import_id}/start", json={"settings": settings}).raise_for_status()
        deadline = time.monotonic() + 60
        while not (item := client.get(f"/v1/imports/{import_id}").json())["row_count"]:
            assert time.monotonic() < deadline, item
            time.sleep(0.01)
        server.process.kill()
        server.process.wait()
    with running_server(tmp_path / "shops") as server, server.client("main", "write") as client:
        last = ended(client, import_id)
        assert (last["state"], last["row_count"], last["new_count"]) == ("done", 80_000, 80_000)
        assert client.get("/api/contacts.count", params={"workspace_id": "main"}).json()["total_contacts"] == 80_000


def test_the_commands(tmp_path: Path) -> None:
    shop, path = tmp_path / "shop", tmp_path / "kunden.csv"
    path.write_text(TEXT)
    assert populace("init", shop).returncode == 0
    looked = populace("import-csv", shop, path)
    assert (looked.returncode, looked.stderr) == (0, "")
    assert "nothing is stored yet" in looked.stdout
    assert json.loads(populace("import-csv", shop, path, "--json").stdout)["columns"][0]["target"] == "email"
    refused = populace("import-csv", shop, path, "--map", "Grupe=group:text")
    assert (refused.returncode, "did you mean 'Gruppe'" in refused.stderr) == (2, True)
    refused = populace("import-csv", shop, path, "--map", "Gruppe=group:colour")
    assert refused.returncode == 2, refused.stderr
    refused = populace("import-csv", shop, path, "--yes", "--rejected", path)
    assert (refused.returncode, path.read_text()) == (2, TEXT)
    settings = tmp_path / "settings.json"
    options = ("--map", "Gruppe=group:text", "--tag", "in", "--save-settings", settings)
    assert populace("import-csv", shop, path, *options).returncode == 0
    rejected = tmp_path / "rejected.csv"
    done = populace("import-csv", shop, path, "--settings", settings, "--yes", "--rejected", rejected)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 rows read; 2 new" in done.stdout
    assert "1 rejected" in done.stdout
    assert "Cy" in rejected.read_text()
    (item,) = json.loads(populace("imports", "list", shop, "--json").stdout)
    assert (item["state"], item["name"]) == ("done", "kunden.csv")
    assert populace("imports", "rejected", shop, item["id"]).stdout.splitlines() == rejected.read_text().splitlines()
    assert "kunden.csv" in populace("imports", "list", shop).stdout
    assert populace("imports", "resume", shop, item["id"]).returncode == 2
    assert populace("imports", "delete", shop, item["id"]).returncode == 0
    assert "no import has the id" in populace("imports", "cancel", shop, item["id"]).stderr
    assert '"A"' in populace("contact", shop, "ada@x.example", "--json").stdout
    dry = populace("import-csv", shop, path, "--dry-run", "--keep-all")
    assert "it was a dry run" in dry.stdout
