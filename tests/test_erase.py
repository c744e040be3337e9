"""Erasure: nothing of the person stays, in no table and in no file; what was counted stays as totals of nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import populace
from engine.errors import SuppressedContactError, UnknownContactError
from engine.execute.memberships import stored_memberships
from engine.execute.publish import published_file, remove_published
from engine.execute.transitions import read_differences
from ingest.workspace import Workspace
from ingest.writes.write import Outcome
from tests.definitions import field, segment

NEEDLES = ("zyxwabel", "Qoblarith", "+4930777888", "vunktrosel")
"""The person's e-mail, name, phone and external id: texts that nothing else has."""

GERMANS = segment(field("country", "equals", "DE"), "germans")
FRENCH = segment(field("country", "equals", "FR"), "french")


def filled(path: Path) -> Workspace:
    """A person with a past in every table, merged from two contacts, beside a bystander of whom the same is known."""
    shop = populace.init(path)
    for name, phone, external_id in (("zyxwabel", "+4930777888", "vunktrosel"), ("bystander", "+4930111222", "by")):
        shop.upsert(
            {"email": f"{name}.old@example.com", "first_name": f"{name} Qoblarith"[: 9 if name[0] == "b" else 99]}
        )
        contact = {"email": f"{name}@example.com", "phone": phone, "external_id": external_id, "country": "DE"}
        shop.upsert({**contact, "tags": ["vip"], "profile": {"nick": name}, "custom_json_1": {"of": name}})
        shop.merge([f"{name}@example.com", f"{name}.old@example.com"])
        shop.add_identity(f"{name}@example.com", "push_token", f"token-{name}")
    with shop._store.transaction() as cursor:
        cursor.execute("INSERT INTO lists (id, name) VALUES ('news', 'News')")
        for number, name in ((owner(shop, "zyxwabel"), "zyxwabel"), (owner(shop, "bystander"), "bystander")):
            cursor.execute("INSERT INTO subscriptions VALUES ($1, 'news', 'active', now(), 1, now())", [number])
            cursor.execute(
                "INSERT INTO outbox VALUES (1, 'welcome', $1, 'news', NULL, now())",
                [number],
            )
            for at in ("2026-01-05", "2026-01-06", "2026-02-01"):
                cursor.execute(
                    """
                    INSERT INTO timeline (contact_id, kind, occurred_at, sequence, id, properties)
                    SELECT $1, 'open_email', $2::TIMESTAMP, max(sequence) + 1, $3 || $2, json_object('by', $3)
                    FROM timeline
                    """,
                    [number, at, name],
                )
            for at, superseded_at in (("2026-01-05", "2026-01-07"), ("2026-01-07", None)):
                cursor.execute(
                    """
                    INSERT INTO custom_events
                        (contact_id, event_name, external_id, occurred_at, superseded_at, properties)
                    VALUES ($1, 'order', $2, $3::TIMESTAMP, $4::TIMESTAMP, json_object('of', $2))
                    """,
                    [number, name, at, superseded_at],
                )
    shop.apply([populace.read_segment(item) for item in (GERMANS, FRENCH)])
    shop.recompute()
    return shop


def owner(shop: Workspace, name: str) -> int:
    rows = shop._store.rows("SELECT contact_id FROM identities WHERE identity = $1", [f"email:{name}@example.com"])
    return int(rows[0][0])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with filled(tmp_path / "shop") as shop:
        yield shop


def tables(shop: Workspace) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    names = [name for (name,) in shop._store.rows("SELECT table_name FROM duckdb_tables()")]
    return {name: [repr(row) for row in shop._store.rows(f"SELECT * FROM {name} ORDER BY ALL")] for name in names}


def violated(shop: Workspace) -> list[str]:
    """What `populace check` finds wrong."""
    return [item.name for item in shop.check().invariants if item.violation_count]


def mentions(shop: Workspace) -> dict[str, set[str]]:
    """The tables in which a text of the person stands."""
    found: dict[str, set[str]] = {}
    for name, rows in tables(shop).items():
        for needle in NEEDLES:
            if any(needle in row for row in rows):
                found.setdefault(name, set()).add(needle)
    return found


def files_that_mention(folder: Path) -> set[str]:
    found = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and any(needle.encode() in path.read_bytes() for needle in NEEDLES):
            found.add(path.name)
    return found


def test_nothing_of_the_person_is_in_any_table_and_the_bystander_keeps_everything(shop: Workspace) -> None:
    assert {"contacts", "identities", "timeline", "custom_events"} <= set(mentions(shop))
    bystander = shop.export_contact("bystander@example.com")
    number = owner(shop, "zyxwabel")
    shop.erase("zyxwabel@example.com")
    assert mentions(shop) == {}
    for table in ("contacts", "identities", "timeline", "custom_events", "subscriptions", "outbox"):
        assert shop._store.rows(f"SELECT 1 FROM {table} WHERE contact_id = $1", [number]) == [], table
    assert shop.export_contact("bystander@example.com") == bystander
    assert shop._store.rows("SELECT merged_into FROM retired WHERE contact_id = $1", [number]) == [(None,)]
    assert violated(shop) == []
    with pytest.raises(UnknownContactError):
        shop.erase("zyxwabel@example.com")


