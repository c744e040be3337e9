"""Files that appear whole or not at all."""

from __future__ import annotations

import os
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
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        file = aside.open("wb")
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
