"""The tokens of links: who can make them, what they are good for, and how long."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import populace
from engine.errors import ExpiredTokenError, InvalidTokenError
from ingest.link_tokens import VALID_DAYS, LinkTokens, Purpose, TokenHolder
from ingest.workspace import Workspace

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOLDER = TokenHolder(7, "news")
OURS = LinkTokens("our secret")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as opened:
        opened.lists.save("news", is_public=True, is_double_optin=True)
        yield opened


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_token_names_its_holder_until_it_expires(purpose: Purpose) -> None:
    token = OURS.token(purpose, HOLDER, at=AT)
    valid = timedelta(days=VALID_DAYS[purpose])
    assert OURS.holder(purpose, token, at=AT) == HOLDER
    assert OURS.holder(purpose, token, at=AT + valid) == HOLDER
    with pytest.raises(ExpiredTokenError, match="ask for a new link"):
        OURS.holder(purpose, token, at=AT + valid + timedelta(seconds=1))


def test_the_reader_may_give_it_less_time_or_more() -> None:
    token = OURS.token(Purpose.CONFIRMATION, HOLDER, at=AT)
    with pytest.raises(ExpiredTokenError):
        OURS.holder(Purpose.CONFIRMATION, token, at=AT + timedelta(hours=13), valid_days=0.5)
    assert OURS.holder(Purpose.CONFIRMATION, token, at=AT + timedelta(days=29), valid_days=30) == HOLDER


def test_a_clock_that_was_set_back_refuses_nothing() -> None:
    token = OURS.token(Purpose.UNSUBSCRIBE, HOLDER, at=AT)
    assert OURS.holder(Purpose.UNSUBSCRIBE, token, at=AT - timedelta(seconds=5)) == HOLDER


@pytest.mark.parametrize("made_for", list(Purpose))
@pytest.mark.parametrize("used_for", list(Purpose))
def test_a_token_is_good_for_one_purpose(made_for: Purpose, used_for: Purpose) -> None:
    token = OURS.token(made_for, HOLDER, at=AT)
    if made_for is used_for:
        assert OURS.holder(used_for, token, at=AT) == HOLDER
    else:
        with pytest.raises(InvalidTokenError, match="is no"):
            OURS.holder(used_for, token, at=AT)


def test_another_workspace_takes_none_of_our_tokens() -> None:
    token = LinkTokens("another secret").token(Purpose.UNSUBSCRIBE, HOLDER, at=AT)
    with pytest.raises(InvalidTokenError):
        OURS.holder(Purpose.UNSUBSCRIBE, token, at=AT)


def test_no_character_of_a_token_can_be_changed() -> None:
    token = OURS.token(Purpose.UNSUBSCRIBE, HOLDER, at=AT)
    for place, character in enumerate(token[:-1]):  # of the last one, two bits are not part of the signature
        forged = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        with pytest.raises(InvalidTokenError):
            OURS.holder(Purpose.UNSUBSCRIBE, forged, at=AT)


def test_the_holder_cannot_be_swapped_for_another_one() -> None:
    _, made_at, signature = OURS.token(Purpose.UNSUBSCRIBE, HOLDER, at=AT).split(".")
    other = base64.urlsafe_b64encode(json.dumps([8, "news"], separators=(",", ":")).encode()).decode().rstrip("=")
    with pytest.raises(InvalidTokenError):
        OURS.holder(Purpose.UNSUBSCRIBE, f"{other}.{made_at}.{signature}", at=AT)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "7", "é", "\ud800", "." * 1025, "x" * 10_000_000])
def test_rubbish_is_refused_with_the_same_error(token: str) -> None:
    with pytest.raises(InvalidTokenError, match="is no confirmation token of this workspace"):
        OURS.holder(Purpose.CONFIRMATION, token, at=AT)


def test_a_token_is_never_longer_than_any_of_ours() -> None:
    """A genuine one, too: what is long takes long to check, and whoever sends it may send many."""
    endless = TokenHolder(7, "".join(map(str, range(10_000))))
    with pytest.raises(InvalidTokenError):
        OURS.holder(Purpose.CONFIRMATION, OURS.token(Purpose.CONFIRMATION, endless, at=AT), at=AT)


def test_tokens_of_a_workspace_work_there_and_in_no_other(shop: Workspace, tmp_path: Path) -> None:
    shop.upsert({"email": "ada@x.example.com"})
    token = shop.lists.token("unsubscribe", "ada@x.example.com", "news")
    assert shop.lists.holder("unsubscribe", token).list_id == "news"
    with populace.init(tmp_path / "other") as other:
        other.lists.save("news")
        other.upsert({"email": "eve@x.example.com"})  # the same id there as ada's here
        with pytest.raises(InvalidTokenError):
            other.lists.unsubscribe_with(token)


def test_the_secret_survives_reopening(shop: Workspace) -> None:
    shop.upsert({"email": "ada@x.example.com"})
    token = shop.lists.token("notification_center", "ada@x.example.com")
    shop.close()
    with populace.open(shop.path) as reopened:
        assert reopened.lists.holder("notification_center", token).list_id is None


def test_a_token_needs_a_list_but_for_the_notification_centre(shop: Workspace) -> None:
    shop.upsert({"email": "ada@x.example.com"})
    with pytest.raises(populace.CallerError, match="list_id: must be given"):
        shop.lists.token("confirmation", "ada@x.example.com")
    with pytest.raises(populace.CallerError, match="list_id: must be given"):
        shop.lists.token("notification_center", "ada@x.example.com", "news")
    with pytest.raises(populace.CallerError, match="did you mean 'news'"):
        shop.lists.token("confirmation", "ada@x.example.com", "nwes")
    with pytest.raises(populace.CallerError, match="it can be confirmation, unsubscribe or notification_center"):
        shop.lists.token("reset_password", "ada@x.example.com", "news")
    with pytest.raises(populace.UnknownContactError):
        shop.lists.token("confirmation", "eve@x.example.com", "news")


def merged_into_the_first(shop: Workspace) -> None:
    """b and c become a, one after the other: two steps from c to a."""
    shop.upsert({"email": "a@x.example.com", "phone": "+4930123450"})
    shop.upsert({"email": "b@x.example.com", "phone": "+4930123451"})
    shop.upsert({"email": "c@x.example.com", "phone": "+4930123452"})


def test_the_token_of_a_merged_contact_works_for_the_one_that_stays(shop: Workspace) -> None:
    merged_into_the_first(shop)
    for email in ("a", "b", "c"):
        shop.lists.subscribe(f"{email}@x.example.com", "news")
    token = shop.lists.token("unsubscribe", "c@x.example.com", "news")
    assert shop.upsert({"email": "b@x.example.com", "phone": "+4930123452"}) == "merged"  # c becomes b
    assert shop.upsert({"email": "a@x.example.com", "phone": "+4930123452"}) == "merged"  # b becomes a
    (a,) = shop.lists.all()
    assert a.counts["active"] == 1
    a_id = shop.lists.holder("notification_center", shop.lists.token("notification_center", "a@x.example.com"))
    assert shop.lists.holder("unsubscribe", token).contact_id == a_id.contact_id
    assert shop.lists.unsubscribe_with(token) == "updated"
    (a,) = shop.lists.all()
    assert (a.counts["active"], a.counts["unsubscribed"]) == (0, 1)


def test_a_confirmation_that_was_asked_for_before_a_merge_confirms(shop: Workspace) -> None:
    merged_into_the_first(shop)
    shop.lists.subscribe("b@x.example.com", "news", source="form")
    (mail,) = shop.lists.outbox()
    assert shop.upsert({"email": "a@x.example.com", "phone": "+4930123451"}) == "merged"
    assert mail.token is not None
    assert shop.lists.confirm(mail.token) == "updated"
    assert [item.status for item in shop.contact("a@x.example.com").subscriptions] == ["active"]
