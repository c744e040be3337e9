"""Text files must be UTF-8: how the other encodings are noticed."""

from __future__ import annotations

import codecs
from pathlib import Path

from engine.errors import DatasetError


def refuse_utf16(path: Path, start: bytes) -> None:
    """Raises: DatasetError if the first bytes of a file say that it is UTF-16 or UTF-32."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise DatasetError(path, "is UTF-16 or UTF-32; save it as UTF-8")


def without_byte_order_mark(start: bytes) -> bytes:
    """The first bytes of a file without UTF-8's byte order mark."""
    return start.removeprefix(codecs.BOM_UTF8)
