"""Profile operations: what they do to fields, free keys, tags and identities, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

import populace
from engine.errors import (
    InvalidValueError,
    InvalidWriteError,
    UnknownContactError,
)
from ingest.workspace import Workspace
from ingest.writes.write import Outcome

CREATED_AT = "2024-01-01T00:00:00Z"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert({"email": "ada@example.com", "external_id": "ada", "created_at": CREATED_AT})
        yield shop


def stored(shop: Workspace, name: str, email: str = "ada@example.com") -> Any:
    ((value,),) = shop._store.rows(f"SELECT {name} FROM contacts WHERE email = $1", [email])
    return value


def profile(shop: Workspace) -> Any:
    text = stored(shop, "profile")
    return None if text is None else orjson.loads(text)


def entries(shop: Workspace) -> list[Any]:
    rows = shop._store.rows("SELECT kind, changes FROM timeline ORDER BY sequence")
    return [(kind, None if changes is None else orjson.loads(changes)) for kind, changes in rows]


def test_several_operations_apply_at_once_and_are_one_entry(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"plan.tier": "gold", "visits": 1, "seen": ["a", "b"]}})
    outcome = shop.change_profile(
        "ada",
        {
            "$set": {"first_name": "Ada", "timezone": "Europe/Berlin", "plan.since": 2020},
            "$unset": ["plan.tier"],
            "$inc": {"visits": 2, "orders_count": 1},
            "$push": {"orders": {"total": 5}},
            "$addToSet": {"tags": "vip"},
            "$pull": {"seen": "a"},
        },
    )
    assert outcome is Outcome.UPDATED
    assert profile(shop) == {"plan": {"since": 2020}, "visits": 3, "seen": ["b"], "orders": [{"total": 5}]}
    assert (stored(shop, "first_name"), stored(shop, "orders_count"), stored(shop, "tags")) == ("Ada", 1.0, ["vip"])
    ((zone,),) = shop._store.rows("SELECT name FROM zones JOIN contacts USING (zone_id)")
    assert zone == "Europe/Berlin"
    kinds = [kind for kind, _ in entries(shop)]
    assert kinds == ["contact.created", "contact.updated", "contact.updated"]
    _, changes = entries(shop)[-1]
    assert set(changes) == {"first_name", "timezone", "orders_count", "profile", "tags"}
    assert changes["tags"] == {"old": None, "new": ["vip"]}
    assert (changes["profile"]["old"]["visits"], changes["profile"]["new"]["visits"]) == (1, 3)


def test_one_that_does_not_fit_undoes_all_of_its_contact_and_names_the_path(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"plan": "gold"}})
    before = entries(shop)
    with pytest.raises(InvalidWriteError, match=r"^profile\.plan: is text, but \$inc needs a number$"):
        shop.change_profile("ada", {"$set": {"first_name": "Ada"}, "$inc": {"plan": 1}})
    assert (stored(shop, "first_name"), entries(shop)) == (None, before)


@pytest.mark.parametrize(
    "operations",
    [
        {},
        {"$set": {}},
        {"$set": {"first_name": "Ada"}},
        {"$set": {"profile": {"list": ["a"], "n": 1.0}}},
        {"$set": {"n": 1.0}},
        {"$unset": {"last_name": True, "nothing.here": True, "n.deeper": True}},
        {"$addToSet": {"list": "a"}},
        {"$pull": {"list": "z", "nothing": 1}},
        {"$inc": {"n": 0}},
        {"$addToSet": {"tags": "vip"}},
        {"$set": {"email": "ADA@example.com "}},
    ],
)
def test_what_changes_nothing_writes_no_entry(shop: Workspace, operations: dict[str, Any]) -> None:
    shop.change_profile("ada", {"$set": {"first_name": "Ada", "list": ["a"], "n": 1, "tags": ["vip"]}})
    before, hash_before = entries(shop), shop._store.generation()
    assert shop.change_profile("ada", operations) is Outcome.UNCHANGED
    assert (entries(shop), shop._store.generation()) == (before, hash_before)


def test_true_and_one_are_different_values(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"list": [True]}})
    assert shop.change_profile("ada", {"$addToSet": {"list": 1}}) is Outcome.UPDATED
    assert shop.change_profile("ada", {"$pull": {"list": 1.0}}) is Outcome.UPDATED
    assert profile(shop) == {"list": [True]}


def test_null_removes_a_field_and_a_free_key_and_stays_null_deeper(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"job_title": "x", "a": {"b": 1}, "c": 1}})
    shop.change_profile("ada", {"$set": {"job_title": None, "a.b": None, "c": None}})
    assert (stored(shop, "job_title"), profile(shop)) == (None, {"a": {"b": None}})
    shop.change_profile("ada", {"$unset": ["a"]})
    assert stored(shop, "profile") is None
    assert shop.change_profile("ada", {"$set": {"c": None}}) is Outcome.UNCHANGED
    assert stored(shop, "profile") is None


def test_json_fields_take_paths_and_arrays(shop: Workspace) -> None:
    operations = {"$set": {"custom_json_1.a.b": 1}, "$push": {"custom_json_2": "x"}, "$inc": {"custom_json_3.n": 2}}
    shop.change_profile("ada", operations)
    shop.change_profile("ada", {"$set": {"custom_json_2.1": "y", "custom_json_2.0": "z"}})
    assert [stored(shop, f"custom_json_{n}") for n in (1, 2, 3)] == ['{"a":{"b":1}}', '["z","y"]', '{"n":2}']


def test_a_path_through_the_profile_is_the_same_place_as_the_free_key(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"profile.plan": "gold"}})
    assert profile(shop) == {"plan": "gold"}
    with pytest.raises(InvalidWriteError, match=r"'profile\.plan' is named twice"):
        shop.change_profile("ada", {"$set": {"plan": 1}, "$unset": ["profile.plan"]})


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([], "operations: must be an object, not []"),
        ({"$add": {"a": 1}}, "operations: no operator is named '$add'"),
        ({"$set": ["a"]}, "operations.$set: must be an object of path and value"),
        ({"$unset": "a"}, "operations.$unset: must be an array of paths, or an object of path and true"),
        ({"$unset": {"a": 1}}, "operations.$unset.a: 1 must be true"),
        ({"$unset": [1]}, "operations.$unset: a path must be text"),
        ({"$set": {"a..b": 1}}, "operations.$set: the path 'a..b' has an empty part"),
        ({"$set": {"": 1}}, "operations.$set: the path '' has an empty part"),
        ({"$set": {".".join("a" * 101): 1}}, "has more than 100 parts"),
        ({"$set": {"first_name.x": 1}}, "operations.$set.first_name.x: 'first_name' has no parts"),
        ({"$set": {"tags.0": "x"}}, "operations.$set.tags.0: 'tags' has no parts"),
        ({"$set": {"email": "nobody"}}, "operations.$set.email: 'nobody' is not an e-mail address"),
        ({"$set": {"orders_count": "1"}}, "operations.$set.orders_count: '1' is text, but must be a number"),
        ({"$set": {"profile": 1}}, "operations.$set.profile: 1 is a number, but must be an object"),
        ({"$set": {"a": float("nan")}}, "operations.$set.a: nan holds a number that is not finite"),
        ({"$set": {"created_at": None}}, "'created_at' cannot be removed"),
        ({"$unset": ["updated_at"]}, "'updated_at' cannot be removed"),
        ({"$inc": {"first_name": 1}}, "operations.$inc.first_name: 1 has no place there: $inc needs a number"),
        ({"$inc": {"tags": 1}}, "$inc needs a number, and tags is none"),
        ({"$inc": {"a": True}}, "operations.$inc.a: True is true or false, but must be a number"),
        ({"$inc": {"orders_count": "1"}}, "must be a number"),
        ({"$push": {"orders_count": 1}}, "operations.$push.orders_count: 1 has no place there: $push needs an array"),
        ({"$push": {"profile": 1}}, "$push needs the path of a key"),
        ({"$push": {"tags": ["a"]}}, "operations.$push.tags: ['a'] is an array, but must be text: one tag"),
        ({"$addToSet": {"tags": ""}}, "holds a tag that does not have 1 to 64 characters"),
        (
            {"$set": {"a": 1}, "$inc": {"a": 1}},
            "operations: 'profile.a' is named twice; one call changes each place once",
        ),
        ({"$set": {"a": 1}, "$inc": {"a.b": 1}}, "'profile.a' and 'profile.a.b' lie within each other"),
        ({"$set": {"profile": {}}, "$unset": ["a"]}, "'profile' and 'profile.a' lie within each other"),
        ({"$set": {"orders_count": 1}, "$inc": {"orders_count": 1}}, "'orders_count' is named twice"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(shop: Workspace, operations: Any, message: str) -> None:
    before = entries(shop)
    with pytest.raises((InvalidWriteError, InvalidValueError)) as caught:
        shop.change_profile("ada", operations)
    assert message in str(caught.value)
    assert entries(shop) == before


def test_a_json_field_has_a_limit_which_the_sum_of_small_operations_meets(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"a": "x" * 60_000}})
    with pytest.raises(InvalidWriteError, match="profile: takes 65,"):
        shop.change_profile("ada", {"$set": {"b": "x" * 5_600}})
    assert set(profile(shop)) == {"a"}


def test_keys_are_in_nfc_like_everything(shop: Workspace) -> None:
    shop.change_profile("ada", {"$set": {"cafe\u0301": 1}})
    assert shop.change_profile("ada", {"$inc": {"caf\u00e9": 1}}) is Outcome.UPDATED
    assert profile(shop) == {"caf\u00e9": 2}


def test_a_contact_is_found_by_any_identity_and_an_unknown_one_says_so(shop: Workspace) -> None:
    assert shop.change_profile({"kind": "email", "value": "ADA@example.com"}, {"$inc": {"n": 1}}) is Outcome.UPDATED
    with pytest.raises(UnknownContactError, match="no contact has the external id 'bob'"):
        shop.change_profile("bob", {"$inc": {"n": 1}})
    with pytest.raises(InvalidWriteError, match="contact: must be"):
        shop.change_profile({"kind": "email"}, {"$inc": {"n": 1}})


def test_many_answer_in_order_and_fail_alone(shop: Workspace) -> None:
    found = shop.change_profiles(
        [
            {"contact": "ada", "operations": {"$inc": {"n": 1}}},
            {"contact": "bob", "operations": {"$inc": {"n": 1}}},
            {"contact": "ada", "operations": {"$inc": {"n": "1"}}},
            {"contact": "ada", "operations": {"$push": {"n": 1}}},
            {"contact": "ada"},
            {"contact": "ada", "operations": {"$inc": {"n": 1}}},
            {"contact": "ada", "operations": {"$unset": ["nothing"]}},
        ]
    )
    assert [item.outcome for item in found] == [
        "updated",
        "failed",
        "failed",
        "failed",
        "failed",
        "updated",
        "unchanged",
    ]
    assert str(found[2].error).startswith("changes[2].operations.$inc.n: '1' is text")
    assert str(found[3].error) == "profile.n: is a number, but $push needs an array"
    assert str(found[4].error).startswith("changes[4]: must be an object with contact and operations")
    assert profile(shop) == {"n": 2}


def test_a_custom_field_is_a_field_and_a_retired_one_is_none(shop: Workspace, tmp_path: Path) -> None:
    with shop._store.transaction() as cursor:
        for key, kind, column in (
            ("size", "number", "DOUBLE"),
            ("notes", "json", "VARCHAR"),
            ("old", "text", "VARCHAR"),
        ):
            retired_at = datetime(2026, 1, 1) if key == "old" else None
            cursor.execute("INSERT INTO custom_fields VALUES ($1, $1, $2, now(), $3)", [key, kind, retired_at])
            cursor.execute(f"ALTER TABLE contacts ADD COLUMN {key} {column}")
    shop.close()
    with populace.open(tmp_path / "shop") as again:
        again.change_profile("ada", {"$inc": {"size": 1.5}, "$push": {"notes.list": 1}, "$set": {"sizes": 1}})
        assert (stored(again, "size"), stored(again, "notes")) == (1.5, '{"list":[1]}')
        assert profile(again) == {"sizes": 1}
        with pytest.raises(InvalidWriteError, match="the field 'old' was retired"):
            again.change_profile("ada", {"$set": {"old": "x"}})


def test_updated_at_is_now_unless_it_is_given(shop: Workspace) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    shop.change_profile("ada", {"$inc": {"n": 1}})
    assert stored(shop, "updated_at") >= before
    shop.change_profile("ada", {"$inc": {"n": 1}, "$set": {"updated_at": "2020-01-01T00:00:00Z"}})
    assert stored(shop, "updated_at") == datetime(2020, 1, 1)
