"""What providers tell of subscriptions, and what lists have to mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import populace
from engine.errors import (
    InvalidValueError,
)
from ingest.workspace import Workspace
from tests.list_world import ADA, entries, have, mails, shop_with_lists, status


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with shop_with_lists(tmp_path) as opened:
        yield opened


# --- what providers tell ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["unsubscribed", "bounced", "complained"])
def test_a_told_status_is_kept_with_its_instant_and_mails_nothing(shop: Workspace, told: str) -> None:
    have(shop, "single", "active")
    at = datetime.now(UTC).replace(microsecond=0)
    # The same second as the subscribe or an earlier one: an unsubscribe must not be older than the choice.
    with shop._store.transaction() as cursor:
        cursor.execute("UPDATE subscriptions SET created_at = '2026-01-01', updated_at = '2026-01-01'")
    assert shop.lists.set_status(ADA, "single", told, at=at) == "updated"
    assert shop.lists.set_status(ADA, "single", told, at=at) == "unchanged"
    assert entries(shop)[-1] == (f"list.{told}", "single", "event", "active", told)
    row = shop._store.rows("SELECT occurred_at FROM timeline ORDER BY sequence DESC LIMIT 1")
    assert row == [(at.replace(tzinfo=None),)]
    assert shop._store.rows("SELECT updated_at FROM subscriptions") == row
    assert mails(shop) == []


def test_an_unsubscribe_of_before_the_last_choice_is_not_heard_and_a_bounce_is(shop: Workspace) -> None:
    have(shop, "single", "active")
    assert shop.lists.set_status(ADA, "single", "unsubscribed", at="2020-01-01T00:00:00Z") == "unchanged"
    assert status(shop, "single") == "active"
    assert shop.lists.set_status(ADA, "single", "bounced", at="2020-01-01T00:00:00Z") == "updated"
    assert status(shop, "single") == "bounced"
    assert shop.lists.set_status(ADA, "single", "unsubscribed") == "unchanged"
    assert shop.lists.set_status(ADA, "single", "complained") == "updated"
    assert shop.lists.set_status(ADA, "single", "bounced") == "unchanged"
    assert status(shop, "single") == "complained"


def test_an_instant_to_come_counts_as_now(shop: Workspace) -> None:
    """Else an unsubscribe of tomorrow would be older than a choice of next year."""
    have(shop, "single", "active")
    shop.lists.set_status(ADA, "single", "bounced", at="2999-01-01T00:00:00Z")
    ((updated_at, is_past),) = shop._store.rows("SELECT updated_at, updated_at <= now()::TIMESTAMP FROM subscriptions")
    assert is_past, updated_at


@pytest.mark.parametrize("wrong", ["active", "pending", "gone", ""])
def test_providers_cannot_subscribe_anybody(shop: Workspace, wrong: str) -> None:
    with pytest.raises(InvalidValueError, match="it can be unsubscribed, bounced or complained"):
        shop.lists.set_status(ADA, "single", wrong)


def test_a_bounce_counts_before_there_is_a_subscription(shop: Workspace) -> None:
    assert shop.lists.set_status(ADA, "single", "bounced") == "updated"
    assert shop.lists.subscribe(ADA, "single", source="import") == "blocked"


# --- the outbox -------------------------------------------------------------------------------------------------------


def test_lists_without_templates_ask_for_confirmations_only(shop: Workspace) -> None:
    shop.lists.subscribe(ADA, "bare", source="form")
    assert mails(shop) == []
    shop.lists.unsubscribe(ADA, "bare")
    assert mails(shop) == []
    shop.lists.subscribe(ADA, "bare", source="form")
    assert mails(shop) == [("confirmation", ADA, "bare", None)]


def test_the_outbox_is_read_in_parts_and_emptied_by_number(shop: Workspace) -> None:
    for number in range(5):
        shop.lists.subscribe(f"c{number}@x.example.com", "single", source="form")
    first = shop.lists.outbox(limit=2)
    assert [mail.email for mail in first] == ["c0@x.example.com", "c1@x.example.com"]
    rest = shop.lists.outbox(after=first[-1].sequence)
    assert [mail.email for mail in rest] == [f"c{number}@x.example.com" for number in (2, 3, 4)]
    assert shop.lists.mark_sent([first[0].sequence, rest[-1].sequence, 999]) == "deleted"
    assert [mail.email for mail in shop.lists.outbox()] == [f"c{number}@x.example.com" for number in (1, 2, 3)]
    assert shop.lists.mark_sent([first[0].sequence]) == "unchanged"
    with pytest.raises(InvalidValueError, match="limit"):
        shop.lists.outbox(limit=0)


def test_numbers_of_mails_are_not_given_again(shop: Workspace) -> None:
    """Else who remembers the last number that it has sent would miss mails."""
    shop.lists.subscribe("a@x.example.com", "single", source="form")
    shop.lists.subscribe("b@x.example.com", "single", source="form")
    last = shop.lists.outbox()[-1].sequence
    shop.lists.mark_sent(mail.sequence for mail in shop.lists.outbox())
    shop.close()
    with populace.open(shop.path) as reopened:
        reopened.lists.subscribe("c@x.example.com", "single", source="form")
        assert [mail.email for mail in reopened.lists.outbox(after=last)] == ["c@x.example.com"]


def test_a_sent_mail_changes_nothing_that_a_query_sees(shop: Workspace) -> None:
    shop.lists.subscribe(ADA, "single", source="form")
    generation = shop._store.generation()
    shop.lists.mark_sent([shop.lists.outbox()[0].sequence])
    assert shop._store.generation() == generation


def test_subscriptions_survive_reopening_and_are_touched(shop: Workspace) -> None:
    with shop._store.transaction() as cursor:
        cursor.execute("DELETE FROM touched")
    shop.lists.subscribe(ADA, "single")
    assert shop._store.rows("SELECT count(*) FROM touched") == [(1,)]
    shop.close()
    with populace.open(shop.path, read_only=True) as reopened:
        assert status(reopened, "single") == "active"
        assert [item.list_id for item in reopened.contact(ADA).subscriptions] == ["single"]


def test_a_contact_that_no_email_reaches_is_mailed_nothing(shop: Workspace) -> None:
    shop.upsert({"external_id": "silent"})
    silent = {"kind": "external_id", "value": "silent"}
    shop.lists.subscribe(silent, "single")
    assert shop.lists.unsubscribe(silent, "single") == "updated"
    assert shop._store.rows("SELECT count(*) FROM outbox") == [(0,)]
