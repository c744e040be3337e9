"""Custom fields: defined, filled by upserts and files, asked by definitions and SQL, retired and brought back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import populace
from engine.definition.fields import CONTACT_FIELDS
from engine.errors import (
    BadRowError,
    DatasetError,
    InvalidValueError,
    InvalidWriteError,
    UnknownCustomFieldError,
)
from engine.storage.custom_fields import CustomFieldType
from ingest.dataset import open_dataset
from ingest.workspace import Workspace
from ingest.writes.fields import RESERVED_KEYS
from ingest.writes.write import Outcome
from tests.engine_under_test import write_dataset

ADA, BO = "ada@x.example", "bo@x.example"
VALUES: dict[CustomFieldType, tuple[Any, Any]] = {
    CustomFieldType.TEXT: (" two words ", " two words "),
    CustomFieldType.NUMBER: (2.5, 2.5),
    CustomFieldType.DATE: ("2026-05-01", date(2026, 5, 1)),
    CustomFieldType.DATETIME: ("2026-05-01T12:00:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    CustomFieldType.BOOLEAN: (False, False),
    CustomFieldType.EMAIL: (" Boss@X.example ", "boss@x.example"),
    CustomFieldType.URL: ("https://x.example/a?b=c", "https://x.example/a?b=c"),
    CustomFieldType.JSON: ({"a": [1, None]}, '{"a":[1,null]}'),
}
"""A value of each type as it is given, and as it is read."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as opened:
        yield opened


def values_of(shop: Workspace, key: str) -> dict[str, Any]:
    return dict(shop._store.rows(f'SELECT email, "{key}" FROM contacts'))


def import_contacts(shop: Workspace, tmp_path: Path, *rows: dict[str, Any]) -> Any:
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    write_dataset({"contacts": list(rows)}, folder)
    return shop.import_dataset(folder)


# --- defining ---------------------------------------------------------------------------------------------------------


def test_a_field_is_created_once_and_stays_as_it_is(shop: Workspace) -> None:
    assert shop.fields.all() == []
    assert shop.fields.define("plan", "text") is Outcome.CREATED
    generation = shop._store.generation()
    assert shop.fields.define("plan", "text") is Outcome.UNCHANGED
    assert shop._store.generation() == generation
    (found,) = shop.fields.all()
    assert (found.key, found.label, found.type, found.retired_at) == ("plan", "plan", CustomFieldType.TEXT, None)
    assert found.created_at.tzinfo is UTC


def test_a_label_that_is_given_is_taken_and_one_that_is_not_stays(shop: Workspace) -> None:
    shop.fields.define("plan", "text", label=" The plan ")
    assert shop.fields.all()[0].label == "The plan"
    assert shop.fields.define("plan", "text") is Outcome.UNCHANGED
    assert shop.fields.define("plan", "text", label="Plan") is Outcome.UPDATED
    assert shop.fields.rename("plan", "Tariff") is Outcome.UPDATED
    assert shop.fields.rename("plan", "Tariff") is Outcome.UNCHANGED
    assert shop.fields.all()[0].label == "Tariff"


def test_a_field_keeps_its_type(shop: Workspace) -> None:
    shop.fields.define("plan", "text")
    with pytest.raises(InvalidWriteError, match="'plan' is a text field, and a field keeps its type"):
        shop.fields.define("plan", "number")
    shop.fields.retire("plan")
    with pytest.raises(InvalidWriteError, match="was retired as a text field"):
        shop.fields.define("plan", "number")


@pytest.mark.parametrize("key", ["", "Plan", "1st", "_x", "a b", "a-b", "x" * 64, 'a"b', "größe", "plan\n", 7, None])
def test_what_is_no_key_is_refused(shop: Workspace, key: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"is no key: it has 1 to 63 characters"):
        shop.fields.define(key, "text")


@pytest.mark.parametrize("key", sorted({*CONTACT_FIELDS, *RESERVED_KEYS}))
def test_a_key_that_means_something_else_is_refused(shop: Workspace, key: str) -> None:
    with pytest.raises(InvalidValueError, match="take another key"):
        shop.fields.define(key, "text")


