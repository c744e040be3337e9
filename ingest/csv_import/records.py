"""The records of CSV text: where each ends, and which are no CSV.

What RFC 4180 allows is found by one regular expression, a megabyte in some milliseconds. Where that stops, one record
is looked at by itself: a quotation mark inside of a value that does not begin with one is a character like any other
(`5" pipe`); any other stray one makes the record a bad one, which ends with its line.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

PLACEHOLDER = b"\x1abad record %s " % uuid.uuid4().hex.encode()
"""What stands for a bad record, before its number; no file can have it."""

MISQUOTED = "has a quotation mark inside of a value; put the value in quotation marks and double those inside"
UNCLOSED = "opens a quotation mark that is never closed; close it"


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is no CSV, as it stands in the file."""

    text: bytes
    problem: str


@dataclass(frozen=True, slots=True)
class TakenRecords:
    """Complete records: `text` is CSV of RFC 4180; `end` is where in what was given the next record begins.

    For each of `bad` there stands a line in the text, `PLACEHOLDER` and its number, which does not have the right
    number of fields, so that what numbers the records numbers these, too.
    """

    text: bytes
    end: int
    bad: tuple[BadRecord, ...]


class Grammar:
    """CSV with one delimiter."""

    def __init__(self, delimiter: str) -> None:
        mark = re.escape(delimiter.encode())
        self._delimiter = delimiter.encode()
        proper = rb'(?:(?:"[^"]*+")++|[^"%s\r\n]*+)' % mark
        quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
        lenient = rb'(?:%s(?=[%s\r\n])|(?!")[^%s\r\n]*+)' % (quoted, mark, mark)
        end = rb"(?:\r\n|\n|\r)"
        record = rb"%s(?:%s%s)*+%s" % (proper, mark, proper, end)
        self._records = re.compile(rb"(?:%s)*+" % record)
        self._record = re.compile(record)
        self._lenient_record = re.compile(rb"%s(?:%s%s)*+%s" % (lenient, mark, lenient, end))
        self._lenient_fields = re.compile(rb"(?:%s%s)*+" % (lenient, mark))
        self._field = re.compile(rb"(%s)(%s|%s)" % (lenient, mark, end))
        self._quoted = re.compile(quoted)
        self._line = re.compile(rb"[^\r\n]*+%s" % end)

    def first_records(self, text: bytes, count: int, *, whole: bool) -> Iterator[tuple[bytes, int]]:
        """The first records, each with where it ends; bad ones are left out."""
        if whole and not text.endswith((b"\n", b"\r")):
            text += b"\n"
        at = 0
        for _ in range(count):
            found = self._record.match(text, at) or self._lenient_record.match(text, at)
            if found is not None:
                yield found[0], found.end()
            elif not whole:
                return
            else:
                found = self._line.match(text, at)
            if found is None or found.end() == at:
                return
            at = found.end()

    def fields(self, record: bytes, encoding: str) -> list[str]:
        """The values of a record."""
        texts = (found[1].decode(encoding, "replace") for found in self._field.finditer(record))
        return [text[1:-1].replace('""', '"') if text[:1] == '"' and len(text) > 1 else text for text in texts]

    def take(self, text: bytes, *, is_last: bool, field_count: int) -> TakenRecords:
        """The complete records at the beginning of some text, which begins with one. `is_last`: nothing follows it."""
        if is_last and not text.endswith((b"\n", b"\r")):
            text += b"\n"
        parts: list[bytes] = []
        bad: list[BadRecord] = []
        at = 0
        while True:
            found = self._records.match(text, at)
            assert found is not None  # it matches nothing, too
            parts.append(found[0])
            at = found.end()
            if at == len(text):
                break
            lenient = self._lenient_record.match(text, at)
            if lenient is not None:
                parts.append(self._requoted(lenient[0]))
                at = lenient.end()
                continue
            problem = self._problem(text, at, is_last=is_last)
            if problem is None:
                break
            line = self._line.match(text, at)
            if line is None:
                break
            another_field = self._delimiter if field_count == 1 else b""
            parts.append(b"%s%d%s\n" % (PLACEHOLDER, len(bad), another_field))
            bad.append(BadRecord(line[0].rstrip(b"\r\n"), problem))
            at = line.end()
        return TakenRecords(b"".join(parts), at, tuple(bad))

    def _problem(self, text: bytes, at: int, *, is_last: bool) -> str | None:
        """What is wrong with the record that begins here; None if the rest of it may still come."""
        fields = self._lenient_fields.match(text, at)
        assert fields is not None
        field_at = fields.end()
        if not text.startswith(b'"', field_at):
            return None  # its line does not end yet
        quoted = self._quoted.match(text, field_at)
        if quoted is not None and quoted.end() < len(text):
            return MISQUOTED
        # All of a part does not close it: wherever a part begins with this record, that is so.
        return UNCLOSED if is_last or at == 0 else None

    def _requoted(self, record: bytes) -> bytes:
        """A record with quotation marks inside of values, as RFC 4180 writes it."""
        fields = [found[1] for found in self._field.finditer(record)]
        return (
            self._delimiter.join(
                b'"' + field.replace(b'"', b'""') + b'"' if b'"' in field and not field.startswith(b'"') else field
                for field in fields
            )
            + b"\n"
        )
