"""Folders for work in between, gone when it ends, even if Ctrl-C strikes in the instant in which they are made."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

_VARIABLES = ("TMPDIR", "TEMP", "TMP")
_USUAL = ("/tmp", "/var/tmp", "/usr/tmp", ".")


def temporary_folder() -> Path:
    """The machine's temporary folder: that of the environment, else the usual ones, the first that can be written to.

    tempfile finds out by writing a file, which an interruption in that instant leaves behind (seen).
    """
    folders = (*(os.environ[name] for name in _VARIABLES if os.environ.get(name)), *_USUAL)
    usable = (folder for folder in folders if Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK))
    return Path(next(usable, ".")).absolute()


@contextmanager
def scratch_folder(prefix: str, *, beside: Path | None = None) -> Iterator[Path]:
    """A new folder of this user alone, in the folder `beside` (the machine's temporary folder by default).

    The name is settled before the folder is there: tempfile.mkdtemp learns it only from the call that makes the folder,
    and an interruption in between leaves the folder behind (seen). Raises: OSError if it cannot be made.
    """
    path = (beside or temporary_folder()) / f"{prefix}{uuid.uuid4().hex[:12]}"
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        rmtree(path, ignore_errors=True)
