"""Which encoding a text file is in."""

from __future__ import annotations

import codecs
from functools import cache
from pathlib import Path
from typing import BinaryIO

from engine.errors import DatasetError

LOOK_BYTES = 1 << 20

UTF_8, WINDOWS_1252 = "utf-8", "cp1252"
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COPY_BYTES = 1 << 20


def detected_encoding(path: Path, start: bytes) -> str:
    """Python's name of the encoding that the first bytes of a file are in.

    Without a byte order mark it is UTF-8 if they are that, else what charset-normalizer takes them for.
    """
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    half = start[: len(start) // 2 * 2]
    if half and max(half[::2].count(0), half[1::2].count(0)) > len(half) // 5:
        return "utf-16-be" if half[::2].count(0) > half[1::2].count(0) else "utf-16-le"
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(start)
    except UnicodeDecodeError:
        return _guessed(start)
    if b"\x00" in start:
        raise DatasetError(path, "has NUL bytes; is it a text file?")
    return UTF_8


def _guessed(start: bytes) -> str:
    """The most likely encoding of text that is not UTF-8; that of Windows where nothing speaks for another."""
    from charset_normalizer import from_bytes  # noqa: PLC0415  # 30 ms that most files need not spend

    # A spreadsheet that is not told otherwise writes Windows-1252, and a few accents say little about any other.
    odd = bytes(byte for byte in start if byte > 127)
    plain = start.decode(WINDOWS_1252, "replace")
    if "\ufffd" not in plain and sum(map(str.isalpha, odd.decode(WINDOWS_1252))) > 0.9 * len(odd) and _is_western(odd):
        return WINDOWS_1252
    best = from_bytes(start).best()
    return WINDOWS_1252 if best is None or best.encoding == "ascii" else best.encoding


_WESTERN = frozenset("äöüÄÖÜßéèêëàâáãåçñíìîïóòôõøúùûæœÉÈÀÇÑÓÁÍÚÅØÆ€’“”–«»°§£´`")


def _is_western(odd: bytes) -> bool:
    """Whether nearly all bytes beyond ASCII are what Western European languages write."""
    return sum(letter in _WESTERN for letter in odd.decode(WINDOWS_1252)) >= 0.95 * len(odd)


def known_encoding(name: str) -> str | None:
    """Python's name of an encoding, None if there is none of that name that texts can be in."""
    try:
        found = codecs.lookup(name)
        "a".encode(found.name)
        b"a".decode(found.name, "replace")
        codecs.getincrementaldecoder(found.name)("replace").decode(b"\xff", final=True)
    except (LookupError, TypeError, ValueError):
        return None
    return found.name if found._is_text_encoding else None


@cache
def is_ascii_inside(encoding: str) -> bool:
    """Whether line ends, commas and quotation marks are single bytes that are nothing else.

    So it is in UTF-8 and where each byte is a character, the first 128 those of ASCII.
    """
    if encoding == UTF_8:
        return True
    letters = [bytes([byte]).decode(encoding, "ignore") for byte in range(256)]
    return "".join(letters[:128]) == bytes(range(128)).decode() and _is_charmap(encoding)


def _is_charmap(encoding: str) -> bool:
    """Whether every two bytes are two characters, as far as they are any."""
    pairs = (bytes([first, second]) for first in range(128, 256) for second in (0x22, 0x2C, 0x3B, 0x5C, 0x7C, 0xA1))
    for pair in pairs:
        single = pair[:1].decode(encoding, "replace") + pair[1:].decode(encoding, "replace")
        if pair.decode(encoding, "replace") != single:
            return False
    return True


def copy_as_utf8(source: Path, encoding: str, target: BinaryIO) -> None:
    """Write a text file anew as UTF-8; what cannot be decoded becomes U+FFFD. Raises: OSError."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    with source.open("rb") as file:
        is_first = True
        while part := file.read(_COPY_BYTES):
            text = decoder.decode(part)
            target.write((text.removeprefix("\ufeff") if is_first else text).encode())
            is_first = is_first and not text
        target.write(decoder.decode(b"", final=True).encode())
