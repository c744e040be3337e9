"""The file of rejected rows: as they were, with the reason, so that they can be mended and brought in again."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from engine.execute.spreadsheets import as_text_cell
from ingest.csv_import.rows import Rejection

ROW, PROBLEM = "import_row", "import_problem"
"""Headings of the columns behind those of the file."""


class RejectedFile:
    """A CSV file to which parts are added; after an interruption it goes on from a length that was noted."""

    def __init__(self, path: Path, headings: Sequence[str]) -> None:
        self._path, self._headings = path, headings

    def add(self, rejections: Sequence[Rejection], *, length: int) -> int:
        """Let the file have its first `length` bytes, then these rows, on disk; its new length. Raises: OSError."""
        if not rejections and (length or not self._path.exists()):
            return length
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        if not length:
            writer.writerow([as_text_cell(name) for name in (*self._headings, ROW, PROBLEM)])
        for rejection in rejections:
            cells = [as_text_cell(cell or "") for cell in rejection.cells]
            cells += [""] * (len(self._headings) - len(cells))
            writer.writerow([*cells, rejection.row, as_text_cell(rejection.problem)])
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            file.truncate(length)
            file.seek(length)
            file.write(text.getvalue().encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
            return file.tell()
