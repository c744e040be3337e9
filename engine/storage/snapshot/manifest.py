"""The manifest of a snapshot: which files make it up, and of what."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from engine.errors import SnapshotError
from engine.storage.whole_file import replaced_file

MANIFEST = "manifest.json"
FORMAT = 1
"""The format that this populace writes; it reads none that is newer."""

_CHECKSUM = "manifest_sha256"


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One Parquet file: all rows of a table, or those of one month (`2026-05`; `undated` for rows without an instant).

    `path` is relative to the folder of the snapshot. `row_hash` is of the rows, whatever their order (see `parts`).
    """

    path: str
    table: str
    month: str | None
    rows: int
    bytes: int
    sha256: str
    row_hash: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot: a workspace as it was at one instant. `tables` has the columns of each with their SQL types.

    `workspace` is the same text in all snapshots of one workspace. Hashes by different `..._version` do not compare.
    """

    format: int
    populace: str
    schema_version: int
    created_at: str
    workspace: str
    generation: str
    timezone: str
    content_hash: str
    content_hash_version: str
    row_hash_version: str
    tables: Mapping[str, Mapping[str, str]]
    files: tuple[SnapshotFile, ...]

    @property
    def row_counts(self) -> dict[str, int]:
        """How many rows each table has."""
        counts = dict.fromkeys(self.tables, 0)
        for file in self.files:
            counts[file.table] += file.rows
        return counts


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one before: from now on it says what the snapshot is."""
    content: dict[str, Any] = asdict(manifest)
    content[_CHECKSUM] = _checksum(content)
    with replaced_file(folder / MANIFEST) as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a snapshot. Raises: SnapshotError if there is none, it was changed, or its format is newer."""
    path = folder / MANIFEST
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise SnapshotError(folder, f"is no snapshot: it has no {MANIFEST}") from error
    except OSError as error:
        raise SnapshotError(path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SnapshotError(path, "is damaged: it is no JSON") from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise SnapshotError(path, "is not the manifest of a snapshot")
    if content["format"] > FORMAT:
        raise SnapshotError(
            path,
            f"was written by a newer populace (format {content['format']}; this one reads up to {FORMAT}); "
            "upgrade populace to read it",
        )
    if content.pop(_CHECKSUM, None) != _checksum(content):
        raise SnapshotError(path, "was changed since it was written; take another copy of the snapshot")
    files = tuple(SnapshotFile(**file) for file in content.pop("files"))
    return Manifest(**content, files=files)


def now_text(at: datetime) -> str:
    """An instant as manifests write it."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
