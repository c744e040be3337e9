"""The export of one contact: everything that is known of it, the same each time, and nothing of anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.errors import CallerError, UnknownContactError
from engine.storage import Store
from ingest.workspace import Workspace
from tests.definitions import field, segment


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop, shop._store.transaction() as cursor:
        cursor.execute("INSERT INTO custom_fields VALUES ('size', 'Size', 'number', now(), NULL)")
        cursor.execute("INSERT INTO custom_fields VALUES ('notes', 'Notes', 'json', now(), now())")
        cursor.execute("ALTER TABLE contacts ADD COLUMN size DOUBLE")
        cursor.execute("ALTER TABLE contacts ADD COLUMN notes VARCHAR")
    with populace.open(tmp_path / "shop") as shop:
        shop.upsert(
            {
                "email": "ada@example.com",
                "external_id": "ada",
                "created_at": "2024-01-01T00:00:00Z",
                "updated_at": "2024-01-02T00:00:00.5Z",
                "last_order_at": "2026-01-05T10:00:00+02:00",
                "orders_count": 3,
                "size": 1.5,
                "tags": ["vip", "new"],
                "profile": {"plan": {"tier": "gold"}},
                "custom_json_1": [1, True],
            }
        )
        shop.upsert({"email": "bo@example.com", "external_id": "bo", "country": "DE"})
        with shop._store.transaction() as cursor:
            cursor.execute("UPDATE contacts SET notes = '{\"n\":1}' WHERE email = 'ada@example.com'")
            fill(cursor)
        shop.apply([populace.read_segment(segment(field("email", "contains", "ada"), "adas"))])
        shop.recompute()
        yield shop


def fill(cursor: Any) -> None:
    cursor.execute("INSERT INTO lists (id, name) VALUES ('news', 'News')")
    cursor.execute("INSERT INTO lists (id, name, deleted_at) VALUES ('old', 'Old', TIMESTAMP '2026-01-01')")
    for contact_id, mark in ((0, "a"), (1, "b")):
        for list_id, status in (("old", "bounced"), ("news", "active")):
            cursor.execute(
                "INSERT INTO subscriptions VALUES ($1, $2, $3, TIMESTAMP '2026-01-01', 1, NULL)",
                [contact_id, list_id, status],
            )
        cursor.execute(
            "INSERT INTO outbox VALUES (1, 'welcome', $1, 'news', $2, TIMESTAMP '2026-01-01')", [contact_id, mark]
        )
        for at, event_id in (
            ("2026-01-31 23:30:00", "late"),
            ("2016-10-01", "first"),
            ("2016-10-31 23:00:00", "second"),
        ):
            cursor.execute(
                """
                INSERT INTO timeline (contact_id, kind, occurred_at, sequence, id, template_id, properties)
                VALUES ($1, 'insert_message_history', $2::TIMESTAMP, 50, $3, $4, '{"of":1.50}')
                """,
                [contact_id, at, f"{mark}-{event_id}", mark],
            )
        for at, value, deleted_at in (
            ("2026-01-07", "0.1", "2026-01-08"),
            ("2026-01-05", "12345678901234567890.5", None),
        ):
            cursor.execute(
                """
                INSERT INTO custom_events (contact_id, event_name, external_id, occurred_at, goal_type, goal_value,
                    deleted_at) VALUES ($1, 'order', $2, $3::TIMESTAMP, 'purchase', $4::DECIMAL(38, 9), $5::TIMESTAMP)
                """,
                [contact_id, f"{mark}-1", at, value, deleted_at],
            )


def exported(shop: Workspace) -> Any:
    return shop.export_contact("ada@example.com")


def test_the_document_has_everything_in_words_that_json_has(shop: Workspace) -> None:
    found = exported(shop)
    assert json.loads(json.dumps(found)) == found
    assert found["fields"] == {
        "email": "ada@example.com",
        "external_id": "ada",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-02T00:00:00.500000Z",
        "last_order_at": "2026-01-05T08:00:00Z",
        "orders_count": 3.0,
        "profile": {"plan": {"tier": "gold"}},
        "custom_json_1": [1, True],
    }
    assert found["custom_fields"] == {"size": 1.5, "notes": {"n": 1}}
    assert found["tags"] == ["new", "vip"]
    assert found["identities"] == [
        {"kind": "email", "value": "ada@example.com"},
        {"kind": "external_id", "value": "ada"},
    ]
    assert [(item["list_id"], item["list_name"], item["status"]) for item in found["subscriptions"]] == [
        ("news", "News", "active"),
        ("old", "Old", "bounced"),
    ]
    assert found["subscriptions"][1]["list_deleted_at"] == "2026-01-01T00:00:00Z"
    assert found["segments"] == [{"id": "adas", "name": "adas"}]
    assert found["mails_waiting"] == [
        {"mail": "welcome", "list_id": "news", "template_id": "a", "created_at": "2026-01-01T00:00:00Z"}
    ]
    assert found["message_statistics"] == {"2016": {"10": 2}, "2026": {"1": 1}}


def test_the_timeline_is_in_order_with_properties_and_changes_as_values(shop: Workspace) -> None:
    timeline = exported(shop)["timeline"]
    assert [(entry["kind"], entry["occurred_at"]) for entry in timeline] == [
        ("insert_message_history", "2016-10-01T00:00:00Z"),
        ("insert_message_history", "2016-10-31T23:00:00Z"),
        ("contact.created", "2024-01-01T00:00:00Z"),
        ("insert_message_history", "2026-01-31T23:30:00Z"),
    ]
    assert (timeline[0]["id"], timeline[0]["template_id"], timeline[0]["properties"]) == ("a-first", "a", {"of": 1.5})
    assert timeline[2]["changes"]["orders_count"] == {"old": None, "new": 3.0}
    assert {"ingested_at", "sequence"} <= set(timeline[2])


def test_custom_events_have_all_versions_and_every_digit(shop: Workspace) -> None:
    (event,) = exported(shop)["custom_events"]
    assert (event["event_name"], event["external_id"]) == ("order", "a-1")
    assert [(item["occurred_at"], item["goal_value"], item.get("deleted_at")) for item in event["versions"]] == [
        ("2026-01-05T00:00:00Z", "12345678901234567890.5", None),
        ("2026-01-07T00:00:00Z", 0.1, "2026-01-08T00:00:00Z"),
    ]


def test_it_is_the_same_again_and_mentions_nobody_else(shop: Workspace, tmp_path: Path) -> None:
    first = json.dumps(exported(shop))
    shop.compact()
    assert json.dumps(exported(shop)) == first
    assert "bo@example.com" not in first
    assert '"b-' not in first
    shop.close()
    with populace.open(tmp_path / "shop", read_only=True) as reader:
        assert json.dumps(exported(reader)) == first
        assert reader.preview_merge(["ada@example.com", "bo@example.com"]).values["country"] == "DE"


def test_months_are_those_of_the_time_zone(shop: Workspace) -> None:
    found = shop.message_statistics({"kind": "external_id", "value": "ada"}, timezone="Europe/Berlin")
    assert found == {"2016": {"10": 1, "11": 1}, "2026": {"2": 1}}
    assert shop.message_statistics("bo@example.com") == {"2016": {"10": 2}, "2026": {"1": 1}}
    with pytest.raises(CallerError):
        shop.message_statistics("ada@example.com", timezone="Mars/Olympus")
    with pytest.raises(UnknownContactError, match=r"no contact has the e-mail 'nobody@example\.com'"):
        shop.export_contact("nobody@example.com")


@pytest.mark.parametrize("at", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_the_ends_of_time_have_a_month_in_every_zone(shop: Workspace, at: str) -> None:
    store: Store = shop._store
    with store.transaction() as cursor:
        cursor.execute(
            "INSERT INTO timeline (contact_id, kind, occurred_at) VALUES (1, 'insert_message_history', $1::TIMESTAMP)",
            [at],
        )
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        months = shop.message_statistics("bo@example.com", timezone=zone)
        assert months[str(int(at[:4]))] == {str(int(at[5:7])): 1}
