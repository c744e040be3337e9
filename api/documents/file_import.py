"""Imports of files as documents, for the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from api.documents.instants import shown_instant
from engine.storage.file_imports import COUNT_COLUMNS, FileImport, ImportStatus
from ingest.csv_import.preview import Preview
from ingest.csv_import.proposal import ProposedColumn


def pace_of(item: FileImport) -> tuple[float | None, float | None]:
    """Rows per second so far, and the seconds that are left at that rate; None where there is nothing to tell."""
    rate = item.counts.row_count / item.working_seconds if item.working_seconds else None
    if item.state is not ImportStatus.RUNNING or not item.bytes_done:
        return rate, None
    return rate, (item.file_bytes - item.bytes_done) * item.working_seconds / item.bytes_done


def import_document(item: FileImport) -> dict[str, object]:
    """An import: how far it is, how fast, and how many seconds are left if it goes on like that."""
    rate, left = pace_of(item)
    return {
        "id": item.id,
        "name": item.name,
        "state": item.state.value,
        "is_dry_run": item.is_dry_run,
        "problem": item.problem,
        "file_bytes": item.file_bytes,
        "bytes_done": item.bytes_done,
        **{name: getattr(item.counts, name) for name in COUNT_COLUMNS},
        "rows_per_second": None if rate is None else round(rate, 1),
        "seconds_left": None if left is None else round(left, 1),
        "created_at": shown_instant(item.created_at),
        "updated_at": shown_instant(item.updated_at),
    }


def proposal_document(columns: Sequence[ProposedColumn]) -> list[dict[str, object]]:
    """What is proposed for each column."""
    return [
        {
            "header": column.header,
            "target": column.target,
            "confidence": column.confidence,
            "reason": column.reason,
            "warning": column.warning,
            "samples": list(column.samples),
            "suggested_key": column.suggested_key,
            "suggested_type": column.suggested_type,
        }
        for column in columns
    ]


def preview_document(preview: Preview) -> dict[str, object]:
    """The first rows as they would be."""
    return {
        "rows": [
            {
                "row": row.row,
                "values": {name: _shown(value) for name, value in row.values.items()},
                "problem": row.problem,
            }
            for row in preview.rows
        ],
        "looked_at_count": preview.looked_at_count,
        "rejected_count": preview.rejected_count,
    }


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return shown_instant(value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return value.isoformat()
    return value
