"""What a program may pass for an instant, segments or a dataset: the thing itself, or where it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from engine.definition import Segment, checked_timezone
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.points import parsed_instant
from engine.definition.tree import CONTACT_TIMEZONE
from engine.errors import CallerError
from engine.storage.custom_fields import CustomFieldType
from ingest.dataset import Dataset, StopAtFirstBadRow, open_dataset
from ingest.dataset.dataset import NO_CUSTOM_FIELDS
from ingest.dataset.records import ExtraColumns
from ingest.segments_file import read_segments

Instant = str | datetime | None
Segments = str | Path | Iterable[Segment]


def as_instant(as_of: Instant) -> datetime:
    """An aware datetime, an RFC 3339 text, or now (None), in UTC. Raises: CallerError."""
    if as_of is None:
        return datetime.now(UTC)
    instant = parsed_instant(as_of) if isinstance(as_of, str) else as_of
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise CallerError(f"as_of: {as_of!r} is no instant; give it with its zone, such as 2026-06-01T00:00:00Z")
    return instant.astimezone(UTC)


def as_segments(
    segments: Segments, *, default_timezone: str, fields: Mapping[str, FieldType] = CONTACT_FIELDS
) -> list[Segment]:
    """A segments file, a folder of them, or segments as `read_segment` gives them. Raises: SegmentsFileError."""
    if isinstance(segments, str | Path):
        return read_segments(Path(segments), default_timezone=default_timezone, fields=fields)
    return list(segments)


def as_dataset(
    dataset: str | Path | Dataset,
    *,
    extra_columns: ExtraColumns = "refuse",
    custom_fields: Mapping[str, CustomFieldType] = NO_CUSTOM_FIELDS,
) -> Dataset:
    """A dataset folder, whose first bad row ends its use, or an open dataset. Raises: DatasetError."""
    if isinstance(dataset, Dataset):
        return dataset
    return open_dataset(
        Path(dataset), extra_columns=extra_columns, bad_rows=StopAtFirstBadRow(), custom_fields=custom_fields
    )


def as_default_timezone(timezone: str) -> str:
    """An IANA time zone for segments and contacts that have none. Raises: CallerError, DefinitionError."""
    if timezone == CONTACT_TIMEZONE:
        raise CallerError("timezone: must be an IANA time zone: contacts without a zone of their own use it")
    return checked_timezone(timezone, "timezone")
