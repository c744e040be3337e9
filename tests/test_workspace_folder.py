"""A workspace folder: made whole, recognised, held by one process, brought up to date."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import populace
from engine.storage import migrations
from engine.storage.store import Store
from ingest.workspace import Workspace

ROOT = Path(__file__).parents[1]
HOLD = """
import populace, sys, time
with populace.open(sys.argv[1], read_only={}):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(populace.StoreError, match=r"is no workspace; make one with: populace init"):
        populace.open(tmp_path)
    with pytest.raises(populace.StoreError, match="is not there"):
        populace.open(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(populace.StoreError, match="is no folder"):
        populace.open(tmp_path / "file")


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 100_000])
def test_a_file_that_is_no_store_is_refused_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.duckdb").write_bytes(content)
    with pytest.raises(populace.StoreError, match=r"store\.duckdb"):
        populace.open(tmp_path)
    if content:
        assert (tmp_path / "store.duckdb").read_bytes() == content


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute("CREATE TABLE workspace (name VARCHAR)")
    with pytest.raises(populace.StoreError, match="not one that populace made"):
        populace.open(tmp_path)


def test_a_workspace_is_not_made_over_anything(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(populace.StoreError, match="not empty"):
        populace.init(tmp_path / "full")
    populace.init(tmp_path / "new" / "deep").close()
    with pytest.raises(populace.StoreError, match="is a workspace already"):
        populace.init(tmp_path / "new" / "deep")
    (tmp_path / "empty").mkdir()
    populace.init(tmp_path / "empty").close()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("zone", ["contact", "Mars/Olympus", ""])
def test_a_workspace_has_an_iana_zone(tmp_path: Path, zone: str) -> None:
    with pytest.raises(populace.CallerError, match="timezone"):
        populace.init(tmp_path / "w", timezone=zone)
    assert not (tmp_path / "w").exists()


def holder(workspace: Path, *, read_only: bool) -> subprocess.Popen[str]:
    """Another process that has the workspace open."""
    command = [sys.executable, "-c", HOLD.format(read_only), str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.communicate()


def test_a_second_process_is_told_who_holds_the_workspace(tmp_path: Path) -> None:
    populace.init(tmp_path / "w").close()
    process = holder(tmp_path / "w", read_only=False)
    try:
        for read_only in (False, True):
            with pytest.raises(populace.StoreError, match=rf"in use by process {process.pid} \("):
                populace.open(tmp_path / "w", read_only=read_only)
    finally:
        end(process, signal.SIGKILL)
    populace.open(tmp_path / "w").close()  # nobody has to clear up after a process that was killed


def test_many_may_read_but_then_nobody_writes(tmp_path: Path) -> None:
    populace.init(tmp_path / "w").close()
    process = holder(tmp_path / "w", read_only=True)
    try:
        with (
            populace.open(tmp_path / "w", read_only=True),
            pytest.raises(populace.StoreError, match=r"in use by process \d+"),
        ):
            populace.open(tmp_path / "w")
    finally:
        end(process, signal.SIGTERM)
    populace.open(tmp_path / "w").close()


def test_one_process_does_not_open_a_workspace_twice_either(tmp_path: Path) -> None:
    with (
        populace.init(tmp_path / "w"),
        pytest.raises(populace.StoreError, match=rf"in use by process {os.getpid()}"),
    ):
        populace.open(tmp_path / "w")


def test_a_failed_opening_gives_the_workspace_back(tmp_path: Path) -> None:
    populace.init(tmp_path / "w").close()
    store = tmp_path / "w" / "store.duckdb"
    good = store.read_bytes()
    store.write_bytes(b"torn")
    with pytest.raises(populace.StoreError):
        populace.open(tmp_path / "w")
    store.write_bytes(good)
    populace.open(tmp_path / "w").close()


def schema_version(workspace: Path) -> int:
    with duckdb.connect(str(workspace / "store.duckdb")) as connection:
        ((version,),) = connection.execute("SELECT schema_version FROM workspace").fetchall()
    return int(version)


def test_a_workspace_of_a_newer_populace_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    populace.init(tmp_path / "w").close()
    newer = migrations.latest_version() + 1
    with duckdb.connect(str(tmp_path / "w" / "store.duckdb")) as connection:
        connection.execute("UPDATE workspace SET schema_version = $1", [newer])
    for read_only in (False, True):
        with pytest.raises(populace.StoreError, match=r"written by a newer populace .* upgrade"):
            populace.open(tmp_path / "w", read_only=read_only)
    assert schema_version(tmp_path / "w") == newer


@pytest.mark.parametrize("read_only", [False, True])
def test_an_older_workspace_is_migrated_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    populace.init(tmp_path / "w").close()
    added = ("ALTER TABLE contacts ADD COLUMN shoe_size DOUBLE",)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, added))
    with Workspace.open(tmp_path / "w", read_only=read_only) as workspace, workspace._store.cursor() as cursor:
        assert cursor.execute("SELECT shoe_size FROM contacts").fetchall() == []
    assert schema_version(tmp_path / "w") == migrations.latest_version()


def test_a_migration_that_fails_leaves_the_old_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    populace.init(tmp_path / "w").close()
    before = schema_version(tmp_path / "w")
    added = ("CREATE TABLE half (x INTEGER)", "SELECT error('broken')")
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, added))
        with pytest.raises(duckdb.Error, match="broken"):
            populace.open(tmp_path / "w")
    with populace.open(tmp_path / "w") as workspace, workspace._store.cursor() as cursor:
        tables = {name for (name,) in cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert "half" not in tables
    assert schema_version(tmp_path / "w") == before


def test_contacts_learn_a_zone_that_the_zone_database_got_since(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "contacts.jsonl").write_text(json.dumps({"email": "a@x.example", "timezone": "Asia/Tokyo"}))
    with populace.init(tmp_path / "w") as workspace:
        workspace.import_dataset(data)
        with workspace._store.transaction() as cursor:  # as if an older zone database had made the workspace
            cursor.execute("UPDATE contacts SET zone_id = 0")
            cursor.execute("DELETE FROM zones WHERE name = 'Asia/Tokyo'")
    with populace.open(tmp_path / "w") as workspace:
        assert "Asia/Tokyo" in workspace._store.catalog().zones.values()


def test_scratch_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    populace.init(tmp_path / "w").close()
    (tmp_path / "w" / ".import-abc").mkdir()
    (tmp_path / "w" / ".import-abc" / "arrived.duckdb").touch()
    populace.open(tmp_path / "w").close()
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["owner.lock", "store.duckdb"]


def test_a_log_that_a_killed_process_left_is_read_by_readers_too(tmp_path: Path) -> None:
    populace.init(tmp_path / "w").close()
    code = (
        "import os, sys, populace\n"
        "workspace = populace.open(sys.argv[1])\n"
        "workspace.apply([populace.read_segment({'id': 's', 'tree': {'kind': 'leaf', 'leaf': {'source': 'contacts',"
        " 'contact': {'filters': [{'field_name': 'country', 'operator': 'is_set'}]}}}})])\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "w")], cwd=ROOT, check=False)
    assert (tmp_path / "w" / "store.duckdb.wal").exists()
    with populace.open(tmp_path / "w", read_only=True) as workspace:
        assert [state.segment.id for state in workspace.segments()] == ["s"]


def test_a_store_in_memory_needs_no_folder() -> None:
    with Store.create(Path(":memory:")) as store:
        assert store.row_count("contacts") == 0
