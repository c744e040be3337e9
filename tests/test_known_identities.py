"""Who an identity is, as readers are told from the writer's memory: always what the store says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import populace
from engine.storage.contact_lookup import contacts_of_identities
from ingest import known_identities
from ingest.workspace import Workspace


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(known_identities, "LOOK_EVERY", 1)
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert_many([{"email": f"c{number}@x.example", "external_id": f"u{number}"} for number in range(20)])
        yield shop


def compare(shop: Workspace, *, in_memory: bool = True) -> None:
    asked = [f"{kind}{n}{rest}" for n in range(22) for kind, rest in (("email:c", "@x.example"), ("external_id:u", ""))]
    asked += ["email:new@x.example", "phone:+4930123456"]
    assert (shop._writer.known_owners(asked) is not None) == in_memory
    assert shop._known_identities.contact_ids(asked) == contacts_of_identities(shop._store, asked)
    names = [{"kind": kind, "value": value} for kind, _, value in (name.partition(":") for name in asked)]
    known = contacts_of_identities(shop._store, asked)
    assert [found is not None for found in shop.memberships(names)] == [name in known for name in asked]


def test_after_every_write_readers_are_told_what_the_store_says(shop: Workspace, tmp_path: Path) -> None:
    shop.memberships(["c1@x.example"])
    compare(shop)
    shop.upsert({"email": "new@x.example", "phone": "+4930123456"})
    compare(shop)
    shop.upsert({"email": "c3@x.example", "phone": "+4930123456"})  # merges two
    compare(shop)
    shop.merge(["c1@x.example", "c2@x.example"])
    compare(shop)
    shop.remove_identity("c5@x.example", "external_id", "u5")
    compare(shop)
    shop.upsert({"email": "c6@x.example", "external_id": None})
    compare(shop)
    shop.erase("c7@x.example")
    shop.upsert({"email": "c8@x.example"})
    shop.memberships(["c8@x.example"])
    compare(shop)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "contacts.jsonl").write_text('{"email": "c21@x.example", "external_id": "u21"}\n')
    shop.import_dataset(tmp_path / "data")
    compare(shop, in_memory=False)
    shop.upsert({"email": "c9@x.example", "country": "DE"})
    shop.memberships(["c9@x.example"])
    compare(shop)
    assert shop.check().is_clean
