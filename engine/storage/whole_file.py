"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.errors import OutputError


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once it is complete and on disk; on an error nothing changes.

    Raises: OutputError if the place cannot be written; it is tried at once, before any work.
    """
    if path.is_dir():
        raise OutputError(path, "is a folder; name a file in it")
    try:
        path = path.resolve()
        file, aside = _open_aside(path)
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror or error}") from error
    finally:
        aside.unlink(missing_ok=True)


def _open_aside(path: Path) -> tuple[BinaryIO, Path]:
    """A new file beside the path, under a name that no other process has, with the mode that the path is to have."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~umask()
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
    os.fchmod(handle, mode)
    return os.fdopen(handle, "wb"), Path(name)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on disk. Never of a database that is open: closing it drops its lock."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def umask() -> int:
    """The mode bits that this process withholds; reading them sets them, so they are set back."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