def test_no_file_of_the_folder_mentions_the_person_once_it_is_compacted(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    with filled(folder) as shop:
        shop.sql("SELECT count(*) FROM contacts")
        shop._store.checkpoint()
        assert {name.split("-")[0] for name in files_that_mention(folder)} == {"published", "store.duckdb"}
        shop.erase({"kind": "external_id", "value": "vunktrosel"})
        assert files_that_mention(folder) <= {"store.duckdb"}
        assert shop._store.log_bytes() == 0
        assert list(folder.glob("published-*")) == []
        shop.compact()
        assert files_that_mention(folder) == set()
        assert "bystander" in repr(tables(shop))
    assert files_that_mention(folder) == set()


def test_what_was_counted_stays_as_totals_by_kind_and_month(shop: Workspace) -> None:
    shop.erase("zyxwabel@example.com")
    query = "SELECT kind, month, event_count FROM anonymous_totals WHERE month < DATE '2026-03-01' ORDER BY ALL"
    once = [
        ("custom_event.order", date(2026, 1, 1), 1),
        ("open_email", date(2026, 1, 1), 2),
        ("open_email", date(2026, 2, 1), 1),
    ]
    assert shop._store.rows(query) == once
    shop.erase("bystander@example.com")
    assert shop._store.rows(query) == [(kind, month, 2 * number) for kind, month, number in once]
    totals = dict(shop._store.rows("SELECT kind, sum(event_count) FROM anonymous_totals GROUP BY 1"))
    assert (totals["contact.created"], totals["contact.merged"], totals["identity.added"]) == (4, 2, 2)


def test_the_person_leaves_every_segment_with_a_transition(shop: Workspace) -> None:
    number, other = owner(shop, "zyxwabel"), owner(shop, "bystander")
    before = len(read_differences(shop._store.cursor()))
    shop.erase("zyxwabel@example.com")
    memberships = stored_memberships(shop._store)
    assert memberships["germans"].members.ids().tolist() == [other]
    assert shop.segment("germans").size == 1
    (left,) = read_differences(shop._store.cursor())[before:]
    assert (left.segment_id, left.left.ids().tolist(), left.entered.size) == ("germans", [number], 0)
    recomputed = shop.recompute()
    assert [(item.entered, item.left) for item in recomputed.segments] == [(0, 0), (0, 0)]
    assert violated(shop) == []
    assert shop.members("germans")["email"].to_list() == ["bystander@example.com"]


def test_an_erased_contact_of_a_workspace_that_never_computed_leaves_nothing(tmp_path: Path) -> None:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert({"email": "zyxwabel@example.com"})
        shop.erase("zyxwabel@example.com")
        assert (mentions(shop), shop._store.row_count("transitions")) == ({}, 0)
        shop.upsert({"email": "next@example.com"})
        assert shop._store.rows("SELECT contact_id FROM contacts") == [(1,)]


def test_a_suppressed_email_does_not_come_in_again_until_it_is_allowed(shop: Workspace, tmp_path: Path) -> None:
    shop.erase("zyxwabel@example.com", suppress=True)
    assert mentions(shop) == {}
    assert shop.suppressed_count() == 2
    for email in ("ZYXwabel@example.com", "zyxwabel.old@example.com"):
        with pytest.raises(SuppressedContactError):
            shop.upsert({"email": email})
        with pytest.raises(SuppressedContactError):
            shop.upsert({"email": email, "external_id": "by"})
        with pytest.raises(SuppressedContactError):
            shop.add_identity("bystander@example.com", "email", email)
    shop.close()
    with populace.open(tmp_path / "shop") as again:
        with pytest.raises(SuppressedContactError):
            again.upsert({"email": "zyxwabel@example.com"})
        assert again.unsuppress(" ZYXWABEL@example.com") is Outcome.UPDATED
        assert again.unsuppress("zyxwabel@example.com") is Outcome.UNCHANGED
        assert again.suppressed_count() == 1
        assert again.upsert({"email": "zyxwabel@example.com"}) is Outcome.CREATED


def test_without_suppression_the_person_may_come_again_as_somebody_new(shop: Workspace) -> None:
    shop.erase("zyxwabel@example.com")
    assert shop.suppressed_count() == 0
    assert shop.upsert({"email": "zyxwabel@example.com"}) is Outcome.CREATED
    exported: Any = shop.export_contact("zyxwabel@example.com")
    assert [entry["kind"] for entry in exported["timeline"]] == ["contact.created"]


def test_writes_that_arrive_with_the_erasure_land_before_or_after_it(shop: Workspace) -> None:
    """Many threads write to the person while it is erased: what came before is gone, what comes after is a new one."""

    def write(number: int) -> None:
        for turn in range(10):
            shop.upsert({"email": "zyxwabel@example.com", "job_title": f"{number} {turn}"})

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    shop.erase("zyxwabel@example.com")
    for thread in threads:
        thread.join()
    if shop._store.rows("SELECT 1 FROM identities WHERE identity = 'email:zyxwabel@example.com'"):
        exported: Any = shop.export_contact("zyxwabel@example.com")
        assert (exported["fields"].get("country"), exported["tags"]) == (None, [])
        assert exported["timeline"][0]["kind"] == "contact.created"
    orphans = "SELECT count(*) FROM timeline ANTI JOIN contacts USING (contact_id)"
    assert shop._store.rows(orphans) == [(0,)]


def test_a_file_that_is_being_published_is_removed_as_well(shop: Workspace) -> None:
    published = published_file(shop._store)
    assert published.exists()
    remove_published(shop._store)
    assert not published.exists()
