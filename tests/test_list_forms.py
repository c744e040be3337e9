"""What people do themselves: they join by public forms, confirm, and unsubscribe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from engine.errors import (
    InvalidTokenError,
    InvalidWriteError,
    PrivateListError,
    UnknownContactError,
    UnknownListError,
)
from engine.storage.suppressed import suppressed_hash
from ingest.workspace import Workspace
from tests.list_world import ADA, NEW, entries, have, mails, shop_with_lists, status

STATUSES = ("pending", "active", "unsubscribed", "bounced", "complained")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with shop_with_lists(tmp_path) as opened:
        yield opened


# --- public forms -----------------------------------------------------------------------------------------------------


def test_a_form_on_a_single_optin_list_subscribes_and_says_welcome(shop: Workspace) -> None:
    assert shop.lists.subscribe(" NEW@x.example.com ", "single", source="form") == "accepted"
    assert status(shop, "single", NEW) == "active"
    assert mails(shop) == [("welcome", NEW, "single", "w")]
    assert entries(shop, NEW) == [("list.subscribed", "single", "form", None, "active")]
    assert shop.contact(NEW).events[-1].kind in {"contact.created", "list.subscribed"}
    assert {event.kind for event in shop.contact(NEW).events} == {"contact.created", "list.subscribed"}


def test_a_form_on_a_double_optin_list_asks_first(shop: Workspace) -> None:
    assert shop.lists.subscribe(ADA, "double", source="form") == "accepted"
    assert status(shop, "double") == "pending"
    assert mails(shop) == [("confirmation", ADA, "double", "c")]
    assert entries(shop) == [("list.pending", "double", "form", None, "pending")]


@pytest.mark.parametrize("list_id", ["single", "double"])
@pytest.mark.parametrize(
    ("before", "after", "mailed"),
    [
        ("active", "active", None),
        ("pending", "pending", "confirmation"),
        ("unsubscribed", "pending", "confirmation"),
        ("bounced", "bounced", None),
        ("complained", "complained", None),
    ],
)
def test_a_form_of_somebody_who_is_known_to_the_list(
    shop: Workspace, list_id: str, before: str, after: str, mailed: str | None
) -> None:
    have(shop, list_id, before)
    said = entries(shop)
    assert shop.lists.subscribe(ADA, list_id, source="form") == "accepted"
    assert status(shop, list_id) == after
    assert mails(shop) == ([] if mailed is None else [(mailed, ADA, list_id, "c")])
    new = [] if before == after else [("list.pending", list_id, "form", before, after)]
    assert entries(shop) == said + new


def test_the_answer_to_a_form_is_the_same_whoever_asks(shop: Workspace) -> None:
    """Nobody, a contact, every status, and an e-mail that was deleted for good."""
    answers = []
    for wanted in STATUSES:
        email = f"{wanted}@x.example.com"
        shop.upsert({"email": email})
        have(shop, "double", wanted, email)
        answers.append(shop.lists.subscribe(email, "double", source="form"))
    ((secret,),) = shop._store.rows("SELECT value FROM settings WHERE name = 'secret'")
    with shop._store.transaction() as cursor:
        row = [suppressed_hash(orjson.loads(secret), "gone@x.example.com"), datetime(2026, 1, 1)]
        cursor.execute("INSERT INTO suppressed VALUES ($1, $2)", row)
    for email in (ADA, NEW, "gone@x.example.com"):
        answers.append(shop.lists.subscribe(email, "double", source="form"))
    assert set(answers) == {"accepted"}
    with pytest.raises(UnknownContactError):
        shop.contact("gone@x.example.com")


def test_a_form_cannot_join_a_private_list(shop: Workspace) -> None:
    with pytest.raises(PrivateListError, match="list 'private' is private"):
        shop.lists.subscribe(NEW, "private", source="form")
    with pytest.raises(UnknownContactError):  # and has made no contact
        shop.contact(NEW)
    assert mails(shop) == []


def test_a_form_names_an_email_and_nothing_else(shop: Workspace) -> None:
    with pytest.raises(InvalidWriteError, match="must be an e-mail"):
        shop.lists.subscribe({"kind": "external_id", "value": "a-1"}, "single", source="form")


# --- confirming and unsubscribing -------------------------------------------------------------------------------------


def test_a_confirmation_makes_active_and_says_welcome_once(shop: Workspace) -> None:
    shop.lists.subscribe(ADA, "double", source="form")
    (mail,) = shop.lists.outbox()
    assert mail.token is not None
    assert shop.lists.confirm(mail.token) == "updated"
    assert status(shop, "double") == "active"
    assert shop.lists.confirm(mail.token) == "unchanged"
    assert mails(shop)[1:] == [("welcome", ADA, "double", "w")]
    assert entries(shop)[1:] == [("list.confirmed", "double", "confirmation", "pending", "active")]


@pytest.mark.parametrize("before", [None, "active", "unsubscribed", "bounced", "complained"])
def test_only_what_is_pending_is_confirmed(shop: Workspace, before: str | None) -> None:
    if before is not None:
        have(shop, "double", before)
    said = entries(shop)
    assert shop.lists.confirm(shop.lists.token("confirmation", ADA, "double")) == "unchanged"
    assert (status(shop, "double"), entries(shop), mails(shop)) == (before, said, [])


def test_links_do_what_they_are_for_and_nothing_else(shop: Workspace) -> None:
    have(shop, "double", "pending")
    confirmation = shop.lists.token("confirmation", ADA, "double")
    unsubscribe = shop.lists.token("unsubscribe", ADA, "double")
    for call, token in ((shop.lists.confirm, unsubscribe), (shop.lists.unsubscribe_with, confirmation)):
        with pytest.raises(InvalidTokenError):
            call(token)
    assert status(shop, "double") == "pending"


def test_the_link_of_a_welcome_mail_unsubscribes(shop: Workspace) -> None:
    shop.lists.subscribe(ADA, "single", source="form")
    (mail,) = shop.lists.outbox()
    assert mail.token is not None
    assert shop.lists.unsubscribe_with(mail.token) == "updated"
    assert shop.lists.unsubscribe_with(mail.token) == "unchanged"
    assert status(shop, "single") == "unsubscribed"
    assert mails(shop)[1:] == [("goodbye", ADA, "single", "g")]
    assert shop.lists.outbox()[1].token is None


@pytest.mark.parametrize(
    ("before", "after", "mailed"),
    [
        (None, "unsubscribed", False),  # so that no import subscribes whoever said no
        ("pending", "unsubscribed", False),  # whoever never said yes gets no further mail
        ("active", "unsubscribed", True),
        ("unsubscribed", "unsubscribed", False),
        ("bounced", "bounced", False),
        ("complained", "complained", False),
    ],
)
def test_unsubscribing(shop: Workspace, before: str | None, after: str, mailed: bool) -> None:
    if before is not None:
        have(shop, "single", before)
    said = entries(shop)
    assert shop.lists.unsubscribe(ADA, "single") == ("unchanged" if before == after else "updated")
    assert status(shop, "single") == after
    assert mails(shop) == ([("goodbye", ADA, "single", "g")] if mailed else [])
    new = [] if before == after else [("list.unsubscribed", "single", "unsubscribe", before, after)]
    assert entries(shop) == said + new


def test_an_unsubscribe_from_a_deleted_list_holds_when_it_is_back(shop: Workspace) -> None:
    have(shop, "single", "active")
    token = shop.lists.token("unsubscribe", ADA, "single")
    shop.lists.delete("single")
    assert shop.lists.unsubscribe_with(token) == "updated"
    assert mails(shop) == []
    shop.lists.save("single")
    assert status(shop, "single") == "unsubscribed"


def test_removing_takes_the_subscription_away(shop: Workspace) -> None:
    have(shop, "single", "unsubscribed")
    assert shop.lists.remove(ADA, "single") == "deleted"
    assert status(shop, "single") is None
    assert entries(shop)[-1] == ("list.removed", "single", "remove", "unsubscribed", None)
    assert shop.lists.remove(ADA, "single") == "unchanged"
    with pytest.raises(UnknownListError):
        shop.lists.remove(ADA, "nowhere")
    assert mails(shop) == []
