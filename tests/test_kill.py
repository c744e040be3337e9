"""Killed at any moment of an import or a recompute, a workspace is whole, and the rerun ends where it would have.

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
from ingest.generator import generate_dataset
from ingest.workspace import Workspace
from tests.test_recompute import check_transitions

ROOT = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "2"))
SEGMENTS = ROOT / "api" / "cli" / "demo" / "segments.json"
AS_OF = "2026-06-01T00:00:00Z"

WORK = f"""
import populace, sys
with populace.open(sys.argv[1]) as workspace:
    print("begun", flush=True)
    workspace.import_dataset(sys.argv[2])
    print("imported", flush=True)
    workspace.recompute(as_of="{AS_OF}")
    print("recomputed", flush=True)
"""


@dataclass(frozen=True)
class Scene:
    """A workspace before the work, its content before and after, and how long the work takes."""

    workspace: Path
    dataset: Path
    before: str
    after: str
    sizes: dict[str, int | None]
    seconds: float


def start(workspace: Path, dataset: Path) -> subprocess.Popen[str]:
    """The work in a process of its own, as soon as it has begun."""
    command = [sys.executable, "-c", WORK, str(workspace), str(dataset)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def sizes_of(workspace: Workspace) -> dict[str, int | None]:
    return {state.segment.id: state.size for state in workspace.segments()}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("kill")
    generate_dataset(folder / "first", contact_count=2_000, event_count=20_000, seed=1)
    generate_dataset(folder / "second", contact_count=10_000, event_count=200_000, seed=2)
    with populace.init(folder / "before") as workspace:
        workspace.import_dataset(folder / "first")
        workspace.apply(SEGMENTS)
        workspace.recompute(AS_OF)
        before = workspace.content_hash()
    shutil.copytree(folder / "before", folder / "after")
    process = start(folder / "after", folder / "second")
    started = time.monotonic()
    process.communicate()
    seconds = time.monotonic() - started
    assert process.returncode == 0
    with populace.open(folder / "after") as workspace:
        after, sizes = workspace.content_hash(), sizes_of(workspace)
    assert after != before
    return Scene(folder / "before", folder / "second", before, after, sizes, seconds)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_killed_workspace_is_whole_and_the_rerun_gives_the_same(scene: Scene, seed: int, tmp_path: Path) -> None:
    shutil.copytree(scene.workspace, tmp_path / "w")
    process = start(tmp_path / "w", scene.dataset)
    time.sleep(random.Random(seed).uniform(0, scene.seconds * 1.1))
    process.kill()
    acknowledged, _ = process.communicate()
    with populace.open(tmp_path / "w") as workspace:
        content = workspace.content_hash()
        assert content in {scene.before, scene.after}
        check_transitions(workspace)
        if "imported" in acknowledged:
            assert content == scene.after
        if "recomputed" in acknowledged:
            assert sizes_of(workspace) == scene.sizes
        assert sorted(path.name for path in (tmp_path / "w").iterdir() if path.is_dir()) == []
    process = start(tmp_path / "w", scene.dataset)
    assert "recomputed" in process.communicate()[0]
    with populace.open(tmp_path / "w") as workspace:
        assert workspace.content_hash() == scene.after
        assert sizes_of(workspace) == scene.sizes
        check_transitions(workspace)
