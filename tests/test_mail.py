"""Mails of lists: from templates, by a real SMTP server, each at least once; and what providers tell of them."""

from __future__ import annotations

import base64
import email
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

import populace
from api.http.tokens import Tokens
from api.mail.smtp import SmtpSettings
from engine.errors import CallerError
from tests.http_server import Server, running_server

ADA = "ada@example.com"
SENDER = "Shop <news@shop.example>"
PUBLIC = "https://news.shop.example/x/"


@dataclass
class Inbox:
    """An SMTP server: `answers` says what a recipient is answered with; `mails` are those that were taken."""

    mails: list[EmailMessage] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    port: int = 0

    async def handle_RCPT(  # noqa: N802 (the name that aiosmtpd calls)
        self, _: object, __: Session, envelope: Envelope, address: str, ___: object
    ) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        else:
            self.refused.append(address)
        return answer

    async def handle_DATA(self, _: object, __: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 taken"

    def wait_for(self, count: int) -> list[EmailMessage]:
        deadline = time.monotonic() + 20
        while len(self.mails) < count:
            assert time.monotonic() < deadline, [mail["Subject"] for mail in self.mails]
            time.sleep(0.02)
        return self.mails


@contextmanager
def inbox(port: int = 0) -> Iterator[Inbox]:
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    found = Inbox(port=port)
    controller = Controller(found, hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()


@contextmanager
def shop(root: Path, port: int) -> Iterator[tuple[Server, httpx.Client]]:
    told = ("--smtp", f"smtp://127.0.0.1:{port}", "--mail-from", SENDER, "--public-url", PUBLIC)
    with running_server(root, *told, "--log-level", "warning") as server, server.client("main") as client:
        yield server, client


def put(client: httpx.Client, path: str, **values: Any) -> Any:
    answer = client.put(f"/v1/{path}", json=values)
    assert answer.is_success, answer.text
    return answer.json()


def subscribe(client: httpx.Client, address: str = ADA) -> None:
    body = {"workspace_id": "main", "contact": {"email": address}, "list_ids": ["news"]}
    assert client.post("/subscribe", json=body).json() == {"success": True}


def timeline(client: httpx.Client, address: str = ADA) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/v1/contacts/{address}/timeline").json()["timeline"]
    return found


def test_who_subscribes_confirms_is_welcomed_and_can_leave_with_one_click(tmp_path: Path) -> None:
    with inbox() as found, shop(tmp_path / "shops", found.port) as (server, client):
        welcome = "<p>Hello {{ contact.email }} & {{ list.name }}</p><a href='{{ notification_center_url }}'>yours</a>"
        put(client, "templates/welcome", subject="Welcome\n to {{ list.name }}", html=welcome, text="Hello")
        put(client, "templates/bye", subject="Bye {{ contact.email }}", text="{{ list.description }}")
        values = {"welcome_template_id": "welcome", "unsubscribe_template_id": "bye", "name": "<News>"}
        put(client, "lists/news", is_public=True, is_double_optin=True, description="All that is new", **values)
        subscribe(client)
        (asking,) = found.wait_for(1)
        assert (asking["To"], asking["From"], asking["Subject"]) == (ADA, SENDER, "Please confirm: <News>")
        body = asking.get_body(("plain",))
        assert body is not None
        (link,) = re.findall(rf"{PUBLIC}confirm\?\S+", body.get_content())
        html = asking.get_body(("html",))
        assert html is not None
        assert "&lt;News&gt;" in html.get_content()
        assert httpx.post(link.replace(PUBLIC, f"{server.url}/")).status_code == 200
        welcomed = found.wait_for(2)[1]
        assert welcomed["Subject"] == "Welcome to <News>"
        assert welcomed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        leave = welcomed["List-Unsubscribe"].strip("<>").replace(PUBLIC, f"{server.url}/")
        assert httpx.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        bye = found.wait_for(3)[2]
        assert (bye["Subject"], bye.get_content().strip()) == (f"Bye {ADA}", "All that is new")
        assert "List-Unsubscribe" not in bye
        deadline = time.monotonic() + 10
        while len(sent := [item for item in timeline(client) if item["kind"] == "insert_message_history"]) < 3:
            assert time.monotonic() < deadline
        assert {item["properties"]["message_id"] for item in sent} == {mail["Message-ID"] for mail in found.mails}
        assert {item["template_id"] for item in sent} == {None, "welcome", "bye"}
        assert 'populace_mails_waiting{workspace="main"} 0.0' in client.get("/metrics").text
        assert client.delete("/v1/templates/bye").status_code == 400
        assert "is that of list 'news'" in client.delete("/v1/templates/bye").json()["detail"]


def test_mails_wait_for_the_server_and_for_their_template(tmp_path: Path) -> None:
    with inbox() as first:
        port = first.port
    with shop(tmp_path / "shops", port) as (server, client):
        put(client, "lists/news", is_public=True, welcome_template_id="later")
        put(client, "lists/other", is_public=True, is_double_optin=True)
        body = {"workspace_id": "main", "contact": {"email": ADA}, "list_ids": ["news", "other"]}
        client.post("/subscribe", json=body)
        deadline = time.monotonic() + 15
        while not any("mail_server_fails" in line for line in server.log):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert 'populace_mails_waiting{workspace="main"} 2.0' in client.get("/metrics").text
        with inbox(port) as found:
            assert "confirm" in found.wait_for(1)[0]["Subject"]
            put(client, "templates/later", subject="Welcome", text="Hello")
            assert found.wait_for(2)[1]["Subject"] == "Welcome"


def test_a_mailbox_that_takes_nothing_is_off_its_lists_and_one_that_is_full_is_tried_again(tmp_path: Path) -> None:
    with inbox() as found, shop(tmp_path / "shops", found.port) as (_, client):
        put(client, "templates/hello", subject="Hello", text="Hello")
        put(client, "lists/news", is_public=True, welcome_template_id="hello")
        found.answers = {"gone@example.com": "550 no such user", "full@example.com": "452 full"}
        subscribe(client, "gone@example.com")
        subscribe(client, "full@example.com")
        deadline = time.monotonic() + 20
        while "bounced" not in str(client.get("/v1/contacts/gone@example.com").json()["subscriptions"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (bounce,) = (item for item in timeline(client, "gone@example.com") if item["kind"] == "bounce_email")
        assert (bounce["properties"]["bounce_type"], "550" in bounce["properties"]["reason"]) == ("permanent", True)
        found.answers = {}
        assert found.wait_for(1)[0]["To"] == "full@example.com"
        assert found.refused.count("gone@example.com") == 1


def test_templates_are_checked_when_they_are_saved(tmp_path: Path) -> None:
    with populace.init(tmp_path / "shop") as shop:
        for given, problem in (
            ({"subject": "{{ contact.email"}, "subject: is no Liquid"),
            ({"subject": "x", "html": "{% for x in y %}"}, "html: is no Liquid"),
            ({"subject": "x", "html": "{% include 'x' %}{% nope %}"}, "html: is no Liquid"),
            ({"subject": "x"}, "must have a subject, and html or text"),
            ({"subject": " ", "text": "x"}, "subject: ' ' must be a text"),
            ({"subject": "x", "text": "x" * 500_001}, "text: "),
        ):
            with pytest.raises(CallerError, match=problem):
                shop.mails.save_template("t", **given)
        with pytest.raises(CallerError, match="is no id"):
            shop.mails.save_template("a b", subject="x", text="y")
        assert shop.mails.templates() == []
        assert shop.mails.save_template("t", subject="x", text="y") == "created"
        assert shop.mails.save_template("t", subject="x", text="y") == "unchanged"
        assert shop.mails.save_template("t", subject="z", html="y") == "updated"
        assert (shop.mails.template("t").text, shop.mails.template("t").name) == (None, "t")
        assert shop.mails.delete_template("t") == "deleted"
        with pytest.raises(CallerError, match="no template has the id 't'"):
            shop.mails.delete_template("t")


@pytest.mark.parametrize(
    ("url", "sender", "problem"),
    [
        ("mail.example", SENDER, "--smtp: must be such as"),
        ("http://mail.example", SENDER, "--smtp: must be such as"),
        ("smtp://mail.example:x", SENDER, "--smtp: must be such as"),
        ("smtp://mail.example", "Shop", "--mail-from: 'Shop' is no address"),
    ],
)
def test_settings_that_cannot_be_are_refused(url: str, sender: str, problem: str) -> None:
    with pytest.raises(CallerError, match=problem):
        SmtpSettings.of(url, sender)
    found = SmtpSettings.of("smtps://us%40er:p%3Aw@mail.example", SENDER)
    assert (found.port, found.is_tls, found.user, found.password, found.domain) == (
        *(465, True, "us@er", "p:w"),
        "shop.example",
    )


def test_providers_tell_what_became_of_mails(tmp_path: Path) -> None:
    with running_server(tmp_path / "shops") as server, server.client("main", "write") as client:
        client.post("/v1/contacts", json={"email": ADA}).raise_for_status()
        put(client, "lists/news")
        body = {"workspace_id": "main", "contact": {"email": ADA}, "list_ids": ["news"]}
        assert client.post("/api/lists.subscribe", json=body).is_success
        at = "2026-05-01T10:00:00Z"
        told = [
            {"id": "1", "type": "delivered", "email": ADA, "occurred_at": at, "message_id": "m1"},
            {"id": "2", "type": "clicked", "email": ADA, "occurred_at": at, "template_id": "t1", "url": "https://x"},
            {"id": "3", "type": "opened", "email": "nobody@example.com", "occurred_at": at},
            {"id": "4", "type": "bounced", "email": ADA, "occurred_at": at, "bounce_type": "permanent"},
        ]
        with Tokens(server.root) as tokens:
            text, reader = tokens.create("main", ["write"]), tokens.create("main", ["read"])
        basic = base64.b64encode(f"hook:{text}".encode()).decode()
        url = f"{server.url}/hooks/main/postmark"
        done = httpx.post(url, json={"events": told}, headers={"authorization": f"Basic {basic}"})
        assert done.status_code == 200, done.text
        assert (done.json()["created"], [*done.json()["failed"]]) == (3, ["2"])
        assert "no contact has the e-mail" in done.json()["failed"]["2"]
        assert client.post("/hooks/main/postmark", json={"events": told}).json()["unchanged"] == 3
        found = {item["kind"]: item for item in timeline(client)}
        assert found["click_email"]["properties"] == {"url": "https://x", "provider": "postmark"}
        assert (found["click_email"]["template_id"], found["click_email"]["id"]) == ("t1", "postmark:2")
        assert found["deliver_email"]["properties"]["message_id"] == "m1"
        assert client.get(f"/v1/contacts/{ADA}").json()["subscriptions"][0]["status"] == "bounced"
        nobody = [{}, {"authorization": "Basic x"}, {"authorization": "Bearer x"}]
        answers = {httpx.post(url, json={"events": told}, headers=headers).status_code for headers in nobody}
        assert answers == {401}
        forbidden = httpx.post(url, json={"events": told}, headers={"authorization": f"Bearer {reader}"})
        assert forbidden.status_code == 403
        server.make_workspace("other")
        for name in ("other", "nothing"):
            assert client.post(f"/hooks/{name}/postmark", json={"events": told}).status_code == 404
        wrongs: tuple[dict[str, Any], ...] = (
            {"events": []},
            {"events": [{**told[0], "type": "melted"}]},
            {"events": [{"type": "opened"}]},
        )
        for wrong in wrongs:
            assert client.post("/hooks/main/postmark", json=wrong).status_code == 400
