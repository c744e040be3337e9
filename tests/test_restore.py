"""A workspace made from a snapshot is the workspace of then, or is not made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import populace
from engine.storage import migrations
from engine.storage.snapshot import manifest as manifests
from tests.full_workspace import all_rows, fill, keys_of, run, types_of_columns
from tests.test_recompute import check_transitions


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace `w` and a snapshot of it, `s`."""
    folder = tmp_path_factory.mktemp("shop")
    with populace.init(folder / "w", timezone="Asia/Kathmandu") as workspace:
        fill(workspace, folder)
        workspace.snapshot(folder / "s")
    return folder


def test_everything_is_there_again(shop: Path, tmp_path: Path) -> None:
    report = populace.restore(shop / "s", tmp_path / "r")
    assert report.is_content_compared
    with populace.open(shop / "w", read_only=True) as before, populace.open(tmp_path / "r") as after:
        assert all_rows(after) == all_rows(before)
        assert types_of_columns(after) == types_of_columns(before)
        assert keys_of(after) == keys_of(before)
        assert after.content_hash() == before.content_hash() == report.content_hash == report.manifest.content_hash
        assert after.timezone == "Asia/Kathmandu"
        check_transitions(after)
        assert after.check().is_clean
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["owner.lock", "store.duckdb"]
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_the_workspace_can_be_written_to_and_goes_on_with_its_snapshots(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "s", tmp_path / "s")
    populace.restore(tmp_path / "s", tmp_path / "r")
    with populace.open(tmp_path / "r") as workspace:
        assert workspace.snapshot(tmp_path / "s").written == ()
        workspace.upsert({"email": "new@x.example", "country": "US"})
        workspace.recompute()
        assert "new@x.example" in workspace.members("americans")["email"]
        assert workspace._store.rows("SELECT contact_id FROM contacts WHERE email = 'new@x.example'") == [(7,)]
        assert workspace.check().is_clean
        written = {file.table for file in workspace.snapshot(tmp_path / "s").written}
        assert {"contacts", "identities", "memberships", "timeline"} <= written
        assert {"lists", "zones", "custom_events"} & written == set()


