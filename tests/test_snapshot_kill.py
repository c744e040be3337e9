"""Killed at any moment, a snapshot leaves the one before, whole; and so does a restore that is killed.

POPULACE_KILL_ROUNDS asks for more rounds than the few of an ordinary run.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import populace
from engine.storage.snapshot import read_manifest
from engine.storage.snapshot.publishing import file_hash
from ingest.generator import generate_dataset
from tests.full_workspace import run

ROOT = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "2"))

SNAPSHOT = """
import populace, sys
with populace.open(sys.argv[1]) as workspace:
    print("begun", flush=True)
    workspace.snapshot(sys.argv[2])
    print("done", flush=True)
"""
RESTORE = """
import populace, sys
print("begun", flush=True)
populace.restore(sys.argv[2], sys.argv[1])
print("done", flush=True)
"""


@dataclass(frozen=True)
class Scene:
    """A workspace that changed since its snapshot, the content of then and of now, and how long each work takes."""

    workspace: Path
    snapshot: Path
    before: str
    after: str
    snapshot_seconds: float
    restore_seconds: float


def run_until_killed(code: str, workspace: Path, snapshot: Path, seconds: float | None) -> tuple[bool, float]:
    """Whether the work said that it is done, and how long it ran."""
    command = [sys.executable, "-c", code, str(workspace), str(snapshot)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    started = time.monotonic()
    if seconds is not None:
        time.sleep(seconds)
        process.kill()
    said, _ = process.communicate()
    return "done" in said, time.monotonic() - started


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("kill")
    generate_dataset(folder / "data", contact_count=5_000, event_count=100_000, seed=3)
    with populace.init(folder / "w") as workspace:
        workspace.import_dataset(folder / "data")
        workspace.snapshot(folder / "s")
        before = workspace.content_hash()
        run(workspace, "UPDATE timeline SET template_id = 'other' WHERE contact_id % 3 = 0", "DELETE FROM touched")
        after = workspace.content_hash()
    shutil.copytree(folder / "s", folder / "timed")
    is_done, snapshot_seconds = run_until_killed(SNAPSHOT, folder / "w", folder / "timed", None)
    assert is_done
    is_done, restore_seconds = run_until_killed(RESTORE, folder / "restored", folder / "timed", None)
    assert is_done
    return Scene(folder / "w", folder / "s", before, after, snapshot_seconds, restore_seconds)


def check_is_whole(snapshot: Path) -> str:
    """Every file that the manifest names is there as it was written; the content hash."""
    manifest = read_manifest(snapshot)
    for file in manifest.files:
        assert file_hash(snapshot / file.path) == file.sha256
    return manifest.content_hash


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_killed_snapshot_leaves_the_one_before(scene: Scene, tmp_path: Path, seed: int) -> None:
    shutil.copytree(scene.snapshot, tmp_path / "s")
    seconds = random.Random(seed).uniform(0, scene.snapshot_seconds * 1.1)
    is_done, _ = run_until_killed(SNAPSHOT, scene.workspace, tmp_path / "s", seconds)
    found = check_is_whole(tmp_path / "s")
    assert found == scene.after if is_done else found in {scene.before, scene.after}
    if seed == 0:
        populace.restore(tmp_path / "s", tmp_path / "r")
        with populace.open(tmp_path / "r") as workspace:
            assert workspace.content_hash() == found
    is_done, _ = run_until_killed(SNAPSHOT, scene.workspace, tmp_path / "s", None)
    assert is_done
    assert check_is_whole(tmp_path / "s") == scene.after
    named = {"manifest.json", *(file.path for file in read_manifest(tmp_path / "s").files)}
    assert {
        path.relative_to(tmp_path / "s").as_posix() for path in (tmp_path / "s").rglob("*") if path.is_file()
    } == named


@pytest.mark.parametrize("seed", range(ROUNDS // 2))
def test_a_killed_first_snapshot_can_be_taken_again(scene: Scene, tmp_path: Path, seed: int) -> None:
    seconds = random.Random(100 + seed).uniform(0, scene.snapshot_seconds)
    is_done, _ = run_until_killed(SNAPSHOT, scene.workspace, tmp_path / "s", seconds)
    if not is_done and not (tmp_path / "s" / "manifest.json").exists():
        with pytest.raises(populace.SnapshotError):
            populace.restore(tmp_path / "s", tmp_path / "r")
    assert run_until_killed(SNAPSHOT, scene.workspace, tmp_path / "s", None)[0]
    assert check_is_whole(tmp_path / "s") == scene.after


@pytest.mark.parametrize("seed", range(ROUNDS // 2))
def test_a_killed_restore_made_all_or_nothing(scene: Scene, tmp_path: Path, seed: int) -> None:
    seconds = random.Random(200 + seed).uniform(0, scene.restore_seconds * 1.05)
    is_done, _ = run_until_killed(RESTORE, tmp_path / "r", scene.snapshot, seconds)
    assert (tmp_path / "r").exists() or not is_done
    if not (tmp_path / "r").exists():
        populace.restore(scene.snapshot, tmp_path / "r")
    with populace.open(tmp_path / "r") as workspace:
        assert workspace.content_hash() == scene.before
        assert workspace.check().is_clean
