"""Profile operations on e-mail, phone and external id: what they name, when they merge, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import populace
from engine.errors import CallerError, IdentityConflictError, InvalidWriteError, SuppressedContactError
from ingest.workspace import Workspace
from ingest.writes.identity_changes import Identity
from ingest.writes.write import Outcome


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert({"email": "ada@example.com", "external_id": "ada", "created_at": "2024-01-01T00:00:00Z"})
        yield shop


def identities(shop: Workspace, email: str) -> list[str]:
    return [f"{item.kind}:{item.value}" for item in shop.identities(email)]


def test_an_identity_that_is_set_names_the_contact_beside_the_old_one(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"email": "Ada@New.example.com", "phone": "+49 30 123456"}})
    assert identities(shop, "ada@example.com") == [
        "email:ada@example.com",
        "email:ada@new.example.com",
        "external_id:ada",
        "phone:+4930123456",
    ]
    ((is_valid,),) = shop._store.rows("SELECT phone_is_valid FROM contacts")
    assert is_valid is True
    shop.change_profile("ada", {"$set": {"phone": "ask for Ada"}})
    ((is_valid,),) = shop._store.rows("SELECT phone_is_valid FROM contacts")
    assert is_valid is False


def test_an_email_of_another_contact_merges_both_and_operations_count_for_the_whole(shop: Workspace) -> None:
    shop.upsert(
        {"email": "bo@example.com", "external_id": "bo", "created_at": "2025-01-01T00:00:00Z", "orders_count": 5}
    )
    outcome = shop.change_profile("ada", {"$set": {"email": "bo@example.com"}, "$inc": {"orders_count": 1}})
    assert outcome is Outcome.MERGED
    ((count, orders, external_id),) = shop._store.rows(
        "SELECT count(*) OVER (), orders_count, external_id FROM contacts"
    )
    assert (count, orders, external_id) == (1, 6.0, "bo")
    assert identities(shop, "bo@example.com") == [
        "email:ada@example.com",
        "email:bo@example.com",
        "external_id:ada",
        "external_id:bo",
    ]


def test_a_clash_in_the_merged_contact_merges_nothing(shop: Workspace) -> None:
    shop.upsert({"email": "bo@example.com", "profile": {"n": "text"}})
    with pytest.raises(InvalidWriteError, match=r"profile\.n: is text"):
        shop.change_profile("ada", {"$set": {"email": "bo@example.com"}, "$inc": {"n": 1}})
    assert shop._store.row_count("contacts") == 2


def test_an_external_id_of_another_contact_is_refused(shop: Workspace) -> None:
    shop.upsert({"email": "bo@example.com", "external_id": "bo"})
    with pytest.raises(IdentityConflictError, match="external_id:bo: belongs to another contact"):
        shop.change_profile("ada", {"$set": {"external_id": "bo"}})


def test_the_last_identity_stays(shop: Workspace) -> None:
    shop.change_profile("ada", {"$unset": ["email"]})
    assert shop._store.rows("SELECT identity FROM identities") == [("external_id:ada",)]
    for operations in ({"$unset": ["external_id"]}, {"$unset": ["external_id"], "$set": {"phone": "no number"}}):
        with pytest.raises(CallerError, match="cannot be removed: nothing else names the contact"):
            shop.change_profile("ada", operations)
    assert shop.change_profile("ada", {"$unset": ["external_id"], "$set": {"phone": "+4930123456"}}) is Outcome.UPDATED
    assert shop.identities({"kind": "phone", "value": "+4930123456"}) == (Identity("phone", "+4930123456"),)


def test_an_erased_email_cannot_be_set(shop: Workspace) -> None:
    shop.upsert({"email": "bo@example.com"})
    shop.erase("bo@example.com", suppress=True)
    with pytest.raises(SuppressedContactError):
        shop.change_profile("ada", {"$set": {"email": "bo@example.com"}})
