"""Merging through the workspace: by hand, by an upsert, by an identity; previews; what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import populace
from engine.errors import IdentityConflictError, InvalidValueError, InvalidWriteError, UnknownContactError
from ingest.workspace import Workspace
from ingest.writes.identity_changes import Identity
from ingest.writes.write import Outcome
from tests.engine_under_test import write_dataset
from tests.test_merging_order import world_of


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert(
            {
                "email": "ada@example.com",
                "external_id": "ada",
                "created_at": "2024-01-01T00:00:00Z",
                "first_name": "Ada",
                "profile": {"plan": "gold", "seen": 1},
                "tags": ["vip"],
            }
        )
        shop.upsert(
            {
                "email": "bo@example.com",
                "created_at": "2025-01-01T00:00:00Z",
                "updated_at": "2025-02-01T00:00:00Z",
                "first_name": "Bo",
                "phone": "+4930123456",
                "timezone": "Europe/Berlin",
                "profile": {"plan": "free"},
                "tags": ["new"],
            }
        )
        yield shop


def state(shop: Workspace) -> dict[str, Any]:
    with shop._store.cursor() as cursor:
        return world_of(cursor)


def test_a_merge_by_hand_is_what_was_previewed_and_a_second_one_changes_nothing(shop: Workspace) -> None:
    before, generation = state(shop), shop._store.generation()
    preview = shop.preview_merge(["bo@example.com", {"kind": "external_id", "value": "ada"}])
    assert (state(shop), shop._store.generation()) == (before, generation)
    assert preview.outcome is Outcome.MERGED
    assert [found[0] for found in preview.contacts] == [
        Identity("email", "ada@example.com"),
        Identity("email", "bo@example.com"),
    ]
    assert preview.values["profile"] == {"plan": "free", "seen": 1}
    assert preview.tags == ("new", "vip")

    assert shop.merge(["bo@example.com", "ada@example.com"]) is Outcome.MERGED
    assert shop.merge(["bo@example.com", "ada@example.com"]) is Outcome.UNCHANGED
    exported: Any = shop.export_contact("ada@example.com")
    fields = {name: orjson.loads(orjson.dumps(value)) for name, value in preview.values.items()}
    assert {**exported["fields"]} == {
        name: value.replace("+00:00", "Z") if isinstance(value, str) else value for name, value in fields.items()
    }
    assert exported["tags"] == list(preview.tags)
    assert [(item["kind"], item["value"]) for item in exported["identities"]] == [
        (item.kind, item.value) for item in preview.identities
    ]
    assert exported["fields"]["created_at"] == "2024-01-01T00:00:00Z"
    ((zone,),) = shop._store.rows("SELECT name FROM zones JOIN contacts USING (zone_id)")
    assert zone == "Europe/Berlin"


def test_the_entry_keeps_both_sides_and_says_only_what_became_other(shop: Workspace) -> None:
    shop.merge(["bo@example.com", "ada@example.com"])
    ((properties, changes),) = shop._store.rows(
        "SELECT properties, changes FROM timeline WHERE kind = 'contact.merged'"
    )
    sides = orjson.loads(properties)["sides"]
    assert [side["first_name"] for side in sides] == ["Ada", "Bo"]
    assert [side["profile"] for side in sides] == [{"plan": "gold", "seen": 1}, {"plan": "free"}]
    assert [side["identities"] for side in sides] == [
        ["email:ada@example.com", "external_id:ada"],
        ["email:bo@example.com", "phone:+4930123456"],
    ]
    said = orjson.loads(changes)
    assert said["first_name"] == {"old": "Ada", "new": "Bo"}
    assert "external_id" not in said


def test_a_profile_that_stays_the_same_is_not_said_to_change(shop: Workspace) -> None:
    shop.upsert({"email": "c@example.com", "created_at": "2023-01-01T00:00:00Z", "profile": {"b": 1, "a": 2}})
    shop.upsert({"email": "d@example.com", "created_at": "2023-01-02T00:00:00Z"})
    shop.merge(["c@example.com", "d@example.com"])
    ((changes,),) = shop._store.rows("SELECT changes FROM timeline WHERE kind = 'contact.merged'")
    assert "profile" not in orjson.loads(changes)


def test_true_given_for_one_is_a_newer_value(shop: Workspace) -> None:
    """Python calls True and 1 equal, JSON does not: the later key wins."""
    shop.upsert({"email": "c@example.com", "created_at": "2023-01-01T00:00:00Z", "profile": {"k": 1}})
    shop.upsert({"email": "d@example.com", "created_at": "2023-01-02T00:00:00Z", "profile": {"k": "x"}})
    shop.change_profile({"kind": "email", "value": "c@example.com"}, {"$set": {"k": True}})
    shop.merge(["c@example.com", "d@example.com"])
    assert orjson.loads(shop._store.rows("SELECT profile FROM contacts WHERE email = 'd@example.com'")[0][0]) == {
        "k": True
    }


def test_an_upsert_is_previewed_as_it_then_happens(shop: Workspace) -> None:
    assert shop.preview_upsert({"email": "new@example.com", "country": "de"}).outcome is Outcome.CREATED
    same = shop.preview_upsert({"email": "ada@example.com", "first_name": "Ada"})
    assert (same.outcome, same.values["first_name"]) == (Outcome.UNCHANGED, "Ada")
    given_contact = {"email": "ada@example.com", "phone": "+4930123456", "first_name": "A.", "tags": ["x"]}
    before = state(shop)
    preview = shop.preview_upsert(given_contact)
    assert state(shop) == before
    assert (preview.outcome, len(preview.contacts)) == (Outcome.MERGED, 2)
    assert shop.upsert(given_contact) is preview.outcome
    exported: Any = shop.export_contact("ada@example.com")
    assert exported["fields"]["first_name"] == preview.values["first_name"] == "A."
    assert (exported["tags"], preview.tags) == (["x"], ("x",))
    updated = shop.preview_upsert({"email": "ada@example.com", "external_id": None})
    assert updated.outcome is Outcome.UPDATED
    assert Identity("external_id", "ada") not in updated.identities


def test_a_preview_of_a_merge_that_removes_a_field_has_the_identities_that_then_are_there(shop: Workspace) -> None:
    tokens = [{"kind": "email", "value": "ada@example.com"}, {"kind": "phone", "value": "+4930123456"}]
    preview = shop.preview_upsert({"email": None, "identities": tokens})
    shop.upsert({"email": None, "identities": tokens})
    assert shop.identities({"kind": "external_id", "value": "ada"}) == preview.identities
    assert Identity("email", "ada@example.com") in preview.identities
    assert Identity("email", "bo@example.com") not in preview.identities


def test_a_preview_refuses_what_the_upsert_would_refuse(shop: Workspace) -> None:
    with pytest.raises(IdentityConflictError):
        shop.preview_upsert({"external_id": "ada", "email": "bo@example.com"})
    with pytest.raises(UnknownContactError):
        shop.preview_merge(["ada@example.com", "nobody@example.com"])
    with pytest.raises(InvalidWriteError, match="must be several contacts"):
        shop.merge("ada@example.com")


def test_identities_are_added_and_removed_but_the_last_one(shop: Workspace) -> None:
    assert shop.add_identity("ada@example.com", "push_token", "t1") is Outcome.UPDATED
    assert shop.add_identity("ada@example.com", "push_token", "t1") is Outcome.UNCHANGED
    assert Identity("push_token", "t1") in shop.identities({"kind": "push_token", "value": "t1"})
    assert shop.remove_identity("ada@example.com", "push_token", "t2") is Outcome.UNCHANGED
    assert shop.remove_identity("ada@example.com", "external_id", "ada") is Outcome.UPDATED
    assert "external_id" not in shop.export_contact("ada@example.com")["fields"]  # type: ignore[operator]
    assert shop.remove_identity("ada@example.com", "push_token", "t1") is Outcome.UPDATED
    with pytest.raises(InvalidWriteError, match="email: cannot be removed"):
        shop.remove_identity("ada@example.com", "email", "ada@example.com")
    kinds = [kind for (kind,) in shop._store.rows("SELECT kind FROM timeline WHERE contact_id = 0 ORDER BY sequence")]
    assert kinds == ["contact.created", "identity.added", "contact.updated", "identity.removed"]
    with pytest.raises(InvalidValueError, match="no kind of identity"):
        shop.add_identity("ada@example.com", "Push Token", "t1")


def test_an_identity_of_another_contact_merges_if_its_kind_does(shop: Workspace) -> None:
    with pytest.raises(IdentityConflictError, match="external_id:ada: belongs to another contact"):
        shop.add_identity("bo@example.com", "external_id", "ada")
    assert list(shop.merging_identities) == ["email", "phone"]
    assert shop.set_merging_identities(["external_id"]) is Outcome.UPDATED
    assert shop.set_merging_identities(["external_id"]) is Outcome.UNCHANGED
    assert list(shop.merging_identities) == ["external_id"]
    with pytest.raises(IdentityConflictError):
        shop.upsert({"email": "ada@example.com", "phone": "+4930123456"})
    assert shop.add_identity("bo@example.com", "external_id", "ada") is Outcome.MERGED
    assert shop._store.row_count("contacts") == 1
    with pytest.raises(InvalidValueError, match="no kind of identity"):
        shop.set_merging_identities(["E-Mail"])


def test_all_that_named_a_merged_contact_still_does(shop: Workspace) -> None:
    shop.merge(["bo@example.com", "ada@example.com"])
    for kind, value in (("email", "bo@example.com"), ("email", "ada@example.com"), ("phone", "+4930123456")):
        assert len(shop.identities({"kind": kind, "value": value})) == 4
    assert shop.upsert({"email": "bo@example.com", "last_name": "B"}) is Outcome.UPDATED
    assert [item.name for item in shop.check().invariants if item.violation_count] == []
    assert shop._store.row_count("contacts") == 1


def test_an_upsert_with_an_identity_list_cannot_leave_a_contact_without_one(shop: Workspace) -> None:
    shop.upsert({"email": "c@example.com"})
    named = {"identities": [{"kind": "email", "value": "c@example.com"}], "email": None, "phone": "no number"}
    with pytest.raises(InvalidWriteError, match="cannot be removed"):
        shop.upsert(named)


def test_a_phone_that_several_contacts_have_from_a_file_passes_on_to_the_next_oldest(tmp_path: Path) -> None:
    phone = "+4915112345678"
    days = {"old": "2026-01-01", "middle": "2026-01-02", "young": "2026-01-03"}
    rows = [
        {"email": f"{name}@example.com", "phone": phone, "created_at": f"{day}T00:00:00Z"} for name, day in days.items()
    ]
    (tmp_path / "data").mkdir()
    write_dataset({"contacts": rows}, tmp_path / "data")
    with populace.init(tmp_path / "shared") as workspace:
        workspace.import_dataset(tmp_path / "data")
        by_phone = {"kind": "phone", "value": phone}
        for name, remove in (
            ("old", lambda: workspace.upsert({"email": "old@example.com", "phone": None})),
            ("middle", lambda: workspace.erase("middle@example.com")),
            ("young", lambda: workspace.remove_identity("young@example.com", "phone", phone)),
        ):
            assert Identity("email", f"{name}@example.com") in workspace.identities(by_phone)
            remove()
            assert workspace.check().is_clean
        with pytest.raises(populace.UnknownContactError):
            workspace.identities(by_phone)
