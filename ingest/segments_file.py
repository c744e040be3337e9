"""Segments files: a JSON array, or a folder of JSON files, read and validated completely."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.definition import Segment, read_segment
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.errors import DefinitionError, SegmentsFileError, shown

MAX_FILE_BYTES = 64 * 1024 * 1024


def read_segments(
    path: Path, *, default_timezone: str = "UTC", fields: Mapping[str, FieldType] = CONTACT_FIELDS
) -> list[Segment]:
    """The segments of a file or folder, in order of file name and position. `fields` are those that they may name.

    Raises: SegmentsFileError naming the file, the segment and the path of the node.
    """
    segments: dict[str, Segment] = {}
    origins: dict[str, str] = {}
    for origin, document in _documents(path):
        label = f"segment {shown(document['id'])}" if isinstance(document, dict) and "id" in document else "segment"
        try:
            segment = read_segment(document, default_timezone=default_timezone, fields=fields)
        except DefinitionError as error:
            raise SegmentsFileError(f"{origin}: {label}: {error}") from error
        if segment.id in segments:
            raise SegmentsFileError(
                f"{origin}: segment id {segment.id!r} is given twice, first in {origins[segment.id]}; ids are unique"
            )
        segments[segment.id], origins[segment.id] = segment, origin
    if not segments:
        raise SegmentsFileError(
            f"{path}: holds no segment; it wants a JSON array of segments, or a folder of JSON files"
        )
    return list(segments.values())


def _documents(path: Path) -> Iterator[tuple[str, object]]:
    """Each segment as JSON values, with where it stands."""
    try:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    except OSError as error:
        raise SegmentsFileError(f"{path}: cannot be read: {error.strerror}") from error
    if path.is_dir() and not files:
        raise SegmentsFileError(f"{path}: holds no *.json file")
    for file in files:
        value = _json_of(file)
        if isinstance(value, list):
            yield from ((f"{file}[{index}]", item) for index, item in enumerate(value))
        else:
            yield str(file), value


def _json_of(file: Path) -> object:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SegmentsFileError(
                f"{file}: is larger than {MAX_FILE_BYTES // 2**20} MiB; split it into several files"
            )
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SegmentsFileError(f"{file}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise SegmentsFileError(f"{file}: cannot be read: {error.strerror or error}") from error
    if not text.strip():
        raise SegmentsFileError(f"{file}: is empty; it wants a JSON array of segments")
    try:
        return json.loads(text, object_pairs_hook=_object_without_twins, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise SegmentsFileError(
            f"{file}: line {error.lineno}, column {error.colno}: is not JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise SegmentsFileError(f"{file}: is nested too deep to be read; split the definition") from error
    except ValueError as error:
        raise SegmentsFileError(f"{file}: {error}") from error


def _object_without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON lets a key stand twice and readers disagree on which counts."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"an object holds the key {shown(twin)} twice; keep one")
    return values


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number; use a finite number")
