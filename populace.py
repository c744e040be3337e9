"""populace for notebooks and programs: segments over a folder of files.

>>> import populace
>>> result = populace.run("data", segments="segments.json", as_of="2026-06-01T00:00:00Z")  # doctest: +SKIP
>>> result.size("vip"), result.members("vip")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from engine.definition import Segment, checked_timezone, read_segment
from engine.definition.points import parsed_instant
from engine.definition.tree import CONTACT_TIMEZONE
from engine.errors import (
    BadRowError,
    CallerError,
    DatasetError,
    DefinitionError,
    InternalError,
    OutputError,
    PopulaceError,
    SegmentsFileError,
    StoreError,
)
from engine.storage import StoreSettings
from ingest.batch import BatchResult, run_batch
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.generator import GeneratedDataset, generate_dataset
from ingest.segments_file import read_segments

__all__ = [
    "BadRowError",
    "BatchResult",
    "CallerError",
    "DatasetError",
    "DefinitionError",
    "GeneratedDataset",
    "InternalError",
    "OutputError",
    "PopulaceError",
    "Segment",
    "SegmentsFileError",
    "StoreError",
    "generate_dataset",
    "read_segment",
    "read_segments",
    "run",
]


def run(
    dataset: str | Path,
    *,
    segments: str | Path | Iterable[Segment],
    as_of: str | datetime | None = None,
    default_timezone: str = "UTC",
    extra_columns: Literal["refuse", "ignore"] = "refuse",
    memory_bytes: int | None = None,
) -> BatchResult:
    """Compute segments over a dataset folder, at one instant, in one plan.

    `segments` is a segments file, a folder of them, or what `read_segment` gave. `as_of` is an RFC 3339 text or an
    aware datetime; now if not given. `memory_bytes` bounds the tables in memory; half of the machine's by default.

    Raises: CallerError (its subclasses say what) for what the caller can fix.
    """
    if default_timezone == CONTACT_TIMEZONE:
        raise CallerError("default_timezone: must be an IANA time zone: contacts without a zone of their own use it")
    checked_timezone(default_timezone, "default_timezone")
    if isinstance(segments, str | Path):
        segments = read_segments(Path(segments), default_timezone=default_timezone)
    segments = list(segments)
    folder = open_dataset(Path(dataset), extra_columns=extra_columns, bad_rows=StopAtFirstBadRow())
    settings = StoreSettings(memory_bytes=memory_bytes)
    return run_batch(folder, segments, as_of=_instant(as_of), default_zone=default_timezone, settings=settings)


def _instant(as_of: str | datetime | None) -> datetime:
    if as_of is None:
        return datetime.now(UTC)
    instant = parsed_instant(as_of) if isinstance(as_of, str) else as_of
    if instant is None or instant.tzinfo is None:
        raise CallerError(f"as_of: {as_of!r} is no instant; give it with its zone, such as 2026-06-01T00:00:00Z")
    return instant.astimezone(UTC)