def test_every_column_of_contacts_is_a_refused_key(shop: Workspace) -> None:
    names = {row[0] for row in shop._store.rows("DESCRIBE contacts")}
    assert names <= {*CONTACT_FIELDS, *RESERVED_KEYS}


def test_the_longest_key_and_words_of_sql_are_keys(shop: Workspace) -> None:
    for key in ("x" * 63, "group", "select", "order", "c", "old", "r", "z"):
        assert shop.fields.define(key, "text") is Outcome.CREATED
        shop.upsert({"email": ADA, key: f"value of {key}"})
    assert shop.sql('SELECT "group", "select", "order", c, old, r, z FROM contacts').row(0)[0] == "value of group"
    assert shop.contact(ADA).profile["old"] == "value of old"
    assert shop.content_hash()


def test_what_is_no_type_or_label_is_refused(shop: Workspace) -> None:
    with pytest.raises(InvalidValueError, match="did you mean 'boolean'"):
        shop.fields.define("plan", "bool")
    with pytest.raises(InvalidValueError, match="it is one of text, number"):
        shop.fields.define("plan", 7)  # type: ignore[arg-type]
    for label in ("", "  ", "x" * 256, "a\0b", 5):
        with pytest.raises(InvalidValueError, match=r"^label"):
            shop.fields.define("plan", "text", label=label)  # type: ignore[arg-type]
    assert shop.fields.all() == []


def test_a_field_that_is_not_there_is_answered_with_the_nearest(shop: Workspace) -> None:
    with pytest.raises(UnknownCustomFieldError, match="there are none; define one first"):
        shop.fields.retire("plan")
    shop.fields.define("plan", "text")
    with pytest.raises(UnknownCustomFieldError, match="did you mean 'plan'"):
        shop.fields.rename("plann", "Plan")


def test_fields_are_there_after_the_workspace_was_closed(tmp_path: Path) -> None:
    with populace.init(tmp_path / "w") as shop:
        shop.fields.define("plan", "text")
        shop.upsert({"email": ADA, "plan": "pro"})
    with populace.open(tmp_path / "w", read_only=True) as shop:
        assert [item.key for item in shop.fields.all()] == ["plan"]
        assert shop.contact(ADA).profile["plan"] == "pro"
    with populace.open(tmp_path / "w") as shop:
        assert shop.upsert({"email": ADA, "plan": "pro"}) is Outcome.UNCHANGED


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(CustomFieldType))
def test_a_field_takes_its_values_from_upserts_and_files_alike(shop: Workspace, tmp_path: Path, kind: str) -> None:
    given, read = VALUES[CustomFieldType(kind)]
    shop.upsert({"email": ADA})  # before the field is there: the writer has to look at the columns anew
    shop.fields.define("own", kind)
    assert shop.upsert({"email": ADA, "own": given}) is Outcome.UPDATED
    assert shop.upsert({"email": ADA, "own": given}) is Outcome.UNCHANGED
    assert import_contacts(shop, tmp_path, {"email": ADA, "own": given}).has_changes is False
    assert import_contacts(shop, tmp_path, {"email": BO, "own": given}).has_changes is True
    assert import_contacts(shop, tmp_path, {"email": BO, "own": given}).has_changes is False
    assert shop.upsert({"email": BO, "own": given}) is Outcome.UNCHANGED
    assert [shop.contact(email).profile["own"] for email in (ADA, BO)] == [read, read]
    assert shop.upsert({"email": ADA, "own": None}) is Outcome.UPDATED
    assert import_contacts(shop, tmp_path, {"email": BO, "own": None}).has_changes is True
    assert values_of(shop, "own") == {ADA: None, BO: None}


