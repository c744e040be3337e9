"""populace for notebooks and programs: segments over a folder of files, or in a workspace that keeps them.

>>> import populace
>>> result = populace.run("data", segments="segments.json", as_of="2026-06-01T00:00:00Z")  # doctest: +SKIP
>>> result.size("vip"), result.members("vip")  # doctest: +SKIP

>>> with populace.init("shop") as shop:  # doctest: +SKIP
...     shop.import_dataset("data")
...     shop.apply("segments.json")
...     shop.recompute()
...     vip = shop.members("vip")
...     countries = shop.sql("SELECT country, count(*) FROM segment.vip GROUP BY 1")

>>> with populace.Client("http://127.0.0.1:8080", token="populace_...") as client:  # doctest: +SKIP
...     client.upsert({"email": "ada@example.com", "tags": ["vip"]})
...     client.is_member("vip", "ada@example.com")
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.definition import Segment, read_segment
from engine.errors import (
    BadRowError,
    BusyError,
    CallerError,
    ClosedError,
    DatasetError,
    DefinitionError,
    EventConflictError,
    ExpiredTokenError,
    FieldInUseError,
    IdentityConflictError,
    InternalError,
    InvalidTokenError,
    InvalidValueError,
    InvalidWriteError,
    NotComputedError,
    NotYetContactError,
    OutputError,
    PopulaceError,
    PrivateListError,
    QueryFailedError,
    QueryLimitError,
    QueryRefusedError,
    SegmentInUseError,
    SegmentsFileError,
    SnapshotError,
    StoreError,
    SubscriptionBlockedError,
    SuppressedContactError,
    UnknownContactError,
    UnknownCustomEventError,
    UnknownCustomFieldError,
    UnknownFieldError,
    UnknownListError,
    UnknownMailTemplateError,
    UnknownSegmentError,
    UnknownTagError,
    UnknownWebhookError,
    UnsupportedByDialectError,
)
from engine.storage import StoreSettings
from engine.storage.snapshot import RestoreReport, restore_workspace
from ingest.arguments import as_dataset, as_default_timezone, as_instant, as_segments
from ingest.batch import BatchResult, run_batch
from ingest.generator import GeneratedDataset, generate_dataset
from ingest.segments_file import read_segments
from ingest.workspace import Workspace
from ingest.writes.write import Outcome, Written

if TYPE_CHECKING:
    from api.client import Client, ServerError

__all__ = [
    "BadRowError",
    "BatchResult",
    "BusyError",
    "CallerError",
    "Client",
    "ClosedError",
    "DatasetError",
    "DefinitionError",
    "EventConflictError",
    "ExpiredTokenError",
    "FieldInUseError",
    "GeneratedDataset",
    "IdentityConflictError",
    "InternalError",
    "InvalidTokenError",
    "InvalidValueError",
    "InvalidWriteError",
    "NotComputedError",
    "NotYetContactError",
    "Outcome",
    "OutputError",
    "PopulaceError",
    "PrivateListError",
    "QueryFailedError",
    "QueryLimitError",
    "QueryRefusedError",
    "Segment",
    "SegmentInUseError",
    "SegmentsFileError",
    "ServerError",
    "SnapshotError",
    "StoreError",
    "SubscriptionBlockedError",
    "SuppressedContactError",
    "UnknownContactError",
    "UnknownCustomEventError",
    "UnknownCustomFieldError",
    "UnknownFieldError",
    "UnknownListError",
    "UnknownMailTemplateError",
    "UnknownSegmentError",
    "UnknownTagError",
    "UnknownWebhookError",
    "UnsupportedByDialectError",
    "Workspace",
    "Written",
    "generate_dataset",
    "init",
    "open",
    "read_segment",
    "read_segments",
    "restore",
    "run",
]


def __getattr__(name: str) -> Any:
    """What is imported once it is asked for: whoever has no server need not wait for an HTTP library."""
    if name in {"Client", "ServerError"}:
        from api import client  # noqa: PLC0415

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    zone = as_default_timezone(default_timezone)
    read = as_segments(segments, default_timezone=zone)
    folder = as_dataset(dataset, extra_columns=extra_columns)
    settings = StoreSettings(memory_bytes=memory_bytes)
    return run_batch(folder, read, as_of=as_instant(as_of), default_zone=zone, settings=settings)


def init(path: str | Path, *, timezone: str = "UTC") -> Workspace:
    """Make a workspace in a new folder, and open it.

    `timezone` is the IANA zone of segments and contacts that have none of their own.
    Raises: StoreError for a folder that cannot be made, DefinitionError for a zone that is not IANA's.
    """
    Workspace.create(path, timezone=timezone)
    return Workspace.open(path)


def open(  # noqa: A001 (populace.open, as in webbrowser.open)
    path: str | Path, *, read_only: bool = False, live: bool = False, memory_bytes: int | None = None
) -> Workspace:
    """Open a workspace: to change it, alone, or `read_only`, beside others that only read.

    With `live`, memberships follow what is written, and the clock, by themselves: see docs/live.md. `memory_bytes`
    bounds the tables in memory; half of the machine's by default. Close it, or use it in `with`.
    Raises: StoreError if it is no workspace, or another process holds it; CallerError.
    """
    return Workspace.open(path, read_only=read_only, live=live, memory_bytes=memory_bytes)


def restore(snapshot: str | Path, path: str | Path, *, memory_bytes: int | None = None) -> RestoreReport:
    """Make a workspace in a new folder from a snapshot: as it was when the snapshot was written, whole or not at all.

    Raises: SnapshotError if a file of it is missing or was changed, or a newer populace wrote it; StoreError.
    """
    return restore_workspace(Path(snapshot), Path(path), StoreSettings(memory_bytes=memory_bytes))
