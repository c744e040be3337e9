"""A file that comes in parts, and is kept whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from engine.storage.file_imports import FileImport
from engine.storage.whole_file import sync
from ingest.csv_import.proposal import Proposal
from ingest.csv_import.running import SOURCE_FILE


class Upload:
    """A file that comes in parts. It is gone when it is closed, unless it was kept."""

    def __init__(
        self, folder: Path, keep: Callable[[Path, str], tuple[FileImport, Proposal]], on_close: Callable[[], None]
    ) -> None:
        self._folder, self._keep, self._on_close, self._is_kept = folder, keep, on_close, False
        folder.mkdir(parents=True)
        self._file = (folder / SOURCE_FILE).open("wb")

    def write(self, part: bytes) -> None:
        """Take a part."""
        self._file.write(part)

    def keep(self, name: str) -> tuple[FileImport, Proposal]:
        """Keep the file, on disk, as an import that waits; what its columns are taken for.

        Raises: DatasetError for what is no file of rows.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        for path in (self._folder, self._folder.parent):
            sync(path)
        kept = self._keep(self._folder, name)
        self._is_kept = True
        return kept

    def close(self) -> None:
        """Let it go, if it was not kept."""
        self._file.close()
        if not self._is_kept:
            rmtree(self._folder, ignore_errors=True)
        self._on_close()
