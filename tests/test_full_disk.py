"""A disk that is full: a clear error, and the state of before; with room again, the work is done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import populace
from ingest.generator import generate_dataset
from tests.test_kill import AS_OF, SEGMENTS

DISK_BYTES = 24 * 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("NO SMALL DISK: mounting one needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, *, leave_bytes: int) -> Path:
    """Fill the disk but for some bytes."""
    room = os.statvfs(disk)
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(b"\0" * (room.f_bavail * room.f_frsize - leave_bytes))
    return filler


@pytest.mark.parametrize("leave_bytes", [64 * 2**10, 2 * 2**20, 6 * 2**20])
def test_an_import_that_finds_no_room_changes_nothing(small_disk: Path, tmp_path: Path, leave_bytes: int) -> None:
    generate_dataset(tmp_path / "small", contact_count=200, event_count=2_000, seed=1)
    generate_dataset(tmp_path / "large", contact_count=10_000, event_count=200_000, seed=2)
    with populace.init(small_disk / "w") as workspace:
        workspace.import_dataset(tmp_path / "small")
        before = workspace.content_hash()
    filler = fill(small_disk, leave_bytes=leave_bytes)
    with (
        pytest.raises(populace.StoreError, match="no space left on the disk"),
        populace.open(small_disk / "w") as workspace,
    ):
        workspace.import_dataset(tmp_path / "large")
    with populace.open(small_disk / "w") as workspace:
        assert workspace.content_hash() == before
    filler.unlink()
    with populace.open(small_disk / "w") as workspace:
        workspace.import_dataset(tmp_path / "small")
        assert workspace.content_hash() == before


def test_a_recompute_that_finds_no_room_changes_nothing(small_disk: Path, tmp_path: Path) -> None:
    generate_dataset(tmp_path / "data", contact_count=10_000, event_count=20_000, seed=1)
    with populace.init(small_disk / "w") as workspace:
        workspace.import_dataset(tmp_path / "data")
        workspace.apply(SEGMENTS)
    filler = fill(small_disk, leave_bytes=0)
    with (
        pytest.raises(populace.StoreError, match="no space left on the disk"),
        populace.open(small_disk / "w") as workspace,
    ):
        workspace.recompute(AS_OF)
    with populace.open(small_disk / "w", read_only=True) as workspace:
        assert {state.status for state in workspace.segments()} == {"new"}
    filler.unlink()
    with populace.open(small_disk / "w") as workspace:
        assert not workspace.recompute(AS_OF).failed


def test_a_workspace_that_finds_no_room_is_not_made(small_disk: Path) -> None:
    fill(small_disk, leave_bytes=4096)
    with pytest.raises(populace.StoreError, match="no space left on the disk"):
        populace.init(small_disk / "w")
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_disk_that_nobody_may_write_can_be_read_and_is_written_again_when_it_may(small_disk: Path) -> None:
    folder = small_disk / "w"
    with populace.init(folder) as workspace:
        workspace.upsert({"email": "ada@example.com"})
    remount(small_disk, "ro")
    with pytest.raises(populace.StoreError, match="Read-only file system; let populace write there, or only read it"):
        populace.open(folder)
    with pytest.raises(populace.StoreError, match="Read-only file system"):
        populace.init(small_disk / "other")
    with populace.open(folder, read_only=True) as workspace:
        assert workspace.contact("ada@example.com")
        with pytest.raises(populace.StoreError, match="open it without read_only to change it"):
            workspace.upsert({"email": "bob@example.com"})
    remount(small_disk, "rw")
    with populace.open(folder) as workspace:
        workspace.upsert({"email": "bob@example.com"})
        assert [workspace.contact(email) is not None for email in ("ada@example.com", "bob@example.com")] == [True] * 2


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
