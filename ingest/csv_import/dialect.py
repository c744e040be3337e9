"""How a CSV file is written: its encoding, its delimiter, and where its header is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DatasetError, InvalidValueError
from ingest.csv_import.encoding import LOOK_BYTES, detected_encoding, is_ascii_inside, known_encoding
from ingest.csv_import.records import Grammar
from ingest.dataset.encoding import without_byte_order_mark

DELIMITERS = (",", ";", "\t", "|")
_LOOK_RECORDS = 200
_PREAMBLE_RECORDS = 20
_SEPARATOR_LINE = re.compile(rb'"?sep=(.)"?\r?\n', re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[0-9][0-9 .,:/-]*")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written. `header` is None where the first record is no header; `field_count` is what most have.

    `body_at_byte` is where the first record begins that is no header.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...] | None
    field_count: int
    body_at_byte: int

    @property
    def headings(self) -> tuple[str, ...]:
        """What the columns are called; `column 1` and so on where the file does not say."""
        return self.header or tuple(f"column {number}" for number in range(1, self.field_count + 1))


def read_dialect(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, has_header: bool | None = None
) -> Dialect:
    """How a file is written, as far as the caller does not say. Only its first megabyte is looked at.

    Raises: DatasetError for a file that is empty, or no text; InvalidValueError for what the caller says.
    """
    try:
        with path.open("rb") as file:
            start = file.read(LOOK_BYTES)
    except OSError as error:
        raise DatasetError(path, f"cannot be read: {error.strerror}") from error
    if not without_byte_order_mark(start).strip():
        raise DatasetError(path, "is empty; give a file with a row per contact")
    found_encoding = _checked_encoding(encoding) or detected_encoding(path, start)
    _check_delimiter(delimiter)
    if not is_ascii_inside(found_encoding):
        # It is read from a copy in UTF-8: where its records begin counts there.
        start = start.decode(found_encoding, "replace").removeprefix("\ufeff").encode()
    at_byte = len(start) - len(without_byte_order_mark(start))
    told = _SEPARATOR_LINE.match(start, at_byte)
    if told is not None:
        at_byte = told.end()
        delimiter = delimiter or (told[1].decode() if told[1].isascii() and told[1] not in b'"\r\n\x00' else None)
    text = start[at_byte:]
    whole = len(start) < LOOK_BYTES
    found = [_Reading.of(text, one, found_encoding, whole=whole) for one in ([delimiter] if delimiter else DELIMITERS)]
    best = max(found, key=lambda reading: reading.score)
    if not best.records:
        raise DatasetError(path, "has no row within its first megabyte; is a quotation mark never closed?")
    first, is_header = best.first_of_body(has_header)
    header = tuple(name.strip() for name in best.records[first]) if is_header else None
    body_at = best.ends[first] if is_header else (best.ends[first - 1] if first else 0)
    count = best.field_count
    if header is not None:
        header += ("",) * (count - len(header))
        count = len(header)
    return Dialect(found_encoding, best.delimiter, header, count, at_byte + body_at)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The first records as they are with one delimiter, and where each ends."""

    delimiter: str
    records: Sequence[Sequence[str]]
    ends: Sequence[int]
    field_count: int

    @classmethod
    def of(cls, text: bytes, delimiter: str, encoding: str, *, whole: bool) -> _Reading:
        grammar = Grammar(delimiter)
        records: list[list[str]] = []
        ends: list[int] = []
        for record, end in grammar.first_records(text, _LOOK_RECORDS, whole=whole):
            fields = grammar.fields(record, encoding if is_ascii_inside(encoding) else "utf-8")
            if any(field.strip() for field in fields):
                records.append(fields)
                ends.append(end)
        counts = Counter(len(record) for record in records)
        field_count = max(counts, key=lambda count: (counts[count] * (count > 1), counts[count]), default=1)
        return cls(delimiter, records, ends, field_count)

    @property
    def score(self) -> tuple[float, int]:
        """How well the records agree with each other; a delimiter that nothing has is no delimiter."""
        if not self.records or self.field_count == 1:
            return (0.0, 0)
        same = sum(len(record) == self.field_count for record in self.records)
        return (round(same / len(self.records), 1), self.field_count)

    def first_of_body(self, has_header: bool | None) -> tuple[int, bool]:
        """The first record of the table, behind what some programs write above it, and whether it is the header."""
        sizes = [len(record) for record in self.records[:_PREAMBLE_RECORDS]]
        first = sizes.index(self.field_count) if self.field_count in sizes else 0
        if has_header is not False and first == 1 and sizes[0] == self.field_count - 1:
            rows = [record for record in self.records if len(record) == self.field_count]
            if not any(record[-1].strip() for record in rows):
                first = 0  # a delimiter more at the end of rows than of the header
        if has_header is not None:
            return first, has_header
        headings = [field.strip() for field in self.records[first]]
        if any(_EMAIL.fullmatch(heading) for heading in headings):
            return first, False
        return first, 2 * sum(_NUMBER.fullmatch(heading) is not None for heading in headings) <= len(headings)


def _checked_encoding(name: str | None) -> str | None:
    if name is None:
        return None
    known = known_encoding(name)
    if known is None:
        raise InvalidValueError("encoding", name, "is no encoding; write one such as utf-8 or windows-1252")
    return known


def _check_delimiter(delimiter: str | None) -> None:
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\x00'):
        raise InvalidValueError("delimiter", delimiter, "is no delimiter: it is one ASCII character, such as ;")
