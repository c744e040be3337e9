"""Folders for work in between, gone when it ends, even if Ctrl-C strikes in the instant in which they are made."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree


@contextmanager
def scratch_folder(prefix: str, *, beside: Path | None = None) -> Iterator[Path]:
    """A new folder of this user alone, in the folder `beside` (the machine's temporary folder by default).

    The name is settled before the folder is there: tempfile learns it only from the call that makes the folder, and an
    interruption in between leaves the folder behind (seen). Raises: OSError if it cannot be made.
    """
    path = (beside or Path(tempfile.gettempdir())) / f"{prefix}{uuid.uuid4().hex[:12]}"
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        rmtree(path, ignore_errors=True)
