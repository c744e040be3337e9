"""Compacting gives the room and the bytes of removed rows back, and nothing else changes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import populace
from engine.storage import connection
from ingest.workspace import Workspace
from tests.full_workspace import all_rows, fill, keys_of, run, types_of_columns

ROOT = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "2"))
COMPACT = """
import populace, sys
with populace.open(sys.argv[1]) as workspace:
    print("begun", flush=True)
    workspace.compact()
    print("compacted", flush=True)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "w") as opened:
        fill(opened, tmp_path)
        yield opened


def churn(workspace: Workspace, rows: int) -> None:
    """Many rows, half of which go again, and contacts out of order."""
    run(
        workspace,
        f"""INSERT INTO timeline (contact_id, kind, occurred_at, sequence, properties)
        SELECT i % 5, 'noise', TIMESTAMP '2026-01-01', 1000 + i, '{{"x": "' || md5(i::VARCHAR) || '"}}'
        FROM range({rows}) AS r(i)""",
    )
    workspace._store.checkpoint()
    run(
        workspace,
        "DELETE FROM timeline WHERE kind = 'noise' AND sequence % 2 = 0",
        "CREATE TEMP TABLE t AS FROM contacts ORDER BY contact_id DESC",
        "DELETE FROM contacts",
        "INSERT INTO contacts FROM t",
        "DROP TABLE t",
    )
    workspace._store.checkpoint()


def test_the_file_is_smaller_and_everything_is_there(workspace: Workspace) -> None:
    churn(workspace, 200_000)
    before, types, keys = all_rows(workspace), types_of_columns(workspace), keys_of(workspace)
    content_hash = workspace.content_hash()
    assert len(keys) == 2
    sizes = workspace.compact()
    assert sizes.after_bytes < 0.7 * sizes.before_bytes
    assert sizes.after_bytes == (workspace.path / "store.duckdb").stat().st_size
    assert all_rows(workspace) == before
    assert (types_of_columns(workspace), keys_of(workspace)) == (types, keys)
    assert workspace.content_hash() == content_hash
    assert workspace._store.rows("SELECT contact_id FROM contacts") == [(0,), (1,), (2,), (3,), (4,)]
    assert workspace.check().is_clean


def test_it_goes_on_in_the_new_file(workspace: Workspace) -> None:
    """Who compacts in mid-life goes on writing: what is written is there after the next opening."""
    inode = (workspace.path / "store.duckdb").stat().st_ino
    workspace.upsert({"email": "before@x.example"})
    workspace.compact()
    assert (workspace.path / "store.duckdb").stat().st_ino != inode
    workspace.upsert({"email": "after@x.example"})
    assert workspace.check().is_clean
    workspace.close()
    assert sorted(path.name for path in workspace.path.iterdir()) == ["owner.lock", "store.duckdb"]
    with populace.open(workspace.path) as again:
        for email in ("before@x.example", "after@x.example"):
            assert again.contact(email)
        with pytest.raises(populace.StoreError, match="in use by process"):
            populace.open(workspace.path)
        again.compact()
        with pytest.raises(populace.StoreError, match="in use by process"):
            populace.open(workspace.path)


def test_the_bytes_of_removed_rows_are_gone(workspace: Workspace) -> None:
    secret = "Zq7!unforgettable-Wx9"
    run(workspace, f"INSERT INTO lists (id, name) VALUES ('private', '{secret}')")
    workspace._store.checkpoint()
    run(workspace, "DELETE FROM lists WHERE id = 'private'")
    workspace._store.checkpoint()
    workspace.close()
    file = workspace.path / "store.duckdb"
    assert secret.encode() in file.read_bytes(), "the test cannot see what is removed"
    with populace.open(workspace.path) as again:
        again.compact()
    assert secret.encode() not in file.read_bytes()


def test_who_writes_meanwhile_waits_and_loses_nothing(workspace: Workspace) -> None:
    churn(workspace, 200_000)
    emails = [f"e{number}@x.example" for number in range(200)]
    stop = threading.Event()
    errors: list[BaseException] = []

    def write() -> None:
        try:
            for email in emails:
                workspace.upsert({"email": email})
        except Exception as error:
            errors.append(error)

    def read() -> None:
        while not stop.is_set():
            try:
                workspace.segments()
            except Exception as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            workspace.compact()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    workspace.close()
    with populace.open(workspace.path) as again:
        assert all(again.contact(email) for email in emails)
        assert again.check().is_clean


def test_while_somebody_reads_on_it_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open cursor keeps the old file open: writes would go there and be lost."""
    monkeypatch.setattr(connection, "WAIT_FOR_READERS_SECONDS", 0.1)
    reader = workspace.member_batches("openers")
    next(reader)
    with workspace._store.reading(), pytest.raises(populace.StoreError, match="is being read"):
        workspace.compact()
    workspace.upsert({"email": "still@x.example"})
    reader.close()  # type: ignore[attr-defined]
    workspace.compact()
    assert workspace.contact("still@x.example")


def test_what_is_only_read_is_not_compacted(workspace: Workspace) -> None:
    workspace.close()
    with (
        populace.open(workspace.path, read_only=True) as reader,
        pytest.raises(populace.StoreError, match="read only"),
    ):
        reader.compact()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_any_moment_it_is_whole(tmp_path: Path, seed: int) -> None:
    with populace.init(tmp_path / "w") as workspace:
        fill(workspace, tmp_path)
        churn(workspace, 300_000)
        before = workspace.content_hash()
    shutil.copytree(tmp_path / "w", tmp_path / "timed")
    seconds = 0.0
    for folder, wait in (("timed", None), ("w", random.Random(seed))):
        command = [sys.executable, "-c", COMPACT, str(tmp_path / folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        started = time.monotonic()
        if wait is not None:
            time.sleep(wait.uniform(0, seconds * 1.1))
            process.send_signal(signal.SIGKILL)
        process.communicate()
        seconds = time.monotonic() - started
    with populace.open(tmp_path / "w") as workspace:
        assert workspace.content_hash() == before
        assert workspace.check().is_clean
        assert {path.name for path in (tmp_path / "w").iterdir() if path.is_dir()} == set()
        workspace.compact()
        assert workspace.content_hash() == before
