"""The whole batch path over a small world: files, loading, plan, SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from engine.definition import read_segment
from engine.definition.points import parsed_instant
from ingest.batch import BatchResult, run_batch
from ingest.dataset import StopAtFirstBadRow, open_dataset

TABLES = ("contacts", "timeline", "custom_events", "lists", "subscriptions")

World = Mapping[str, Any]


def write_dataset(world: World, folder: Path) -> None:
    """The rows of a world as a dataset folder of JSONL files."""
    for table in TABLES:
        if table in world:
            lines = [orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in world[table]]
            (folder / f"{table}.jsonl").write_bytes(b"".join(lines))


def run_world(segments: Sequence[Mapping[str, Any]], world: World, *, as_of: datetime | None = None) -> BatchResult:
    """Compute segments (wire format) over a world, at its own instant if no other is given."""
    instant = as_of or parsed_instant(world["as_of"])
    assert instant is not None
    zone = world.get("timezone") or "UTC"
    read = [read_segment(dict(segment), default_timezone=zone) for segment in segments]
    with TemporaryDirectory() as folder:
        write_dataset(world, Path(folder))
        dataset = open_dataset(Path(folder), bad_rows=StopAtFirstBadRow())
        return run_batch(dataset, read, as_of=instant, default_zone=zone)


def members_by_engine(
    segments: Sequence[Mapping[str, Any]], world: World, *, as_of: datetime | None = None
) -> dict[str, set[str]]:
    """Segment id -> e-mails of the members."""
    result = run_world(segments, world, as_of=as_of)
    assert not result.evaluation.failed, result.evaluation.failed
    return {
        segment_id: set(result.members(segment_id).get_column("email").to_list())
        for segment_id in result.evaluation.members
    }


__all__ = ["members_by_engine", "run_world", "write_dataset"]