def test_an_empty_workspace_is_restored(tmp_path: Path) -> None:
    with populace.init(tmp_path / "w") as workspace:
        workspace.snapshot(tmp_path / "s")
        before = all_rows(workspace)
    populace.restore(tmp_path / "s", tmp_path / "r")
    with populace.open(tmp_path / "r") as workspace:
        assert all_rows(workspace) == before


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def file_of(folder: Path, table: str) -> Path:
    return folder / next(file.path for file in manifests.read_manifest(folder).files if file.table == table)


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object], *, honest: bool) -> None:
    """Change the manifest; `honest`: with the checksum that it would have."""
    content = orjson.loads((folder / "manifest.json").read_bytes())
    change(content)
    if honest:
        content.pop("manifest_sha256")
        content["manifest_sha256"] = manifests._checksum(content)
    (folder / "manifest.json").write_bytes(orjson.dumps(content))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a month is missing": (lambda s: file_of(s, "timeline").unlink(), r"timeline/2026-01-.* is missing"),
    "a table is missing": (lambda s: file_of(s, "settings").unlink(), r"settings-.* is missing"),
    "a bit is another": (lambda s: flip(file_of(s, "contacts")), r"contacts-.* was changed"),
    "a file is cut": (lambda s: file_of(s, "lists").write_bytes(b"PAR1"), r"lists-.* was changed"),
    "a file is empty": (lambda s: file_of(s, "lists").write_bytes(b""), r"lists-.* was changed"),
    "the manifest is missing": (lambda s: (s / "manifest.json").unlink(), r"is no snapshot"),
    "the manifest is cut": (lambda s: (s / "manifest.json").write_bytes(b'{"format": 1'), "is damaged"),
    "the manifest is another thing": (lambda s: (s / "manifest.json").write_bytes(b"[]"), "is not the manifest"),
    "a file is not named any more": (lambda s: rewrite(s, lambda m: m["files"].pop(), honest=False), "was changed"),
    "a file is outside": (
        lambda s: rewrite(s, lambda m: m["files"][0].update(path="../../w/store.duckdb"), honest=True),
        "lies outside",
    ),
    "a count is another": (
        lambda s: rewrite(s, lambda m: m["files"][0].update(rows=99), honest=True),
        "was changed since",
    ),
    "the content is another": (
        lambda s: rewrite(s, lambda m: m.update(content_hash="0" * 64), honest=True),
        "has not the content",
    ),
    "a column is unknown": (
        lambda s: rewrite(s, lambda m: m["tables"]["lists"].update(x="INTEGER); DROP TABLE lists; --"), honest=True),
        "column that populace does not know",
    ),
    "a table is unknown": (lambda s: rewrite(s, lambda m: m["tables"].update(x={}), honest=True), "has other tables"),
    "the format is newer": (
        lambda s: rewrite(s, lambda m: m.update(format=2), honest=False),
        "newer populace .* upgrade",
    ),
    "the schema is newer": (
        lambda s: rewrite(s, lambda m: m.update(schema_version=99), honest=True),
        "newer populace .* upgrade",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "said"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_snapshot_is_refused_and_nothing_is_made(
    shop: Path, tmp_path: Path, damage: Callable[[Path], object], said: str
) -> None:
    shutil.copytree(shop / "s", tmp_path / "s")
    damage(tmp_path / "s")
    with pytest.raises(populace.SnapshotError, match=said):
        populace.restore(tmp_path / "s", tmp_path / "r")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_workspace_is_not_made_over_anything(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(populace.StoreError, match="is a workspace already"):
        populace.restore(shop / "s", shop / "w")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").touch()
    with pytest.raises(populace.StoreError, match="not empty"):
        populace.restore(shop / "s", tmp_path / "full")
    with pytest.raises(populace.SnapshotError, match="No such file"):
        populace.restore(tmp_path / "nowhere", tmp_path / "r")


def test_a_snapshot_of_an_older_schema_is_restored_and_then_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later migration adds a column, a table and a setting; the snapshot of before has none of them."""
    with populace.init(tmp_path / "w") as workspace:
        fill(workspace, tmp_path)
        workspace.snapshot(tmp_path / "s")
        before = all_rows(workspace)
    later = (
        "ALTER TABLE lists ADD COLUMN color VARCHAR",
        "UPDATE lists SET color = 'blue'",
        "CREATE TABLE pets (contact_id INTEGER, name VARCHAR)",
        "INSERT INTO pets SELECT contact_id, 'Rex' FROM contacts",
        "INSERT INTO settings VALUES ('pets', 'true')",
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, later))
    report = populace.restore(tmp_path / "s", tmp_path / "r")
    assert report.manifest.schema_version == migrations.latest_version() - 1
    with populace.open(tmp_path / "r") as workspace:
        after = all_rows(workspace)
        assert workspace.check().is_clean
        # A table that came with a migration is in the next snapshot, without a word here.
        assert workspace.snapshot(tmp_path / "s").manifest.row_counts["pets"] == 5
    assert len(after.pop("pets")) == 5
    assert {row.pop("color") for row in after["lists"]} == {"blue"}
    assert len(after.pop("settings")) == len(before.pop("settings")) + 1
    assert after.pop("workspace") == [
        {**row, "schema_version": migrations.latest_version()} for row in before.pop("workspace")
    ]
    assert after == before
    populace.restore(tmp_path / "s", tmp_path / "again")
    with populace.open(tmp_path / "again") as workspace:
        assert len(all_rows(workspace)["pets"]) == 5


def test_a_hash_of_other_columns_is_not_compared(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "s", tmp_path / "s")
    rewrite(tmp_path / "s", lambda m: m.update(content_hash="0" * 64, content_hash_version="old"), honest=True)
    assert not populace.restore(tmp_path / "s", tmp_path / "r").is_content_compared


def test_many_rows_of_many_months_come_back(tmp_path: Path) -> None:
    """More than a row group, years apart, an event without an instant, and texts that trip up careless copies."""
    with populace.init(tmp_path / "w") as workspace:
        run(
            workspace,
            "INSERT INTO contacts (contact_id, email, zone_id) SELECT i, i || '@x.example', 0 FROM range(1000) AS r(i)",
            """INSERT INTO timeline (contact_id, kind, occurred_at, sequence, properties)
            SELECT i % 1000, 'kind_' || i % 5, TIMESTAMP '1999-12-31 23:59:59.999999' + INTERVAL (i % 40) MONTH
                + INTERVAL (i % 7) SECOND, i, CASE WHEN i % 3 = 0 THEN NULL ELSE '{"a": "\\u0000 ÿ 💚 ''"}' END
            FROM range(150000) AS r(i)""",
            """INSERT INTO timeline (contact_id, kind, occurred_at, sequence) VALUES
                (0, 'old', TIMESTAMP '0001-01-01', 150000), (0, 'late', TIMESTAMP '9999-12-31 23:59:59', 150001),
                (0, 'never', NULL, 150002)""",
        )
        months = {file.month for file in workspace.snapshot(tmp_path / "s").manifest.files if file.table == "timeline"}
        assert {"1999-12", "0001-01", "9999-12", "undated"} <= months
        before = workspace._store.rows("FROM timeline ORDER BY sequence")
    populace.restore(tmp_path / "s", tmp_path / "r")
    with populace.open(tmp_path / "r") as workspace:
        assert workspace._store.rows("FROM timeline ORDER BY sequence") == before
