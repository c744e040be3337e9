"""Custom fields are kept: while they are retired, through merges, compaction and snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import populace
from engine.errors import InvalidWriteError, UnknownCustomFieldError
from engine.execute.publish import published_file
from engine.storage.custom_fields import CustomFieldType
from ingest.workspace import Workspace
from ingest.writes.write import Outcome
from tests.test_custom_fields import ADA, BO, VALUES, import_contacts


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as opened:
        yield opened


def columns_of_contacts(shop: Workspace) -> list[str]:
    with duckdb.connect(str(published_file(shop._store)), read_only=True) as connection:
        return [row[0] for row in connection.execute("DESCRIBE contacts").fetchall()]


def test_a_retired_field_comes_back_with_its_values(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("plan", "text", label="Plan")
    shop.upsert({"email": ADA, "plan": "pro"})
    before = shop.content_hash()
    assert shop.fields.retire("plan") is Outcome.UPDATED
    assert shop.fields.all()[0].retired_at is not None
    assert "plan" not in shop.contact(ADA).profile
    assert "plan" not in columns_of_contacts(shop)
    with pytest.raises(InvalidWriteError, match="no contact field is named 'plan'"):
        shop.upsert({"email": ADA, "plan": "free"})
    with pytest.raises(UnknownCustomFieldError):
        shop.fields.retire("plan")
    # Whatever is written meanwhile leaves the values alone.
    shop.upsert({"email": ADA, "first_name": "Ada"})
    import_contacts(shop, tmp_path, {"email": ADA, "first_name": "Adah"}, {"email": BO})
    import_contacts(shop, tmp_path, {"email": ADA, "first_name": None}, {"email": BO})
    assert shop.fields.define("plan", "text") is Outcome.UPDATED
    assert (shop.fields.all()[0].label, shop.fields.all()[0].retired_at) == ("Plan", None)
    assert shop.contact(ADA).profile["plan"] == "pro"
    assert "plan" in columns_of_contacts(shop)
    assert shop.content_hash() != before  # Bo came


def test_the_content_hash_tells_fields_and_values_apart(tmp_path: Path) -> None:
    def hash_of(name: str, *steps: tuple[str, Any]) -> str:
        with populace.init(tmp_path / name) as shop:
            for key, _ in steps:
                shop.fields.define(key, "text")
            at = "2026-01-01T00:00:00Z"
            shop.upsert({"email": ADA, "created_at": at, "updated_at": at, **dict(steps)})
            return shop.content_hash()

    one = hash_of("one", ("a", "x"), ("b", "y"))
    assert hash_of("two", ("b", "y"), ("a", "x")) == one
    assert hash_of("three", ("a", "y"), ("b", "x")) != one
    assert hash_of("four", ("a", "x"), ("c", "y")) != one


def test_a_snapshot_and_a_compaction_keep_custom_fields(tmp_path: Path) -> None:
    with populace.init(tmp_path / "w") as shop:
        for kind, (given, _) in VALUES.items():
            shop.fields.define(f"of_{kind}", kind)
            shop.upsert({"email": ADA, f"of_{kind}": given})
        shop.fields.retire("of_text")
        before = shop.content_hash()
        shop.compact()
        assert shop.content_hash() == before
        shop.snapshot(tmp_path / "snapshot")
        profile = shop.contact(ADA).profile
    populace.restore(tmp_path / "snapshot", tmp_path / "again")
    with populace.open(tmp_path / "again") as again:
        assert (again.content_hash(), again.contact(ADA).profile) == (before, profile)
        again.fields.define("of_text", "text")
        assert again.contact(ADA).profile["of_text"] == VALUES[CustomFieldType.TEXT][1]


def test_a_merge_unites_custom_fields(shop: Workspace) -> None:
    shop.fields.define("plan", "text")
    shop.fields.define("seats", "number")
    shop.upsert({"email": ADA, "plan": "pro"})
    shop.upsert({"phone": "+4930123456", "seats": 5})
    assert shop.upsert({"email": ADA, "phone": "+4930123456"}) is Outcome.MERGED
    profile = shop.contact(ADA).profile
    assert (profile["plan"], profile["seats"]) == ("pro", 5)