@pytest.mark.parametrize("kind", list(CustomFieldType))
def test_the_timeline_says_the_same_of_an_upsert_and_of_an_import(shop: Workspace, tmp_path: Path, kind: str) -> None:
    given, _ = VALUES[CustomFieldType(kind)]
    for email in (ADA, BO):
        shop.upsert({"email": email})
    shop.fields.define("own", kind)
    shop.upsert({"email": ADA, "own": given})
    import_contacts(shop, tmp_path, {"email": BO, "own": given})
    query = "SELECT changes FROM timeline WHERE kind = 'contact.updated' ORDER BY sequence"
    of_upsert, of_import = (orjson.loads(changes) for (changes,) in shop._store.rows(query))
    assert of_upsert["own"]["old"] is None
    assert str(of_upsert["own"]["new"]).replace(".000000Z", "Z") == str(of_import["own"]["new"]).replace(
        ".000000Z", "Z"
    )


def test_what_is_not_of_the_type_is_refused(shop: Workspace, tmp_path: Path) -> None:
    for kind, bad in (
        ("date", "2026-02-30"),
        ("date", "2026-05-01T00:00:00Z"),
        ("boolean", "yes"),
        ("number", "many"),
        ("email", "nobody"),
        ("url", "x.example"),
        ("datetime", "2026-05-01"),
    ):
        shop.fields.define(f"of_{kind}", kind)
        with pytest.raises(InvalidValueError, match=f"contact.of_{kind}"):
            shop.upsert({"email": ADA, f"of_{kind}": bad})
        with pytest.raises(BadRowError, match=f"column of_{kind}"):
            import_contacts(shop, tmp_path, {"email": ADA, f"of_{kind}": bad})
    assert shop._store.row_count("contacts") == 0


def test_a_file_with_a_column_that_is_no_field_is_refused_as_before(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("renews_on", "date")
    with pytest.raises(DatasetError, match=r"unknown column 'renews_onn' .did you mean 'renews_on'"):
        import_contacts(shop, tmp_path, {"email": ADA, "renews_onn": "2026-05-01"})
    shop.fields.retire("renews_on")
    with pytest.raises(DatasetError, match="unknown column 'renews_on'"):
        import_contacts(shop, tmp_path, {"email": ADA, "renews_on": "2026-05-01"})


def test_a_dataset_that_was_opened_for_other_fields_is_refused(shop: Workspace, tmp_path: Path) -> None:
    write_dataset({"contacts": [{"email": ADA, "own": "x"}]}, tmp_path)
    for kind in (CustomFieldType.TEXT, CustomFieldType.NUMBER):
        with pytest.raises(DatasetError, match="were opened with 'own' as a"):
            shop.import_dataset(open_dataset(tmp_path, custom_fields={"own": kind}))
        shop.fields.define("own", "json")


def test_a_file_that_does_not_give_a_field_leaves_it(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("own", "text")
    shop.fields.define("other", "number")
    shop.upsert({"email": ADA, "own": "kept", "other": 1})
    import_contacts(shop, tmp_path, {"email": ADA, "other": 2}, {"email": BO, "own": "new"})
    assert values_of(shop, "own") == {ADA: "kept", BO: "new"}
    assert values_of(shop, "other") == {ADA: 2, BO: None}


def test_csv_and_parquet_files_give_custom_fields_too(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("renews_on", "date")
    shop.fields.define("is_partner", "boolean")
    csv, parquet = tmp_path / "csv", tmp_path / "parquet"
    csv.mkdir()
    parquet.mkdir()
    (csv / "contacts.csv").write_text(f"email,renews_on,is_partner\n{ADA},2026-05-01,TRUE\n{BO},,0\n", "utf-8")
    rows = {
        "email": [ADA, BO],
        "renews_on": pa.array([date(2026, 5, 1), None], pa.date32()),
        "is_partner": [True, False],
    }
    pq.write_table(pa.table(rows), parquet / "contacts.parquet")
    assert shop.import_dataset(csv).has_changes
    assert not shop.import_dataset(parquet).has_changes
    assert values_of(shop, "renews_on") == {ADA: date(2026, 5, 1), BO: None}
    assert values_of(shop, "is_partner") == {ADA: True, BO: False}
