"""Lists, and the subscriptions that applications and imports ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import populace
from engine.errors import (
    InvalidValueError,
    InvalidWriteError,
    SubscriptionBlockedError,
    UnknownContactError,
    UnknownListError,
)
from ingest.lists import Source
from ingest.workspace import Workspace
from tests.definitions import on_list, segment
from tests.list_world import ADA, NEW, entries, have, mails, shop_with_lists, status


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with shop_with_lists(tmp_path) as opened:
        yield opened


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_new_list_is_private_and_called_by_its_id(shop: Workspace) -> None:
    assert shop.lists.save("fresh") == "created"
    state = shop.lists.get("fresh")
    assert (state.name, state.is_public, state.is_double_optin) == ("fresh", False, False)
    assert (state.welcome_template_id, state.unsubscribe_template_id, state.confirmation_template_id) == (None,) * 3
    assert state.counts == dict.fromkeys(("active", "pending", "unsubscribed", "bounced", "complained"), 0)


def test_saving_changes_what_is_given_only(shop: Workspace) -> None:
    assert shop.lists.save("double", name="  Twice  ", welcome_template_id=None) == "updated"
    state = shop.lists.get("double")
    assert (state.name, state.is_public, state.is_double_optin) == ("Twice", True, True)
    assert (state.welcome_template_id, state.unsubscribe_template_id) == (None, "g")
    assert shop.lists.save("double", name="Twice") == "unchanged"
    assert [item.id for item in shop.lists.all()] == ["bare", "double", "private", "single"]


@pytest.mark.parametrize("list_id", ["", "a b", "x" * 65, "a/b", "é", "news\n", 7])
def test_what_is_no_list_id_is_refused(shop: Workspace, list_id: object) -> None:
    with pytest.raises(InvalidValueError, match="is no list id"):
        shop.lists.save(list_id)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [{"name": ""}, {"name": None}, {"is_public": 1}, {"is_double_optin": "yes"}, {"welcome_template_id": " "}],
)
def test_values_of_a_list_are_checked(shop: Workspace, values: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError, match=next(iter(values))):
        shop.lists.save("single", **values)  # type: ignore[arg-type]


def test_a_deleted_list_counts_no_longer_and_comes_back_as_it_was(shop: Workspace) -> None:
    shop.apply([populace.read_segment(segment(on_list("single"), "readers"))])
    shop.lists.subscribe(ADA, "single")
    assert shop.recompute().segments[0].size == 1
    assert shop.lists.delete("single") == "deleted"
    assert shop.recompute().segments[0].size == 0
    assert shop.contact(ADA).subscriptions == ()
    for call in (lambda: shop.lists.get("single"), lambda: shop.lists.delete("single")):
        with pytest.raises(UnknownListError, match="no list has the id 'single'"):
            call()
    with pytest.raises(UnknownListError):
        shop.lists.subscribe(ADA, "single")
    assert shop.lists.save("single") == "updated"
    assert shop.lists.get("single").counts["active"] == 1
    assert shop.recompute().segments[0].size == 1


def test_who_is_on_a_list_that_goes_or_comes_back_is_touched(shop: Workspace) -> None:
    shop.lists.subscribe(ADA, "single")
    for change in (shop.lists.delete, shop.lists.save):
        with shop._store.transaction() as cursor:
            cursor.execute("DELETE FROM touched")
        change("single")
        assert shop._store.rows("SELECT count(*) FROM touched") == [(1,)]


def test_lists_that_are_not_there_are_named_with_what_may_be_meant(shop: Workspace) -> None:
    with pytest.raises(UnknownListError, match="did you mean 'single'"):
        shop.lists.subscribe(ADA, "singel")
    with pytest.raises(UnknownListError, match="no list has the id 'privat'") as caught:
        shop.lists.subscribe(ADA, "privat", source="form")
    assert "'private'" not in str(caught.value)  # a form is not told which private lists there are


# --- applications and imports -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("list_id", ["single", "double", "private"])
@pytest.mark.parametrize("source", ["api", "import"])
def test_an_application_or_import_subscribes_at_once_and_mails_nothing(
    shop: Workspace, list_id: str, source: Source
) -> None:
    assert shop.lists.subscribe(ADA, list_id, source=source) == "created"
    assert status(shop, list_id) == "active"
    assert shop.lists.subscribe(ADA, list_id, source=source) == "unchanged"
    assert mails(shop) == []
    assert entries(shop) == [("list.subscribed", list_id, source, None, "active")]


@pytest.mark.parametrize("source", ["api", "import"])
def test_what_is_pending_becomes_active_by_an_application_or_import(shop: Workspace, source: Source) -> None:
    have(shop, "double", "pending")
    assert shop.lists.subscribe(ADA, "double", source=source) == "updated"
    assert entries(shop)[-1] == ("list.subscribed", "double", source, "pending", "active")


@pytest.mark.parametrize("refused", ["unsubscribed", "bounced", "complained"])
def test_an_import_never_overwrites_a_refusal(shop: Workspace, refused: str) -> None:
    have(shop, "single", refused)
    said = entries(shop)
    assert shop.lists.subscribe(ADA, "single", source="import") == "blocked"
    (written,) = shop.lists.subscribe_many([{"contact": ADA, "list_id": "single"}])
    assert (written.outcome, written.error) == ("blocked", None)
    assert status(shop, "single") == refused
    assert (entries(shop), mails(shop)) == (said, [])


def test_an_application_may_resubscribe_who_unsubscribed(shop: Workspace) -> None:
    have(shop, "single", "unsubscribed")
    assert shop.lists.subscribe(ADA, "single") == "updated"
    assert status(shop, "single") == "active"
    assert entries(shop)[-1] == ("list.resubscribed", "single", "api", "unsubscribed", "active")
    assert mails(shop) == []


def test_a_subscription_keeps_the_instant_of_its_beginning(shop: Workspace) -> None:
    have(shop, "single", "active")
    instants = "SELECT created_at, updated_at FROM subscriptions"
    ((created_at, first_at),) = shop._store.rows(instants)
    assert created_at == first_at
    shop.lists.unsubscribe(ADA, "single")
    ((kept_at, second_at),) = shop._store.rows(instants)
    assert kept_at == created_at
    assert second_at > first_at


@pytest.mark.parametrize("refused", ["bounced", "complained"])
def test_an_application_needs_force_after_a_bounce_or_a_complaint(shop: Workspace, refused: str) -> None:
    have(shop, "single", refused)
    with pytest.raises(SubscriptionBlockedError, match=f"has {refused} on list 'single'"):
        shop.lists.subscribe(ADA, "single")
    assert status(shop, "single") == refused
    assert shop.lists.subscribe(ADA, "single", force=True) == "updated"
    assert entries(shop)[-1] == ("list.resubscribed", "single", "api_forced", refused, "active")
    for source in ("import", "form"):
        with pytest.raises(InvalidWriteError, match="force: is for source 'api'"):
            shop.lists.subscribe(ADA, "single", source=source, force=True)


def test_applications_and_imports_name_contacts_that_are_there(shop: Workspace) -> None:
    assert shop.lists.subscribe({"kind": "external_id", "value": "a-1"}, "single") == "created"
    for source in ("api", "import"):
        with pytest.raises(UnknownContactError):
            shop.lists.subscribe(NEW, "single", source=source)
    with pytest.raises(InvalidValueError, match="not an e-mail"):
        shop.lists.subscribe("ada", "single")
    with pytest.raises(InvalidWriteError, match="contact: must be an e-mail, or an object"):
        shop.lists.subscribe({"kind": "email"}, "single")
    with pytest.raises(InvalidValueError, match="is not a source"):
        shop.lists.subscribe(ADA, "single", source="web")  # type: ignore[arg-type]


def test_many_subscriptions_fail_alone_and_in_order(shop: Workspace) -> None:
    shop.upsert({"email": NEW})
    written = shop.lists.subscribe_many(
        [
            {"contact": ADA, "list_id": "single"},
            {"contact": "nobody@x.example.com", "list_id": "single"},
            {"contact": ADA, "list_id": "nowhere"},
            {"contact": "no e-mail", "list_id": "single"},
            {"contact": ADA},
            {"contact": {"kind": "email", "value": NEW}, "list_id": "double"},
            {"contact": ADA, "list_id": "single"},
        ]
    )
    assert [item.outcome for item in written] == ["created", *["failed"] * 4, "created", "unchanged"]
    assert "subscriptions[3].contact" in str(written[3].error)
    assert "subscriptions[4]: must be an object with contact and list_id" in str(written[4].error)
    assert (status(shop, "single"), status(shop, "double", NEW)) == ("active", "active")


def test_many_subscriptions_of_one_group_take_no_time_to_speak_of(shop: Workspace) -> None:
    emails = [f"c{number}@x.example.com" for number in range(5_000)]
    shop.upsert_many([{"email": email} for email in emails])
    written = shop.lists.subscribe_many([{"contact": email, "list_id": "single"} for email in emails])
    assert {item.outcome for item in written} == {"created"}
    assert shop.lists.get("single").counts["active"] == 5_000
