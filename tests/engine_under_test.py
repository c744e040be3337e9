"""The whole batch path over a small world: files, loading, plan, SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from engine.definition import Segment, check_lists, read_segment
from engine.definition.points import parsed_instant
from engine.definition.walk import queries_of
from engine.execute import evaluate
from engine.plan import Catalog
from engine.storage import Store, StoreSettings
from engine.storage.custom_fields import COLUMN_TYPES, CustomFieldType, add_column, definition_fields
from engine.storage.loading import TimelineOrder
from engine.storage.store import begin_generation
from ingest.batch import BatchResult, run_batch
from ingest.dataset import TABLES as DATASET_TABLES
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.load import load_dataset

TABLES = tuple(DATASET_TABLES)

World = Mapping[str, Any]


def write_dataset(world: World, folder: Path) -> None:
    """The rows of a world as a dataset folder of JSONL files."""
    for table in TABLES:
        if table in world:
            lines = [orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in world[table]]
            (folder / f"{table}.jsonl").write_bytes(b"".join(lines))


def custom_fields_of(world: World) -> dict[str, CustomFieldType]:
    """The custom fields of a world: rows with `key` and `type`."""
    return {row["key"]: CustomFieldType(row["type"]) for row in world.get("custom_fields", ())}


def run_world(segments: Sequence[Mapping[str, Any]], world: World, *, as_of: datetime | None = None) -> BatchResult:
    """Compute segments (wire format) over a world, at its own instant if no other is given."""
    with TemporaryDirectory() as folder:
        write_dataset(world, Path(folder))
        dataset = open_dataset(Path(folder), bad_rows=StopAtFirstBadRow())
        read = _read(segments, world)
        return run_batch(dataset, read, as_of=as_of or instant_of(world), default_zone=zone_of(world))


def members_by_engine(
    segments: Sequence[Mapping[str, Any]], world: World, *, as_of: datetime | None = None
) -> dict[str, set[str]]:
    """Segment id -> e-mails of the members. Like `run_world`, but over one store that is emptied each time: faster."""
    has_queries = any(queries_of(segment.tree) for segment in _read(segments, world))
    store, catalog = loaded_world(world, is_published=has_queries)
    read = checked(segments, world, catalog)
    evaluation = evaluate(store, read, as_of=as_of or instant_of(world), catalog=catalog)
    assert not evaluation.failed, evaluation.failed
    emails = dict(store.cursor().execute("SELECT contact_id, email FROM contacts").fetchall())
    return {
        segment_id: {emails[contact_id] for contact_id in members.ids().tolist()}
        for segment_id, members in evaluation.members.items()
    }


def loaded_world(world: World, *, is_published: bool = False) -> tuple[Store, Catalog]:
    """The store that every world in turn is loaded into, with what plans depend on.

    `is_published`: one in a file, so that SQL can read a copy of it.
    """
    custom_fields = custom_fields_of(world)
    store = _emptied_store(custom_fields, is_published=is_published)
    with TemporaryDirectory() as folder:
        write_dataset(world, Path(folder))
        dataset = open_dataset(Path(folder), bad_rows=StopAtFirstBadRow(), custom_fields=custom_fields)
        load_dataset(store, dataset, order=TimelineOrder.ARRIVAL)
    found = store.catalog()
    return store, Catalog(lists=found.lists, zones={**found.zones, 0: zone_of(world)})


def checked(segments: Sequence[Mapping[str, Any]], world: World, catalog: Catalog) -> list[Segment]:
    """The segments, read, with all lists there."""
    read = _read(segments, world)
    for segment in read:
        check_lists(segment, catalog.lists)
    return read


@cache
def _store() -> Store:
    return Store.create(Path(":memory:"), StoreSettings(threads=1))


@cache
def _published_store() -> tuple[Store, TemporaryDirectory[str]]:
    """A store in a file, which SQL reads a copy of; its folder goes with the process."""
    folder = TemporaryDirectory()
    return Store.create(Path(folder.name) / "store.duckdb", StoreSettings(threads=1)), folder


def _emptied_store(custom_fields: Mapping[str, CustomFieldType], *, is_published: bool) -> Store:
    """The store without rows, and with columns for these fields; those of earlier worlds are still there."""
    store = _published_store()[0] if is_published else _store()
    cursor = store.cursor()
    begin_generation(cursor)
    columns = {row[0]: row[1] for row in cursor.execute("DESCRIBE contacts").fetchall()}
    for key, kind in custom_fields.items():
        if key not in columns:
            add_column(cursor, key, kind)
        else:
            assert columns[key] == COLUMN_TYPES[kind], f"{key} was of another type in an earlier world"
    for table in TABLES:
        cursor.execute(f"DELETE FROM {table}")
    return store


def _read(segments: Sequence[Mapping[str, Any]], world: World) -> list[Segment]:
    fields = definition_fields(custom_fields_of(world))
    return [read_segment(dict(segment), default_timezone=zone_of(world), fields=fields) for segment in segments]


def zone_of(world: World) -> str:
    """The zone of segments and contacts that have none of their own."""
    return world.get("timezone") or "UTC"


def instant_of(world: World) -> datetime:
    instant = parsed_instant(world["as_of"])
    assert instant is not None
    return instant
