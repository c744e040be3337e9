"""A workspace of every past schema version opens with this populace, keeps its rows, and is sound."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import populace
from engine.definition import read_segment
from engine.execute import ContactSet
from engine.storage import migrations
from engine.storage.migrations import MIGRATIONS, latest_version
from engine.storage.store import Store
from tests.definitions import field, segment
from tests.full_workspace import all_rows, keys_of, types_of_columns

AT = datetime(2026, 5, 1, 10)
AMERICANS = segment(field("country", "equals", "US"), "americans")
MEMBERS = ContactSet.of_ids(np.array([0, 2], dtype=np.int32), 3)

Rows = dict[str, list[dict[str, Any]]]

FIRST: Rows = {
    "workspace": [
        {"schema_version": 1, "timezone": "Europe/Rome", "created_at": AT, "created_by": "old", "generation": "g1"}
    ],
    "zones": [{"zone_id": 1, "name": "Europe/Rome"}, {"zone_id": 2, "name": "Asia/Tokyo"}],
    "contacts": [
        {
            "contact_id": 0,
            "zone_id": 2,
            "email": "ada@x.example",
            "timezone": "Asia/Tokyo",
            "external_id": "shared",
            "phone": "+4915112345678",
            "country": "US",
            "tags": ["vip"],
            "custom_json_1": '{"a": 1}',
            "lifetime_value": 0.1,
            "created_at": datetime(2026, 1, 1),
        },
        # Claims what an older contact has, and a phone that is none.
        {"contact_id": 1, "zone_id": 0, "email": "bo@x.example", "external_id": "shared", "phone": "call me"},
        # A zone that the zone database of that time did not know.
        {"contact_id": 2, "zone_id": 0, "email": "cy@x.example", "timezone": "Africa/Cairo", "country": "US"},
    ],
    "identities": [
        {"email": "ada@x.example", "contact_id": 0},
        {"email": "bo@x.example", "contact_id": 1},
        {"email": "cy@x.example", "contact_id": 2},
    ],
    "timeline": [
        {"contact_id": 0, "kind": "open_email", "occurred_at": AT, "sequence": 1, "id": "e1", "ingested_at": AT},
        {"contact_id": 1, "kind": "open_email", "occurred_at": AT, "sequence": 2, "properties": '{"n": 2}'},
    ],
    "custom_events": [
        {
            "contact_id": 0,
            "event_name": "order",
            "external_id": "o1",
            "occurred_at": AT,
            "goal_type": "purchase",
            "superseded_at": datetime(2026, 5, 2),
        },
        {"contact_id": 0, "event_name": "order", "external_id": "o1", "occurred_at": datetime(2026, 5, 2)},
    ],
    "lists": [{"id": "news", "name": "News", "is_public": True, "is_double_optin": False, "sequence": 1}],
    "subscriptions": [{"contact_id": 0, "list_id": "news", "status": "active", "created_at": AT, "sequence": 1}],
    "segments": [
        {
            "id": "americans",
            "version": 1,
            "definition": read_segment(json.loads(json.dumps(AMERICANS))).document,
            "applied_at": AT,
        }
    ],
    "memberships": [
        {"segment_id": "americans", "version": 1, "as_of": AT, "size": 2, "members": MEMBERS.packed()}
    ],
    "transitions": [
        {
            "first_sequence": 1,
            "segment_id": "americans",
            "version": 1,
            "as_of": AT,
            "left_count": 0,
            "entered_count": 2,
            "left_members": ContactSet.none(3).packed(),
            "entered_members": MEMBERS.packed(),
        }
    ],
}  # fmt: skip

PHONE = [
    "email:ada@x.example",
    "email:bo@x.example",
    "email:cy@x.example",
    "external_id:shared",
    "phone:+4915112345678",
]

SECOND: Rows = {
    **FIRST,
    "workspace": [{**FIRST["workspace"][0], "schema_version": 2}],
    "contacts": [
        {**FIRST["contacts"][0], "profile": '{"k": 1}', "phone_is_valid": True},
        {**FIRST["contacts"][1], "phone_is_valid": False},
        FIRST["contacts"][2],
    ],
    "identities": [
        {"identity": "email:ada@x.example", "contact_id": 0},
        {"identity": "external_id:shared", "contact_id": 0},
        {"identity": "phone:+4915112345678", "contact_id": 0},
        {"identity": "email:bo@x.example", "contact_id": 1},
        {"identity": "email:cy@x.example", "contact_id": 2},
    ],
    "timeline": [
        *FIRST["timeline"],
        {
            "contact_id": 2,
            "kind": "contact.updated",
            "occurred_at": AT,
            "ingested_at": AT,
            "sequence": 3,
            "entity_type": "contact",
            "changes": '{"country":{"old":"DE","new":"US"}}',
        },
    ],
    "retired": [{"contact_id": 3, "merged_into": 2, "retired_at": AT}],
    "custom_fields": [{"key": "plan", "label": "Plan", "type": "text", "created_at": AT}],
    "tags": [{"name": "vip", "color": "#ff0000", "created_at": AT}],
    "outbox": [{"sequence": 1, "mail": "welcome", "contact_id": 0, "list_id": "news", "created_at": AT}],
    "suppressed": [{"email_hash": "00ff", "suppressed_at": AT}],
    "anonymous_totals": [{"kind": "open_email", "month": date(2026, 5, 1), "event_count": 7}],
    "touched": [{"contact_id": 1}],
    "settings": [
        {"name": "merging_identities", "value": '["email","phone"]'},
        {"name": "secret", "value": '"secret"'},
    ],
}

THIRD: Rows = {
    **SECOND,
    "workspace": [{**SECOND["workspace"][0], "schema_version": 3, "exact_since": AT}],
    "retired": [{"contact_id": 3, "merged_into": 2, "retired_at": AT, "last_row": '{"email": "di@x.example"}'}],
    "earlier_identities": [{"sequence": 3, "identity": "email:di@x.example", "owner_id": 3, "until_at": AT}],
    "earlier_lists": [{"sequence": 3, "list_id": "news", "deleted_at": None, "until_at": AT}],
    "transitions": [
        *SECOND["transitions"],
        {
            "first_sequence": 3,
            "segment_id": "americans",
            "version": 1,
            "as_of": datetime(2026, 4, 1),
            "left_count": 1,
            "entered_count": 0,
            "left_members": ContactSet.of_ids(np.array([2], np.int32), 3).packed(),
            "entered_members": ContactSet.none(3).packed(),
        },
        {
            "first_sequence": 4,
            "segment_id": "americans",
            "version": 1,
            "as_of": AT,
            "left_count": 0,
            "entered_count": 1,
            "left_members": ContactSet.none(3).packed(),
            "entered_members": ContactSet.of_ids(np.array([2], np.int32), 3).packed(),
        },
    ],
}

FOURTH: Rows = {
    **THIRD,
    "workspace": [{**THIRD["workspace"][0], "schema_version": 4}],
    "transitions": [
        {**row, "cause": cause, "recorded_at": AT}
        for row, cause in zip(THIRD["transitions"], ("first_run", "time", "data"), strict=True)
    ],
}

FIFTH: Rows = {
    **FOURTH,
    "workspace": [{**FOURTH["workspace"][0], "schema_version": 5}],
    "memberships": [{**row, "through_sequence": 4, "of_past": False} for row in FOURTH["memberships"]],
}

SIXTH: Rows = {
    **FIFTH,
    "workspace": [{**FIFTH["workspace"][0], "schema_version": 6}],
    "lists": [{**row, "description": "What is new.", "created_at": AT, "updated_at": AT} for row in FIFTH["lists"]],
}

SEVENTH: Rows = {
    **SIXTH,
    "workspace": [{**SIXTH["workspace"][0], "schema_version": 7}],
    "webhooks": [
        {
            "id": "w1",
            "name": "Ours",
            "url": "https://shop.example/hook",
            "secret": "whsec_c2VjcmV0",
            "event_types": ["contact.*"],
            "filters": "{}",
            "is_enabled": True,
            "created_at": AT,
            "updated_at": AT,
        }
    ],
    "webhook_progress": [{"webhook_id": "w1", "outbox_sequence": 1, "transition_sequence": 1, "next_number": 2}],
    "webhook_outbox": [{"sequence": 2, "type": "contact.updated", "contact_id": 0, "recorded_at": AT, "data": "{}"}],
    "webhook_deliveries": [{"webhook_id": "w1", "number": 1, "contact_id": 0, "status": "waiting", "payload": "{}"}],
}

EIGHTH: Rows = {
    **SEVENTH,
    "workspace": [{**SEVENTH["workspace"][0], "schema_version": 8}],
    "mail_templates": [
        {"id": "hi", "name": "Hi", "subject": "Hi", "html": None, "text": "Hi", "created_at": AT, "updated_at": AT}
    ],
}

NINTH: Rows = {
    **EIGHTH,
    "workspace": [{**EIGHTH["workspace"][0], "schema_version": 9}],
    "file_imports": [
        {"id": "a1", "name": "a.csv", "path": "/a.csv", "state": "done", "row_count": 3, "created_at": AT}
    ],
}

COLUMNS_OF_USERS = dict.fromkeys(range(2, 10), ("ALTER TABLE contacts ADD COLUMN plan VARCHAR",))
"""The columns of the fields that users defined in those rows."""

ROWS_OF_VERSION: dict[int, Rows] = {
    1: FIRST,
    2: SECOND,
    3: THIRD,
    4: FOURTH,
    5: FIFTH,
    6: SIXTH,
    7: SEVENTH,
    8: EIGHTH,
    9: NINTH,
}
"""Rows in all tables of each version; whoever adds a migration adds the rows of the version before it."""


def as_of_version(folder: Path, version: int, rows: Rows) -> None:
    """A workspace as the populace of that schema version made it."""
    folder.mkdir()
    (folder / "owner.lock").touch()
    with duckdb.connect(str(folder / "store.duckdb")) as connection:
        for statements in MIGRATIONS[:version]:
            for statement in statements:
                connection.execute(statement)
        for statement in COLUMNS_OF_USERS.get(version, ()):
            connection.execute(statement)
        for table, items in rows.items():
            connection.execute(f"DELETE FROM {table}")
            for item in items:
                places = ", ".join(f"${number}" for number in range(1, len(item) + 1))
                connection.execute(f"INSERT INTO {table} ({', '.join(item)}) VALUES ({places})", list(item.values()))
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        for (table,) in tables:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() != [(0,)], f"no rows in {table}"


@pytest.mark.parametrize("version", range(1, latest_version()))
@pytest.mark.parametrize("read_only", [False, True])
def test_a_workspace_of_an_older_version_opens_and_keeps_its_rows(
    tmp_path: Path, version: int, *, read_only: bool
) -> None:
    assert version in ROWS_OF_VERSION, f"add rows in all tables of schema {version} to this file"
    rows = ROWS_OF_VERSION[version]
    as_of_version(tmp_path / "w", version, rows)
    with populace.open(tmp_path / "w", read_only=read_only) as workspace:
        after = all_rows(workspace)
        report = workspace.check()
        assert report.is_clean, [item for item in report.invariants if item.violation_count]
        assert workspace.timezone == "Europe/Rome"
        assert workspace.members("americans")["email"].to_list() == ["ada@x.example", "cy@x.example"]
    for table, items in rows.items():
        if table not in {"identities", "zones", "workspace"}:
            assert len(after[table]) == len(items), table
        for item in items:
            if table == "identities" and version == 1:
                item = {"identity": f"email:{item['email']}", "contact_id": item["contact_id"]}  # noqa: PLW2901
            kept = {name: value for name, value in item.items() if name not in {"schema_version", "zone_id"}}
            assert any(all(row[name] == value for name, value in kept.items()) for row in after[table]), (table, item)
    assert [row["schema_version"] for row in after["workspace"]] == [latest_version()]


def test_what_the_second_version_derives(tmp_path: Path) -> None:
    as_of_version(tmp_path / "w", 1, FIRST)
    with populace.open(tmp_path / "w") as workspace:
        after = all_rows(workspace)
        zones = {row["zone_id"]: row["name"] for row in after["zones"]}
        contacts = sorted(after["contacts"], key=lambda row: int(row["contact_id"]))
        assert [row["phone_is_valid"] for row in contacts] == [True, False, None]
        assert [zones.get(row["zone_id"]) for row in contacts] == ["Asia/Tokyo", None, "Africa/Cairo"]
        assert sorted(row["identity"] for row in after["identities"]) == PHONE
        # What two claim is the older one's; a contact of unknown age counts as young.
        assert {row["contact_id"] for row in after["identities"] if row["identity"] == "external_id:shared"} == {0}
        names = {row["name"] for row in after["settings"]}
        assert names == {"merging_identities", "secret"}
        workspace.upsert({"email": "new@x.example"})
        assert workspace.check().is_clean


def test_what_the_third_version_knows_of_earlier_begins_with_it(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    for version in (1, 2):
        as_of_version(tmp_path / f"w{version}", version, ROWS_OF_VERSION[version])
        with populace.open(tmp_path / f"w{version}") as workspace:
            (row,) = all_rows(workspace)["workspace"]
            assert before <= row["exact_since"] <= datetime.now(UTC).replace(tzinfo=None)
    populace.init(tmp_path / "new").close()
    with populace.open(tmp_path / "new") as workspace:
        assert all_rows(workspace)["workspace"][0]["exact_since"] is None


def test_what_the_fourth_version_tells_of_older_transitions(tmp_path: Path) -> None:
    as_of_version(tmp_path / "w", 3, THIRD)
    with populace.open(tmp_path / "w") as workspace:
        rows = workspace.transitions().select("sequence", "email", "change", "cause", "recorded_at").rows()
    at = AT.replace(tzinfo=UTC)
    assert rows == [
        (1, "ada@x.example", "entered", "first_run", at),
        (2, "cy@x.example", "entered", "first_run", at),
        (3, "cy@x.example", "left", None, at),
        (4, "cy@x.example", "entered", None, at),
    ]


def test_what_the_sixth_version_says_of_when_lists_were_made(tmp_path: Path) -> None:
    as_of_version(tmp_path / "w", 5, FIFTH)
    with populace.open(tmp_path / "w") as workspace:
        created_at = all_rows(workspace)["workspace"][0]["created_at"]
        assert {row["created_at"] for row in all_rows(workspace)["lists"]} == {created_at}


def test_what_the_tenth_version_stores_as_it_is(tmp_path: Path) -> None:
    """In every table that becomes the one of contacts: dictionaries make reading a few rows slow."""
    populace.init(tmp_path / "new").close()
    as_of_version(tmp_path / "old", 9, NINTH)
    for name in ("new", "old"):
        for is_compacted in (False, True):
            with populace.open(tmp_path / name) as workspace:
                ((made,),) = workspace._store.rows("SELECT sql FROM duckdb_tables() WHERE table_name = 'contacts'")
                if not is_compacted:
                    workspace.compact()
            plain = [part.split()[0] for part in str(made).split(", ") if "COMPRESSION Uncompressed" in part]
            assert plain == ["external_id", "phone"]


def test_a_migrated_workspace_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    populace.init(tmp_path / "new").close()
    with populace.open(tmp_path / "new") as workspace:
        new = (
            {name: set(columns.items()) for name, columns in types_of_columns(workspace).items()},
            keys_of(workspace),
        )
    assert new[1] == [("identities", ["identity"]), ("suppressed", ["email_hash"])]
    for version in range(1, latest_version()):
        as_of_version(tmp_path / f"w{version}", version, ROWS_OF_VERSION[version])
        with populace.open(tmp_path / f"w{version}") as workspace:
            types = {name: set(columns.items()) for name, columns in types_of_columns(workspace).items()}
            types["contacts"].discard(("plan", "VARCHAR"))
            assert (types, keys_of(workspace)) == new


def test_a_snapshot_of_every_older_version_is_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written by the populace of that version, as far as this one can play it: with the migrations of then."""
    from engine.storage.snapshot import write_snapshot  # noqa: PLC0415 (beside its one use)

    for version in range(2, latest_version() + 1):
        folder = tmp_path / f"v{version}"
        folder.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "MIGRATIONS", MIGRATIONS[:version])
            with Store.create(folder / "store.duckdb") as store:
                with store.transaction() as cursor:
                    cursor.execute("INSERT INTO lists (id, name) VALUES ('news', 'News')")
                write_snapshot(store, folder / "s", created_at=datetime.now().astimezone())
        populace.restore(folder / "s", folder / "r")
        with populace.open(folder / "r") as workspace:
            assert workspace.check().is_clean
            assert [row["name"] for row in all_rows(workspace)["lists"]] == ["News"]
