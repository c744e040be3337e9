"""ClickHouse within this process: one query per segment, over MergeTrees ordered for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from chdb.session import Session

from benchmarks.peers.conditions import condition_sql, excludes, having
from benchmarks.peers.peer import ContactIds
from benchmarks.workload import Bought, Counted, Either, HasField, Question, Subscribed, Workload
from engine.storage import Store

TABLES = {
    "contacts": (
        "contact_id Int32, country LowCardinality(Nullable(String)), language LowCardinality(Nullable(String)), "
        "first_name Nullable(String), lifetime_value Nullable(Float64), orders_count Nullable(Float64), "
        "phone Nullable(String), job_title Nullable(String)",
        "contact_id",
    ),
    "timeline": (
        "contact_id Int32, kind LowCardinality(String), occurred_at DateTime64(6, 'UTC'), "
        "template_id LowCardinality(Nullable(String))",
        "kind, contact_id, occurred_at",
    ),
    "custom_events": (
        "contact_id Int32, goal_type LowCardinality(Nullable(String)), occurred_at DateTime64(6, 'UTC'), "
        "goal_value Nullable(Decimal(38, 9)), deleted_at Nullable(DateTime64(6, 'UTC')), "
        "superseded_at Nullable(DateTime64(6, 'UTC'))",
        "contact_id, occurred_at",
    ),
    "subscriptions": (
        "contact_id Int32, list_id LowCardinality(String), status LowCardinality(String)",
        "list_id, contact_id",
    ),
}
"""Columns, and the order of the rows."""


class ClickHouse:
    """The one session that a process may have."""

    name = "clickhouse"

    def __init__(self, session: Any) -> None:
        self._session = session

    def fill(self, store: Store, scratch: Path) -> None:
        """Make the tables, with the rows of a store, as one part each."""
        cursor = store.cursor()
        for table, (columns, order) in TABLES.items():
            names = ", ".join(part.split()[0] for part in columns.split(", ") if part.split()[0].islower())
            file = scratch / f"{table}.parquet"
            where = "WHERE superseded_at IS NULL" if table == "custom_events" else ""
            cursor.execute(f"COPY (SELECT {names} FROM {table} {where}) TO '{file}' (FORMAT parquet)")
            self._session.query(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY ({order})")
            self._session.query(f"INSERT INTO {table} ({names}) SELECT {names} FROM file('{file}', 'Parquet')")
            self._session.query(f"OPTIMIZE TABLE {table} FINAL")
            file.unlink()

    def contact_ids(self, item: Workload) -> ContactIds:
        """The members of a segment, each once."""
        answer = self._session.query(query_of(item), "ArrowStream")
        with pa.ipc.open_stream(pa.py_buffer(answer.bytes())) as reader:
            found: ContactIds = reader.read_all().column(0).to_numpy()
        return found


@contextmanager
def filled_clickhouse(store: Store, folder: Path) -> Iterator[ClickHouse]:
    """A session over the rows of a store while the context lasts; `folder` must not exist yet."""
    folder.mkdir()
    session = Session(str(folder / "session"))
    try:
        session.query("SET optimize_aggregation_in_order = 1, optimize_distinct_in_order = 1")
        clickhouse = ClickHouse(session)
        clickhouse.fill(store, folder)
        yield clickhouse
    finally:
        session.close()
        shutil.rmtree(folder, ignore_errors=True)


def query_of(item: Workload) -> str:
    """Sets of contacts, and `IN` where there are several: it has no faster semi join."""
    question, as_of = item.question, item.as_of
    if isinstance(question, Counted | Bought | Subscribed) and not excludes(question):
        sql = _set_of(question, as_of)
        return sql if "HAVING" in sql else sql.replace("SELECT", "SELECT DISTINCT", 1)
    if isinstance(question, Either) and not any(
        excludes(part) or isinstance(part, HasField) for part in question.parts
    ):
        return " UNION DISTINCT ".join(_set_of(part, as_of) for part in question.parts)

    def one(part: Question) -> str:
        return f"contact_id {'NOT ' if excludes(part) else ''}IN ({_set_of(part, as_of)})"

    return f"SELECT contact_id FROM contacts WHERE {condition_sql(question, one)}"


def _set_of(question: Question, as_of: datetime) -> str:
    match question:
        case Counted():
            where = f"kind = '{question.kind}' AND occurred_at > {_instant(question.since)}"
            where += f" AND template_id = '{question.template}'" if question.template else ""
            return f"SELECT contact_id FROM timeline WHERE {where} AND {_until(as_of)}{having(question)}"
        case Bought():
            where = f"goal_type = 'purchase' AND (deleted_at IS NULL OR deleted_at > {_instant(as_of)})"
            where += f" AND occurred_at > {_instant(question.since)}" if question.since else ""
            return f"SELECT contact_id FROM custom_events WHERE {where} AND {_until(as_of)}{having(question)}"
        case Subscribed():
            status = f" AND status = '{question.status}'" if question.status else ""
            return f"SELECT contact_id FROM subscriptions WHERE list_id = '{question.list_id}'{status}"
        case _:
            raise AssertionError(f"no set of contacts: {question}")


def _until(as_of: datetime) -> str:
    return f"occurred_at <= {_instant(as_of)}"


def _instant(at: datetime) -> str:
    return f"toDateTime64('{at.replace(tzinfo=None).isoformat(sep=' ')}', 6, 'UTC')"
