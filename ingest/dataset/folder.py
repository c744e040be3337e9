"""Which files of a dataset folder hold which table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from engine.errors import DatasetError, did_you_mean, one_of, shown
from ingest.dataset.columns import TABLES
from ingest.dataset.formats import FORMATS, PARTS_SUFFIX

_LISTED_FILES = 10


@dataclass(frozen=True, slots=True)
class TableSource:
    """The files of one table: one, or the parts of a folder in the order of their names."""

    table: str
    suffix: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What a dataset folder holds: its tables in the order of TABLES, and the names of files that belong to none."""

    sources: Mapping[str, TableSource]
    ignored: tuple[str, ...]


def read_folder(folder: Path) -> FolderContents:
    """The tables of a folder.

    Raises: DatasetError if it cannot be read, holds no table at all, or holds one table twice.
    """
    try:
        return _contents(folder, sorted(folder.iterdir()))
    except FileNotFoundError as error:
        raise DatasetError(folder, f"does not exist; give a folder that holds {_expected()}") from error
    except NotADirectoryError as error:
        raise DatasetError(folder, f"is not a folder; give a folder that holds {_expected()}") from error
    except OSError as error:
        raise DatasetError(error.filename or folder, f"cannot be read: {error.strerror}") from error


def _contents(folder: Path, entries: list[Path]) -> FolderContents:
    """The tables among the entries of a folder. Raises: DatasetError, OSError."""
    found: dict[str, list[Path]] = {name: [] for name in TABLES}
    ignored = []
    for entry in entries:
        suffix = entry.suffix if entry.suffix in FORMATS else ""
        name = entry.name.removesuffix(suffix)
        if name in TABLES and (suffix or entry.is_dir()):
            found[name].append(entry)
        else:
            ignored.append(entry.name)
    for name in ignored:
        _refuse_near_miss(folder, name, {table for table, files in found.items() if not files})
    for name, same_table in found.items():
        if len(same_table) > 1:
            names = " and ".join(entry.name for entry in same_table)
            raise DatasetError(folder, f"holds the table {name} more than once: {names}; keep one of them")
    sources = {name: _source(name, same_table[0]) for name, same_table in found.items() if same_table}
    if not sources:
        raise DatasetError(folder, _no_tables(ignored))
    return FolderContents(sources, tuple(ignored))


def _refuse_near_miss(folder: Path, file_name: str, missing: Collection[str]) -> None:
    """Refuse a file that was meant to be a table: left aside in silence, it would change the members.

    Raises: DatasetError for the name of a missing table with another spelling or another ending.
    """
    stem = file_name.split(".", maxsplit=1)[0].strip().lower()
    close = get_close_matches(stem, missing, n=1, cutoff=0.85)
    if close and not file_name.startswith("."):
        endings = one_of([*FORMATS, "a folder of .parquet parts"])
        problem = f"looks like the table {close[0]}, which is named {close[0]} with the ending {endings}"
        raise DatasetError(folder / file_name, f"{problem}; rename it, or move it elsewhere")


def _source(name: str, entry: Path) -> TableSource:
    """The files of a table. Raises: DatasetError if it is a folder of anything but Parquet parts; OSError."""
    if not entry.is_dir():
        return TableSource(name, entry.suffix, (entry,))
    if entry.suffix not in {"", PARTS_SUFFIX}:
        raise DatasetError(entry, f"is a folder; only {PARTS_SUFFIX} parts can be in one, so name it {name}")
    parts = []
    for part in sorted(entry.iterdir()):
        if part.name.startswith((".", "_")):  # what writers leave besides the parts: _SUCCESS, .part.crc, _temporary
            continue
        if part.suffix == PARTS_SUFFIX and not part.is_dir():
            parts.append(part)
        elif part.is_dir() or part.suffix in FORMATS:
            raise DatasetError(part, f"is no part of {name}: put {PARTS_SUFFIX} files and no folders into {entry.name}")
    if not parts:
        raise DatasetError(entry, f"holds no {PARTS_SUFFIX} parts; add them, or remove the folder")
    return TableSource(name, PARTS_SUFFIX, tuple(parts))


def _expected() -> str:
    """What a dataset folder holds."""
    return f"any of {', '.join(TABLES)}, each as {one_of(list(FORMATS))}, or as a folder of {PARTS_SUFFIX} parts"


def _no_tables(present: list[str]) -> str:
    """Message for a folder without tables, with a hint for a name that is nearly right."""
    if not present:
        return f"is an empty folder; it must hold {_expected()}"
    hints = [f"{shown(name)} ({did_you_mean(Path(name).stem, TABLES)})" for name in present[:_LISTED_FILES]]
    return f"holds no table; it must hold {_expected()}. It holds {', '.join(hints)}"
