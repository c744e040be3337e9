"""Ctrl-C at any moment of a command: it says that it stopped and the workspace is as before, or it was done already."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import populace
from ingest.generator import generate_dataset
from tests.test_kill import AS_OF, SEGMENTS
from tests.test_recompute import check_transitions

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with some data, and a dataset that takes more than a second to import."""
    folder = tmp_path_factory.mktemp("interruption")
    generate_dataset(folder / "first", contact_count=1_000, event_count=10_000, seed=1)
    generate_dataset(folder / "second", contact_count=10_000, event_count=200_000, seed=2)
    with populace.init(folder / "w") as workspace:
        workspace.import_dataset(folder / "first")
        workspace.apply(SEGMENTS)
    return folder


def interrupted_after(seconds: float, number: int, *arguments: object) -> tuple[int, str, float]:
    """Exit code, standard error, and how long the command took to end, after a signal so long after it began."""
    begun, begins = os.pipe()
    code = f"from api.cli.entry import main; import os; os.write({begins}, b'.'); main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        pass_fds=[begins],
    )
    os.close(begins)
    os.read(begun, 1)
    os.close(begun)
    time.sleep(seconds)
    process.send_signal(number)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors, time.monotonic() - sent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.4, 0.9, 1.3, 1.8, 2.4])
def test_a_stopped_import_changed_nothing(scene: Path, tmp_path: Path, seconds: float, number: int) -> None:
    shutil.copytree(scene / "w", tmp_path / "w")
    with populace.open(tmp_path / "w") as workspace:
        before = workspace.content_hash()
    code, errors, took = interrupted_after(seconds, number, "import", tmp_path / "w", scene / "second")
    assert took < 20
    with populace.open(tmp_path / "w") as workspace:
        after = workspace.content_hash()
    if code == 0:
        assert after != before
    else:
        assert (code, errors) == (130, "stopped; nothing was changed\n")
        assert after == before


@pytest.mark.parametrize("seconds", [0.4, 0.9, 1.0, 1.1])
def test_a_stopped_recompute_changed_nothing(scene: Path, tmp_path: Path, seconds: float) -> None:
    shutil.copytree(scene / "w", tmp_path / "w")
    code, errors, _ = interrupted_after(seconds, signal.SIGINT, "recompute", tmp_path / "w", "--as-of", AS_OF)
    with populace.open(tmp_path / "w") as workspace:
        computed = {state.status for state in workspace.segments()}
        check_transitions(workspace)
    if code == 0:
        assert computed == {"computed"}
    else:
        assert (code, errors) == (130, "stopped; nothing was changed\n")
        assert computed == {"new"}


@pytest.mark.parametrize("seconds", [0.4, 1.5, 3.0])
def test_a_stopped_question_ends_its_process_too(scene: Path, seconds: float) -> None:
    endless = "SELECT count(*) FROM timeline AS a, timeline AS b, timeline AS c WHERE a.email || b.email < c.email"
    code, errors, _ = interrupted_after(seconds, signal.SIGINT, "sql", scene / "w", endless)
    assert (code, errors) == (130, "stopped; nothing was changed\n")
    workers = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"{scene}" not in workers


def test_a_workspace_can_be_used_after_an_interruption(tmp_path: Path, scene: Path) -> None:
    """In a notebook the workspace stays open."""
    shutil.copytree(scene / "w", tmp_path / "w")
    code = f"""
import os, signal, threading, populace
with populace.open({str(tmp_path / "w")!r}) as workspace:
    before = workspace.content_hash()
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    try:
        workspace.import_dataset({str(scene / "second")!r})
    except KeyboardInterrupt:
        assert workspace.content_hash() == before
        print("stopped")
    workspace.import_dataset({str(scene / "second")!r})
    assert workspace.content_hash() != before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def test_an_import_that_is_committed_is_not_said_to_have_been_stopped(tmp_path: Path, scene: Path) -> None:
    """Ctrl-C while the files in between are removed."""
    shutil.copytree(scene / "w", tmp_path / "w")
    code = f"""
import os, shutil, signal, populace
from engine.storage import scratch_folder
def pressed(*arguments, **options):
    os.kill(os.getpid(), signal.SIGINT)
    shutil.rmtree(*arguments, **options)
with populace.open({str(tmp_path / "w")!r}) as workspace:
    before = workspace.content_hash()
    scratch_folder.rmtree = pressed
    workspace.import_dataset({str(scene / "first")!r})
    workspace.import_dataset({str(scene / "second")!r})
    scratch_folder.rmtree = shutil.rmtree
    assert workspace.content_hash() != before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
