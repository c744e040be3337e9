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
from api.mail.mailer import Mailer
from api.mail.smtp import SmtpSettings, is_of_the_mailbox
from engine.errors import CallerError, StoreError
from tests.http_server import Server, running_server

ADA = "ada@example.com"
SENDER = "Shop <news@shop.example>"
PUBLIC = "https://news.shop.example/x/"


@dataclass
class Inbox:
    """An SMTP server: `answers` says what a recipient is answered with; `mails` are those that were taken."""

    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
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
        self.raw.append(envelope.content)
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
        assert b"\r\nList-Unsubscribe: <" + PUBLIC.encode() in found.raw[1], "in one line, as programs read it"
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
        put(client, "lists/gone", is_public=True, is_double_optin=True)
        body = {"workspace_id": "main", "contact": {"email": ADA}, "list_ids": ["news", "other", "gone"]}
        client.post("/subscribe", json=body)
        deadline = time.monotonic() + 15
        while not any("mail_server_fails" in line for line in server.log):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert 'populace_mails_waiting{workspace="main"} 3.0' in client.get("/metrics").text
        assert client.delete("/v1/lists/gone").status_code == 204
        with inbox(port) as found:
            assert "confirm" in found.wait_for(1)[0]["Subject"]
            put(client, "templates/later", subject="Welcome", text="Hello")
            assert found.wait_for(2)[1]["Subject"] == "Welcome"
            while 'populace_mails_waiting{workspace="main"} 0.0' not in client.get("/metrics").text:
                assert time.monotonic() < deadline + 30
                time.sleep(0.05)
            assert len(found.mails) == 2


def test_a_mailbox_that_takes_nothing_is_off_its_lists_and_one_that_is_full_is_tried_again(tmp_path: Path) -> None:
    with inbox() as found, shop(tmp_path / "shops", found.port) as (_, client):
        put(client, "templates/hello", subject="Hello", text="Hello")
        put(client, "lists/news", is_public=True, welcome_template_id="hello")
        put(client, "lists/other", is_public=True)
        body = {"workspace_id": "main", "contact": {"email": "gone@example.com"}, "list_ids": ["other"]}
        client.post("/subscribe", json=body)
        found.answers = {"gone@example.com": "550 5.1.1 no such user", "full@example.com": "452 full"}
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
        subscriptions = client.get("/v1/contacts/gone@example.com").json()["subscriptions"]
        assert {item["status"] for item in subscriptions} == {"bounced"}, "of all its lists"


HEADERS = {
    *("from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"),
    *("content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post", "x-peer", "x-mailfrom", "x-rcptto"),
}


def test_no_value_becomes_a_header_or_another_mail_and_none_stops_the_others(tmp_path: Path) -> None:
    hostile = "=?utf-8?q?x=0D=0AReply-To:_evil@x.de=0D=0A=0D=0ASend_money?=\r\nBcc: evil@x.de"
    with inbox() as found, shop(tmp_path / "shops", found.port) as (_, client):
        subject = "{{ contact.first_name }} {{ contact.last_name }}"
        put(client, "templates/w", subject=subject, text="Dear {{ contact.first_name }}")
        put(client, "templates/bad", subject="x", text="{{ contact.last_name | ceil }}")
        put(client, "lists/news", name="News =?utf-8?q?=0D=0AX-Evil:_1?=", is_public=True, welcome_template_id="w")
        put(client, "lists/odd", is_public=True, welcome_template_id="bad")
        addresses = ["=?utf-8?q?a=0ab?=@x.com", "=?utf-8?q??=@x.com", "=?utf-8?q?victim=40other.com=2c?=@x.com"]
        for number, address in enumerate([*addresses, "joe@ex\u00e4mple.de", ADA]):
            contact = {"email": address, "first_name": hostile, "last_name": "inf"}
            body = {"workspace_id": "main", "contact": contact, "list_ids": ["odd", "news"]}
            assert client.post("/subscribe", json=body).status_code in {200, 400}, number
        deadline = time.monotonic() + 20
        while not any(b"\r\nTo: " + ADA.encode() in raw for raw in found.raw):
            assert time.monotonic() < deadline, found.raw
            time.sleep(0.05)
        for raw in found.raw:
            head, _, _ = raw.partition(b"\r\n\r\n")
            names = {line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"}
            assert names <= HEADERS, head
            assert b"\r\n\r\nSend money" not in raw
        assert {mail.get_content().strip()[:4] for mail in found.mails} == {"Dear"}


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "no such user", True),
        (550, "5.1.1 no such user", True),
        (550, "5.2.1 disabled", True),
        (552, "5.2.2 full", False),
        (550, "5.7.1 relaying denied", False),
        (550, "Relay access denied", False),
        (530, "authentication required", False),
        (452, "full", False),
    ],
)
def test_what_says_that_a_mailbox_is_not_there(code: int, text: str, *, expected: bool) -> None:
    assert is_of_the_mailbox(code, text) is expected


def test_what_was_sent_is_not_sent_again_because_it_cannot_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inbox() as found, populace.init(tmp_path / "shop") as shop:
        shop.lists.save("news", is_public=True, is_double_optin=True)
        shop.lists.subscribe_by_form({"email": ADA}, ["news"])
        noted: list[float] = []
        note = shop.mails.sent

        def sent(*arguments: Any) -> None:
            noted.append(time.monotonic())
            if len(noted) < 3:
                raise StoreError("the disk is full")
            note(*arguments)

        monkeypatch.setattr(shop.mails, "sent", sent)
        monkeypatch.setattr("api.mail.mailer.pause_after", lambda _: 0.1)
        monkeypatch.setattr("api.mail.mailer.AGAIN_SECONDS", 0.1)
        settings = SmtpSettings.of(f"smtp://127.0.0.1:{found.port}", SENDER)
        mailer = Mailer(lambda: {"main": shop}, settings, PUBLIC)
        mailer.start()
        deadline = time.monotonic() + 20
        while shop.mails.waiting_count():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        mailer.stop()
        assert (len(noted), len(found.mails)) == (3, 1)


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
        nameless = client.post("/hooks/main/postmark", json={"events": [{**told[0], "id": ""}]}).json()
        assert "id: '' is empty" in nameless["failed"]["0"]
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
