"""The folder of a snapshot: who works in it, and which of its files are a snapshot's."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from engine.errors import SnapshotError
from engine.storage.snapshot.manifest import MANIFEST

SCRATCH = ".partial-"
_UNFINISHED_MANIFEST = f".{MANIFEST}.*.partial"
_TABLE_FILE = re.compile(r"[a-z_0-9]+-[0-9a-f]{16}\.parquet")
_MONTH_FILE = re.compile(r"(\d{4,}-\d\d|undated)-[0-9a-f]{16}\.parquet")


def file_name(table: str, month: str | None, sha256: str) -> str:
    """The path of a file in the folder, by what is in it: another file of the same name has the same bytes."""
    return f"{table}-{sha256[:16]}.parquet" if month is None else f"{table}/{month}-{sha256[:16]}.parquet"


@contextmanager
def held(folder: Path, *, to_write: bool) -> Iterator[None]:
    """Keep others from writing a snapshot into the folder, or, `to_write`, from reading it, while the block runs.

    Raises: SnapshotError if it is held already.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SnapshotError(folder, f"cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if to_write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        what = "written or restored" if to_write else "written"
        raise SnapshotError(folder, f"is being {what} by another process; wait until it is done") from error
    finally:
        os.close(descriptor)


def check_is_ours(folder: Path) -> None:
    """Refuse a folder that has no snapshot yet, and anything else in it. Raises: SnapshotError."""
    strangers = [path.name for path in folder.iterdir() if not _is_ours(path)]
    if strangers and not (folder / MANIFEST).exists():
        raise SnapshotError(folder, f"holds other files, such as {min(strangers)!r}; name a folder for snapshots alone")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process had not finished."""
    for path in folder.glob(f"{SCRATCH}*"):
        rmtree(path, ignore_errors=True)
    for path in folder.glob(_UNFINISHED_MANIFEST):
        path.unlink(missing_ok=True)


def remove_all_but(folder: Path, paths: Collection[str]) -> int:
    """Remove the files of earlier snapshots but for some; how many there were. Files of others stay."""
    kept = {folder / path for path in paths}
    unnamed = [path for path in _snapshot_files(folder) if path not in kept]
    for path in unnamed:
        path.unlink(missing_ok=True)
    for path in {path.parent for path in unnamed} - {folder}:
        if not any(path.iterdir()):
            path.rmdir()
    return len(unnamed)


def _snapshot_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from (part for part in path.iterdir() if _MONTH_FILE.fullmatch(part.name))
        elif _TABLE_FILE.fullmatch(path.name):
            yield path


def _is_ours(path: Path) -> bool:
    if path.name == MANIFEST or path.name.startswith((SCRATCH, f".{MANIFEST}.")):
        return True
    if path.is_dir():
        return all(_MONTH_FILE.fullmatch(part.name) for part in path.iterdir())
    return _TABLE_FILE.fullmatch(path.name) is not None
