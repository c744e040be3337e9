"""Upserts: what is given reaches the store in its normal form, what is absent stays, and each change is told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import count
from typing import Any

import orjson
import pytest

import populace
from engine.definition.fields import CONTACT_FIELDS, JSON_FIELDS, NUMBER_FIELDS, STRING_FIELDS, TIME_FIELDS
from engine.errors import CallerError, InvalidValueError, InvalidWriteError
from ingest.workspace import Workspace
from ingest.writes.identity_changes import Identity
from ingest.writes.write import Outcome

ADA = "ada@example.com"
FREE_TEXTS = sorted({*STRING_FIELDS} - {"email", "phone", "external_id", "timezone", "country", "language"})


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with populace.init(tmp_path_factory.mktemp("upsert") / "shop") as shop:
        yield shop


@pytest.fixture
def shop(shared_shop: Workspace) -> Workspace:
    """The workspace without anybody."""
    with shared_shop._store.transaction() as cursor:
        for table in ("contacts", "identities", "timeline", "retired", "touched"):
            cursor.execute(f"DELETE FROM {table}")
    return shared_shop


def stored(shop: Workspace, *names: str, email: str = ADA) -> Any:
    columns = ", ".join(f'"{name}"' for name in names)
    ((*found,),) = shop._store.rows(f"SELECT {columns} FROM contacts WHERE email = $1", [email])
    return found[0] if len(names) == 1 else tuple(found)


def entries(shop: Workspace) -> list[tuple[str, datetime, Any]]:
    """Kind, instant and changes of all entries."""
    rows = shop._store.rows("SELECT kind, occurred_at, changes FROM timeline ORDER BY sequence")
    return [(kind, at, orjson.loads(changes)) for kind, at, changes in rows]


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("external_id", "  C-17 ", "C-17"),
        ("phone", "+49 (0)30 123456", "+4930123456"),
        ("phone", " call me ", "call me"),
        ("timezone", "Europe/Berlin", "Europe/Berlin"),
        ("country", "DEU", "DE"),
        ("country", "Germany", "DE"),
        ("language", "PT_br", "pt-BR"),
        ("first_name", " Ada ", " Ada "),
        ("last_name", "Re\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}", "Re\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("custom_string_5", "\N{PILE OF POO} \N{HEBREW LETTER ALEF} '; DROP TABLE contacts; --", None),
        ("lifetime_value", Decimal("12.5"), 12.5),
        ("orders_count", 3, 3.0),
        ("custom_number_5", -0.5, None),
        ("last_order_at", "2026-05-01T10:00:00.5+02:00", datetime(2026, 5, 1, 8, 0, 0, 500_000)),
        ("custom_datetime_5", datetime(2026, 5, 1, tzinfo=timezone(timedelta(hours=-5))), datetime(2026, 5, 1, 5)),
        ("custom_json_5", [1, {"b": None, "a": "x"}], '[1,{"b":null,"a":"x"}]'),
        ("custom_json_1", False, "false"),
        ("profile", {"plan": {"tier": "gold"}}, '{"plan":{"tier":"gold"}}'),
        ("tags", ["vip", "new", "vip"], ["vip", "new"]),
    ],
)
def test_a_value_is_stored_in_its_normal_form(shop: Workspace, name: str, given: object, expected: object) -> None:
    wanted = given if expected is None else expected
    assert shop.upsert({"email": ADA, name: given}) is Outcome.CREATED
    assert stored(shop, name) == wanted
    assert shop.upsert({"email": ADA, name: given}) is Outcome.UNCHANGED
    assert shop.upsert({"email": ADA, name: None}) is Outcome.UPDATED
    assert stored(shop, name) is None
    assert shop.upsert({"email": ADA, name: given}) is Outcome.UPDATED
    assert stored(shop, name) == wanted
    assert [kind for kind, _, _ in entries(shop)] == ["contact.created", "contact.updated", "contact.updated"]


@pytest.mark.parametrize("email", ["Ada@Example.com", " ada@EXAMPLE.COM\t", "ADA@example.com"])
def test_an_email_is_the_same_however_it_is_written(shop: Workspace, email: str) -> None:
    shop.upsert({"email": ADA})
    assert shop.upsert({"email": email}) is Outcome.UNCHANGED
    assert shop.upsert({"email": email, "first_name": "Ada"}) is Outcome.UPDATED
    assert stored(shop, "email", "first_name") == (ADA, "Ada")


def test_a_national_phone_number_is_read_with_the_country_beside_it(shop: Workspace) -> None:
    shop.upsert({"email": ADA, "country": "DE", "phone": "030 123456"})
    assert stored(shop, "phone", "phone_is_valid") == ("+4930123456", True)
    assert shop.upsert({"phone": "+4930123456", "first_name": "Ada"}) is Outcome.UPDATED
    shop.upsert({"email": ADA, "phone": "030 123457"})  # no country beside it: that of the contact does not count
    assert stored(shop, "phone", "phone_is_valid") == ("030 123457", False)


@pytest.mark.parametrize("name", [*FREE_TEXTS, "profile", "custom_json_3"])
def test_the_largest_value_is_kept_whole_and_a_larger_one_is_refused(shop: Workspace, name: str) -> None:
    is_json = name in JSON_FIELDS
    overhead = len(orjson.dumps({"k": ""})) if is_json else 0
    largest, larger = ("\N{SNOWMAN}" if not is_json else "x") * (65_536 - overhead), "x" * (65_537 - overhead)
    shop.upsert({"email": ADA, name: {"k": largest} if is_json else largest})
    text = stored(shop, name)
    assert (orjson.loads(text)["k"] if is_json else text) == largest
    with pytest.raises(InvalidValueError, match=rf"^contact\.{name}: "):
        shop.upsert({"email": ADA, name: {"k": larger} if is_json else larger})
    assert stored(shop, name) == text


TIMES = {
    name: [0, True, "2026-05-01", "2026-05-01T10:00:00", "soon", date(2026, 5, 1), datetime(2026, 5, 1)]
    for name in TIME_FIELDS
}
NUMBERS = {name: ["1", True, float("nan"), float("inf"), 10**400, [1], {"a": 1}] for name in NUMBER_FIELDS}
TEXTS = {name: [1, True, ["a"], {"a": 1}, b"a", "a\x00b", "\ud800"] for name in STRING_FIELDS}
WRONG: dict[str, list[object]] = {
    **TIMES,
    **NUMBERS,
    **TEXTS,
    "email": [*TEXTS["email"], "", "nobody", "a@b", "a b@example.com", f"{'a' * 250}@example.com"],
    "external_id": [*TEXTS["external_id"], "", "  ", "x" * 513],
    "phone": [*TEXTS["phone"], "", " ", "1" * 65],
    "timezone": [*TEXTS["timezone"], "Mars/Olympus", "CEST"],
    "country": [*TEXTS["country"], "Atlantis", "XX"],
    "language": [*TEXTS["language"], "klingonisch", "e"],
    **{name: [{1, 2}, datetime(2026, 5, 1), object(), float("nan"), 2**70, {1: 2}, "a\x00"] for name in JSON_FIELDS},
    "tags": ["vip", 1, {"vip": 1}, [1], [None], [""], ["x" * 65], ["a\x00"]],
    "identities": ["t", {"kind": "a", "value": "b"}, [1], [{"kind": "a"}], [{"kind": "A b", "value": "c"}],
                   [{"kind": "phone", "value": "030"}], [{"kind": "a", "value": 1}], [{"kind": 1, "value": "a"}]],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_value_is_refused_by_name_and_changes_nothing(shop: Workspace, name: str) -> None:
    shop.upsert({"email": ADA, "first_name": "Ada"})
    before = shop.export_contact(ADA)
    for value in WRONG[name]:
        with pytest.raises(CallerError, match=rf"^contact\.{name}: "):
            shop.upsert({"email": ADA, "first_name": "Bob", name: value})
    assert shop.export_contact(ADA) == before


def test_every_field_has_wrong_values_above() -> None:
    assert {*CONTACT_FIELDS} <= {*WRONG}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ("ada@example.com", "must be an object"),
        ({}, "names nobody"),
        ({"first_name": "Ada"}, "names nobody"),
        ({"email": None}, "names nobody"),
        ({"phone": "call me"}, "names nobody"),
        ({"email": ADA, "frist_name": "Ada"}, "'first_name'"),
        ({"email": ADA, 1: "Ada"}, "no contact field"),
        ({"email": ADA, "contact_id": 1}, "no contact field"),
        ({"email": ADA, "zone_id": 1}, "no contact field"),
        ({"email": ADA, "phone_is_valid": True}, "no contact field"),
    ],
)
def test_what_is_no_contact_is_refused(shop: Workspace, given: Any, problem: str) -> None:
    with pytest.raises(InvalidWriteError, match=problem):
        shop.upsert(given)
    assert not entries(shop)


# --- new, known, unchanged --------------------------------------------------------------------------------------------


def test_what_is_absent_stays_and_null_removes(shop: Workspace) -> None:
    shop.upsert({"email": ADA, "first_name": "Ada", "last_name": "L", "orders_count": 0, "tags": ["vip"]})
    shop.upsert({"email": ADA, "last_name": None, "orders_count": 2})
    assert stored(shop, "first_name", "last_name", "orders_count", "tags") == ("Ada", None, 2.0, ["vip"])
    shop.upsert({"email": ADA, "tags": []})
    assert stored(shop, "first_name", "tags") == ("Ada", None)


def test_the_timeline_has_old_and_new_values(shop: Workspace) -> None:
    shop.upsert({"email": ADA, "first_name": "Ada", "custom_json_1": {"a": 1}, "tags": ["x"]})
    shop.upsert({"email": ADA, "first_name": "Eda", "custom_json_1": None, "last_order_at": "2026-05-01T10:00:00Z"})
    shop.upsert({"email": ADA, "first_name": "Eda", "tags": ["y"], "profile": {"k": [1]}})
    assert [(kind, changes) for kind, _, changes in entries(shop)] == [
        (
            "contact.created",
            {
                "email": {"old": None, "new": ADA},
                "first_name": {"old": None, "new": "Ada"},
                "custom_json_1": {"old": None, "new": {"a": 1}},
                "tags": {"old": None, "new": ["x"]},
            },
        ),
        (
            "contact.updated",
            {
                "first_name": {"old": "Ada", "new": "Eda"},
                "custom_json_1": {"old": {"a": 1}, "new": None},
                "last_order_at": {"old": None, "new": "2026-05-01T10:00:00Z"},
            },
        ),
        ("contact.updated", {"tags": {"old": ["x"], "new": ["y"]}, "profile": {"old": None, "new": {"k": [1]}}}),
    ]


@pytest.mark.parametrize(
    ("name", "first", "again", "other"),
    [
        ("custom_json_1", {"a": 1, "b": [{"c": 1, "d": 2}]}, {"b": [{"d": 2, "c": 1}], "a": 1}, {"a": 1, "b": []}),
        ("custom_json_2", [1, 2], [1, 2], [2, 1]),
        ("custom_json_3", {"a": 1}, {"a": 1}, {"a": True}),
        ("custom_json_4", {"a": None}, {"a": None}, {}),
        ("profile", {"a": "x", "b": 1}, {"b": 1, "a": "x"}, {"a": "x"}),
        ("tags", ["x", "y"], ["y", "x"], ["x"]),
        ("orders_count", 1, 1.0, 1.5),
        ("created_at", "2026-05-01T10:00:00Z", "2026-05-01T12:00:00+02:00", "2026-05-01T10:00:01Z"),
        ("phone", "+49 30 123456", "+4930123456", "+4930123457"),
        ("first_name", "x", "x", "X"),
    ],
)
def test_values_are_compared_by_what_they_mean(
    shop: Workspace, name: str, first: object, again: object, other: object
) -> None:
    shop.upsert({"email": ADA, name: first})
    generation = shop._store.generation()
    assert shop.upsert({"email": ADA, name: again}) is Outcome.UNCHANGED
    assert (len(entries(shop)), shop._store.generation()) == (1, generation)
    assert shop.upsert({"email": ADA, name: other}) is Outcome.UPDATED
    assert len(entries(shop)) == 2


def test_created_at_and_updated_at_may_be_given_and_date_the_entries(shop: Workspace) -> None:
    born, changed = datetime(2019, 1, 2, 3, 4, 5), datetime(2020, 1, 1)
    shop.upsert({"email": ADA, "created_at": "2019-01-02T03:04:05Z", "updated_at": "2019-06-01T00:00:00Z"})
    assert stored(shop, "created_at", "updated_at") == (born, datetime(2019, 6, 1))
    shop.upsert({"email": ADA, "first_name": "Ada", "updated_at": "2020-01-01T00:00:00Z"})
    assert stored(shop, "created_at", "updated_at") == (born, changed)
    assert [(kind, at) for kind, at, _ in entries(shop)] == [("contact.created", born), ("contact.updated", changed)]


def test_an_updated_at_that_is_the_same_as_before_still_dates_the_change(shop: Workspace) -> None:
    at = {"updated_at": "2020-01-01T00:00:00Z"}
    shop.upsert({"email": ADA, "first_name": "Ada", **at})
    assert shop.upsert({"email": ADA, "first_name": "Eda", **at}) is Outcome.UPDATED
    assert stored(shop, "updated_at") == datetime(2020, 1, 1)
    assert entries(shop)[1][1] == datetime(2020, 1, 1)
    assert shop.upsert({"email": ADA, "first_name": "Eda", **at}) is Outcome.UNCHANGED


def test_without_instants_it_is_now(shop: Workspace) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    shop.upsert({"email": ADA})
    created_at, updated_at = stored(shop, "created_at", "updated_at")
    assert before <= created_at == updated_at
    shop.upsert({"email": ADA, "first_name": "Ada"})
    assert stored(shop, "created_at") == created_at < stored(shop, "updated_at")
    assert entries(shop)[1][1] == stored(shop, "updated_at")


def test_null_leaves_the_instants_that_are_always_there(shop: Workspace) -> None:
    shop.upsert({"email": ADA, "created_at": "2020-01-01T00:00:00Z"})
    before = stored(shop, "created_at", "updated_at")
    assert shop.upsert({"email": ADA, "created_at": None, "updated_at": None}) is Outcome.UNCHANGED
    assert stored(shop, "created_at", "updated_at") == before
    assert len(entries(shop)) == 1


# --- identities -------------------------------------------------------------------------------------------------------


def test_a_new_value_of_a_field_names_the_contact_and_so_does_the_old_one(shop: Workspace) -> None:
    shop.upsert({"email": ADA, "external_id": "1"})
    shop.upsert({"external_id": "1", "email": "eda@example.com"})
    assert shop.upsert({"email": ADA, "external_id": "1", "first_name": "Ada"}) is Outcome.UPDATED
    known = shop.identities(ADA)
    assert known == (Identity("email", ADA), Identity("email", "eda@example.com"), Identity("external_id", "1"))
    shop.upsert({"external_id": "1", "email": None})
    assert shop.identities({"kind": "external_id", "value": "1"}) == (known[1], known[2])


def test_the_last_thing_that_names_a_contact_cannot_be_removed(shop: Workspace) -> None:
    shop.upsert({"email": ADA, "external_id": "1"})
    shop.upsert({"email": ADA, "external_id": None})
    shop.upsert({"email": ADA, "phone": "+4930123456"})
    shop.upsert({"phone": "+4930123456", "email": None})
    with pytest.raises(InvalidWriteError, match="cannot be removed"):
        shop.remove_identity({"kind": "phone", "value": "+4930123456"}, "phone", "+4930123456")
    assert len(shop.identities({"kind": "phone", "value": "+4930123456"})) == 1


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_answers_in_order_and_what_is_wrong_fails_alone(shop: Workspace) -> None:
    numbers = count()
    good = [{"email": f"c{next(numbers)}@example.com", "first_name": "Ada"} for _ in range(3)]
    bad: list[Any] = [{"email": "nobody"}, None, {"first_name": "x"}, {"email": ADA, "orders_count": "3"}]
    batch = [good[0], bad[0], good[1], bad[1], {**good[0], "first_name": "Eda"}, bad[2], good[0], good[2], bad[3]]
    written = shop.upsert_many(batch)
    assert [item.outcome for item in written] == [
        Outcome.CREATED,
        Outcome.FAILED,
        Outcome.CREATED,
        Outcome.FAILED,
        Outcome.UPDATED,
        Outcome.FAILED,
        Outcome.UPDATED,
        Outcome.CREATED,
        Outcome.FAILED,
    ]
    errors = [str(item.error) for item in written if item.error is not None]
    assert [error.split(":")[0] for error in errors] == [
        "contacts[1].email",
        "contacts[3]",
        "contacts[5]",
        "contacts[8].orders_count",
    ]
    assert stored(shop, "first_name", email="c0@example.com") == "Ada"
    assert shop._store.rows("SELECT count(*) FROM contacts") == [(3,)]
    told = [(kind, changes["first_name"]) for kind, _, changes in entries(shop)]
    assert [change["new"] for _, change in told] == ["Ada", "Ada", "Eda", "Ada", "Ada"]
    assert shop.upsert_many([]) == []


def test_a_batch_may_create_merge_and_update_one_contact(shop: Workspace) -> None:
    written = shop.upsert_many(
        [
            {"email": ADA, "first_name": "Ada", "created_at": "2020-01-01T00:00:00Z"},
            {"phone": "+4930123456", "last_name": "L"},
            {"email": ADA, "phone": "+4930123456", "orders_count": 1},
            {"phone": "+4930123456", "country": "DE"},
        ]
    )
    expected = [Outcome.CREATED, Outcome.CREATED, Outcome.MERGED, Outcome.UPDATED]
    assert [item.outcome for item in written] == expected
    assert stored(shop, "first_name", "last_name", "orders_count", "country") == ("Ada", "L", 1.0, "DE")
    kinds = [kind for kind, _, _ in entries(shop)]
    assert kinds == ["contact.created", "contact.created", "contact.merged", "contact.updated", "contact.updated"]
    assert shop.check().is_clean


def test_whoever_was_written_since_the_last_recompute_is_touched_and_stands_there_once(shop: Workspace) -> None:
    for email in (ADA, "bo@example.com", ADA):
        shop.upsert({"email": email, "first_name": "Ada"})
        shop.upsert({"email": email, "last_name": email})
    touched = "SELECT c.email FROM touched JOIN contacts AS c USING (contact_id) ORDER BY 1"
    assert shop._store.rows(touched) == [(ADA,), ("bo@example.com",)]
