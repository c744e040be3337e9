"""Filling an empty store from Arrow batches, table by table, streaming.

The rows of contacts, lists and subscriptions say which columns they give; a store that is to be merged into another one
keeps that (`keep_given`, see `engine.storage.merging`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import duckdb
import pyarrow as pa

from engine.definition.vocabulary import E164_PATTERN
from engine.storage.connection import store_errors
from engine.storage.store import Store

GIVEN = "given"
"""Column of contacts, lists and subscriptions that are to be merged: one character per column of the dataset's table,
`1` where the row gives it. Rows that nobody gave have NULL."""


class TimelineOrder(Enum):
    """How events lie on disk. What each costs and gains is measured in docs/storage.md."""

    ARRIVAL = "arrival"
    """As they came: nothing to sort."""

    KIND_CONTACT = "kind, contact"
    """By kind, then contact: what one pass reads lies together."""


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """What became of the rows of one table. `replaced`: given again later in the same table; the last one counts.

    `unknown_contact`, `unknown_list`: belong to no contact, or no list, that is there.
    """

    kept: int
    replaced: int = 0
    unknown_contact: int = 0
    unknown_list: int = 0


def load_contacts(store: Store, batches: pa.RecordBatchReader, *, keep_given: bool) -> LoadedRows:
    """Contacts by e-mail (normalised, not NULL). Columns: row_number, given, the contact fields, tags, custom fields.

    A contact's id is its row number less one: ids of rows that were replaced stay unused.
    """
    left_out = {"row_number"} if keep_given else {"row_number", GIVEN}
    columns = ", ".join(f'r."{name}"' for name in batches.schema.names if name not in left_out)
    if "phone" in batches.schema.names:
        columns += f", regexp_full_match(r.phone, '{E164_PATTERN}') AS phone_is_valid"
    with store_errors(store.path):
        cursor = store.cursor()
        given = _insert(
            cursor,
            f"""INSERT INTO contacts BY NAME
            SELECT (r.row_number - 1)::INTEGER AS contact_id, coalesce(z.zone_id, 0)::SMALLINT AS zone_id, {columns}
            FROM incoming AS r LEFT JOIN zones AS z ON z.name = r.timezone""",
            batches,
        )
        replaced = _delete_all_but_last(cursor, "contacts", key="email", order="contact_id")
        return LoadedRows(kept=given - replaced, replaced=replaced)


def load_timeline(store: Store, batches: pa.RecordBatchReader) -> LoadedRows:
    """Timeline events of contacts that are there. The same id twice counts once."""
    names = ("kind", "occurred_at", "template_id", "id", "entity_type", "entity_id", "operation", "properties")
    with store_errors(store.path):
        cursor = store.cursor()
        known, unknown = _insert_of_known_contacts(cursor, "timeline", [f"r.{name}" for name in names], batches)
        replaced = _delete_all_but_last(cursor, "timeline", key="id", order="sequence")
        return LoadedRows(known - replaced, replaced, unknown_contact=unknown)


def load_custom_events(store: Store, batches: pa.RecordBatchReader) -> LoadedRows:
    """Custom events of contacts that are there.

    Of several versions of one event, the latest that is not after the evaluation is its state: every version is kept,
    with the instant at which the next one took its place.
    """
    names = ("event_name", "external_id", "occurred_at", "goal_type", "goal_name", "properties", "deleted_at")
    values = [*(f"r.{name}" for name in names), "r.goal_value::DECIMAL(38, 9) AS goal_value"]
    with store_errors(store.path):
        cursor = store.cursor()
        known, unknown = _insert_of_known_contacts(cursor, "custom_events", values, batches)
        replaced = 0
        if _twin_count(cursor, "custom_events", key="event_name, external_id"):
            replaced = _changed(
                cursor,
                """UPDATE custom_events SET superseded_at = versions.next_at
                FROM (SELECT rowid AS id, lead(occurred_at) OVER (
                          PARTITION BY event_name, external_id ORDER BY occurred_at, sequence) AS next_at
                      FROM custom_events) AS versions
                WHERE versions.id = custom_events.rowid AND versions.next_at IS NOT NULL""",
            )
        return LoadedRows(known - replaced, replaced, unknown_contact=unknown)


def load_lists(store: Store, batches: pa.RecordBatchReader, *, keep_given: bool) -> LoadedRows:
    """Lists by id."""
    columns = ", ".join(("id", "name", "is_public", "is_double_optin", "deleted_at", *_given(keep_given)))
    with store_errors(store.path):
        cursor = store.cursor()
        given = _insert(
            cursor,
            f"INSERT INTO lists BY NAME SELECT {columns}, row_number AS sequence FROM incoming",
            batches,
        )
        replaced = _delete_all_but_last(cursor, "lists", key="id", order="sequence")
        return LoadedRows(given - replaced, replaced)


def load_subscriptions(
    store: Store, batches: pa.RecordBatchReader, *, lists_are_given: bool, keep_given: bool
) -> LoadedRows:
    """Subscriptions of contacts that are there, one per contact and list.

    Where no lists were given, the subscriptions say which there are.
    """
    with store_errors(store.path):
        cursor = store.cursor()
        values = [f"r.{name}" for name in ("list_id", "status", "created_at", *_given(keep_given))]
        list_ids: set[str] = set()
        seen = None if lists_are_given else lambda batch: list_ids.update(batch.column("list_id").unique().to_pylist())
        known, unknown = _insert_of_known_contacts(cursor, "subscriptions", values, batches, seen)
        unknown_list = 0
        if lists_are_given:
            unknown_list = _changed(cursor, "DELETE FROM subscriptions WHERE list_id NOT IN (SELECT id FROM lists)")
        else:
            new = "SELECT id, id FROM (SELECT unnest($1) AS id) WHERE id NOT IN (SELECT id FROM lists)"
            cursor.execute(f"INSERT INTO lists (id, name) {new}", [sorted(list_ids)])
        replaced = _delete_all_but_last(cursor, "subscriptions", key="contact_id, list_id", order="sequence")
        return LoadedRows(known - unknown_list - replaced, replaced, unknown, unknown_list)


def drop_events_counted_twice(cursor: duckdb.DuckDBPyConnection) -> int:
    """Take custom events out of the timeline that are in the table of custom events too; how many there were."""
    return _changed(
        cursor,
        """DELETE FROM timeline
        WHERE starts_with(kind, 'custom_event.') AND EXISTS (
            SELECT 1 FROM custom_events AS x
            WHERE 'custom_event.' || x.event_name = timeline.kind AND x.external_id = timeline.entity_id
        )""",
    )


def order_timeline(store: Store, order: TimelineOrder) -> None:
    """Lay the events out on disk."""
    if order is TimelineOrder.ARRIVAL:
        return
    with store_errors(store.path):
        cursor = store.cursor()
        # Sorting by the number of the kind, not by its name: measured four times faster.
        cursor.execute(
            """CREATE TABLE ordered AS
            WITH kinds AS (SELECT kind, row_number() OVER (ORDER BY kind) AS number
                           FROM (SELECT DISTINCT kind FROM timeline))
            SELECT timeline.* FROM timeline JOIN kinds USING (kind)
            ORDER BY kinds.number, timeline.contact_id, timeline.occurred_at"""
        )
        cursor.execute("DROP TABLE timeline")
        cursor.execute("ALTER TABLE ordered RENAME TO timeline")
        cursor.execute("CHECKPOINT")


def _given(keep_given: bool) -> tuple[str, ...]:
    return (GIVEN,) if keep_given else ()


def _insert(cursor: duckdb.DuckDBPyConnection, statement: str, batches: pa.RecordBatchReader) -> int:
    """Run an INSERT that reads the batches as `incoming`; how many rows it wrote."""
    cursor.register("incoming", batches)
    try:
        return _changed(cursor, statement)
    finally:
        cursor.unregister("incoming")


def _insert_of_known_contacts(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    values: list[str],
    batches: pa.RecordBatchReader,
    on_batch: Callable[[pa.RecordBatch], object] | None = None,
) -> tuple[int, int]:
    """Insert the rows whose e-mail is a contact's; how many there were, and how many were not.

    `on_batch` sees every batch as it passes.
    """
    row_count = 0

    def passing() -> Iterator[pa.RecordBatch]:
        nonlocal row_count
        for batch in batches:
            row_count += batch.num_rows
            if on_batch is not None:
                on_batch(batch)
            yield batch

    known = _insert(
        cursor,
        f"""INSERT INTO {table} BY NAME
        SELECT c.contact_id, {", ".join(values)}, r.row_number AS sequence
        FROM incoming AS r JOIN contacts AS c ON c.email = r.email""",
        pa.RecordBatchReader.from_batches(batches.schema, passing()),
    )
    return known, row_count - known


def _delete_all_but_last(cursor: duckdb.DuckDBPyConnection, table: str, *, key: str, order: str) -> int:
    """Keep, of the rows with the same key, the last in the order; how many went. Rows without a key stay."""
    if not _twin_count(cursor, table, key=key):
        return 0
    return _changed(
        cursor,
        f"""DELETE FROM {table} WHERE rowid IN (
            SELECT id FROM (
                SELECT rowid AS id, row_number() OVER (PARTITION BY {key} ORDER BY {order} DESC) AS place
                FROM {table} WHERE {_is_present(key)}
            ) WHERE place > 1
        )""",
    )


def _twin_count(cursor: duckdb.DuckDBPyConnection, table: str, *, key: str) -> int:
    """How many rows have the key of another one."""
    distinct = f"({key})" if "," in key else key
    query = f"SELECT count(*) - count(DISTINCT {distinct}) FROM {table} WHERE {_is_present(key)}"
    ((count,),) = cursor.execute(query).fetchall()
    return int(count)


def _is_present(key: str) -> str:
    return " AND ".join(f"{column} IS NOT NULL" for column in key.split(", "))


def _changed(cursor: duckdb.DuckDBPyConnection, statement: str) -> int:
    """Run a statement; how many rows it wrote or removed."""
    row = cursor.execute(statement).fetchone()
    assert row is not None
    return int(row[0])
