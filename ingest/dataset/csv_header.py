"""The header of a CSV file."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DatasetError
from ingest.dataset.encoding import refuse_utf16, without_byte_order_mark

HEADER_MAX_BYTES = 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """The column names of a CSV file as it spells them, and where its records begin."""

    names: tuple[str, ...]
    body_at_byte: int
    body_at_line: int


def read_header(path: Path) -> CsvHeader:
    """The first record of the file that is not blank.

    Raises: DatasetError if there is none or it is not UTF-8 text; OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(HEADER_MAX_BYTES)
    refuse_utf16(path, start)
    if not start:
        raise DatasetError(path, "is empty; a CSV file without rows still has a header")
    end = _header_end(start)
    if end == HEADER_MAX_BYTES:
        raise DatasetError(path, f"has a header of more than {HEADER_MAX_BYTES:,} bytes; is it a CSV file?")
    try:
        text = without_byte_order_mark(start[:end]).decode()
    except UnicodeDecodeError as error:
        raise DatasetError(path, "is not UTF-8 in its header; save it as UTF-8") from error
    if "\x00" in text:
        raise DatasetError(path, "has NUL characters in its header; save it as UTF-8 text")
    try:
        records = [names for names in csv.reader(io.StringIO(text, newline=""), strict=True) if "".join(names).strip()]
    except csv.Error as error:
        raise DatasetError(path, f"has a header that is not CSV: {error}") from error
    if not records:
        raise DatasetError(path, "is empty; a CSV file without rows still has a header")
    return CsvHeader(tuple(records[0]), end, 1 + line_ends(start[:end]))


def _header_end(start: bytes) -> int:
    """Where the first record that is not blank ends, line end included."""
    for line_end in _LINE_END.finditer(start):
        record = without_byte_order_mark(start[: line_end.start()])
        if record.strip() and record.count(b'"') % 2 == 0:
            return line_end.end()
    return len(start)


def line_ends(text: bytes) -> int:
    """How many lines end in the text, by any convention."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
