"""The bytes of a CSV file after its header, checked on their way to Arrow: UTF-8, and quotation marks that pair up."""

from __future__ import annotations

import codecs
import io
import os
import re
from pathlib import Path

import polars as pl

from engine.errors import DatasetError
from ingest.dataset.column_types.arrow_text import MARK_NOT_UTF8
from ingest.dataset.csv_header import CsvHeader, line_ends

# RFC 4180 as a whole. Arrow is lenient: it takes `"a"b` for `ab`, and a quotation mark that nobody closes then swallows
# rows up to the next one, without any error.
_RECORDS = r'^(?:(?:(?:"[^"]*")+|[^",\r\n]*)[,\r\n])*$'
_FIELD = re.compile(rb'(?:(?:"[^"]*+")+|[^",\r\n]*+)[,\r\n]')


class CsvBody(io.RawIOBase):
    """What Arrow reads of a CSV file.

    Bytes that are not UTF-8 arrive as NOT_UTF8, so that the values with them are refused.
    """

    def __init__(self, path: Path, header: CsvHeader, block_bytes: int) -> None:
        self._path = path
        self._block_bytes = block_bytes
        self._file = path.open("rb")
        self._file.seek(header.body_at_byte)
        self._decoder = codecs.getincrementaldecoder("utf-8")(MARK_NOT_UTF8)
        self._ready = b""
        self._unchecked = b""  # begins with the record at line self._line
        self._line = header.body_at_line
        self.bytes_done = header.body_at_byte

    def readable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    @property
    def at_end(self) -> bool:
        """Whether nothing is left to read."""
        return not self._ready and self._file.tell() == os.fstat(self._file.fileno()).st_size

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size`; none at the end. Raises: DatasetError if quotation marks do not pair up."""
        if not self._ready:
            self._ready = self._next_block()
        size = len(self._ready) if size < 0 else size
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def _next_block(self) -> bytes:
        """The next bytes of the file as UTF-8, checked; none at its end."""
        at_end, block = False, b""
        while not block and not at_end:  # the begin of a character alone is no block yet
            block = self._file.read(self._block_bytes)
            at_end = not block
            self.bytes_done += len(block)
            inside_of_character = bool(self._decoder.getstate()[0])
            if inside_of_character or not block.isascii():
                block = self._decoder.decode(block, final=at_end).encode()
        if block:
            self._check_complete_records(block)
        else:
            self._check(self._unchecked + b"\n")
            self._unchecked = b""
        return block

    def _check_complete_records(self, block: bytes) -> None:
        """Check what is complete with this block. Raises: DatasetError."""
        text = self._unchecked + block
        end = _end_of_line(text, len(text))
        quotes = text.count(b'"', 0, end)
        while quotes % 2:  # the line end is inside of quotation marks
            shorter = _end_of_line(text, end - 1)
            quotes -= text.count(b'"', shorter, end)
            end = shorter
        self._check(text[:end])
        self._unchecked = text[end:]
        if len(self._unchecked) > 2 * self._block_bytes:  # longer than any record
            raise self._misquoted(self._unchecked)

    def _check(self, records: bytes) -> None:
        """Raises: DatasetError unless the text is a number of complete records of RFC 4180."""
        if b'"' in records and not pl.Series([records]).cast(pl.String).str.contains(_RECORDS).all():
            raise self._misquoted(records)
        self._line += line_ends(records)

    def _misquoted(self, text: bytes) -> DatasetError:
        """The error for the first field in the text that is not CSV."""
        position = 0
        while field := _FIELD.match(text, position):
            position = field.end()
        line = self._line + line_ends(text[:position])
        if b'"' not in text[position:]:
            problem = f"begins a record beyond {self._block_bytes:,} bytes; shorten it"
        elif text.startswith(b'"', position) and text.count(b'"', position) % 2:
            problem = "opens a quotation mark that is never closed; close it"
        else:
            problem = "has a quotation mark inside of a value; put the value in quotation marks and double those inside"
        return DatasetError(self._path, f"line {line} {problem}")


def _end_of_line(text: bytes, limit: int) -> int:
    """Where the last line that ends before `limit` ends; 0 if there is none."""
    limit = max(limit, 0)
    return (text.rfind(b"\n", 0, limit) + 1) or (text.rfind(b"\r", 0, limit) + 1)
