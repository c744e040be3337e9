"""Items from a file or standard input: JSON lines, or one JSON array."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from engine.errors import CallerError

STANDARD_INPUT = Path("-")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Item:
    """One item, and the line (of an array: the element) that it is, from 1 on; `problem` where it is no JSON."""

    line: int
    value: object
    problem: str | None = None


def read_items(path: Path) -> Iterator[Item]:
    """The items of a file, `-` for standard input, in order. Blank lines are none.

    Raises: CallerError for a file that cannot be read, or an array that is no JSON.
    """
    try:
        with _opened(path) as file:
            yield from _items(file, path)
    except OSError as error:
        raise CallerError(f"{path}: cannot be read: {error.strerror}") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
    else:
        with path.open("rb") as file:
            yield file


def _items(file: BinaryIO, path: Path) -> Iterator[Item]:
    is_first = True
    for number, raw in enumerate(file, start=1):
        line = (raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw).strip()
        if not line:
            continue
        if is_first and line.startswith(b"["):
            yield from _elements(line + b"\n" + file.read(), path)
            return
        is_first = False
        try:
            yield Item(number, orjson.loads(line))
        except orjson.JSONDecodeError as error:
            yield Item(number, None, f"is not valid JSON: {error}")


def _elements(document: bytes, path: Path) -> Iterator[Item]:
    try:
        elements = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise CallerError(f"{path}: is not a valid JSON array: {error}") from None
    for number, element in enumerate(elements, start=1):
        yield Item(number, element)
