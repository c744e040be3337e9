"""PostgreSQL as tools on top of it ask: one count for each contact, with an index to count by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psycopg

from benchmarks.peers.conditions import condition_sql
from benchmarks.peers.peer import ContactIds
from benchmarks.workload import Bought, Counted, Subscribed, Workload
from engine.storage import Store
from tests.engines.postgres import postgres_folder, running_postgres

TABLES = {
    "contacts": "contact_id int, email text, country text, language text, first_name text, "
    "lifetime_value float8, orders_count float8, phone text, job_title text",
    "timeline": "email text, kind text, created_at timestamp, template_id text",
    "custom_events": "email text, goal_type text, created_at timestamp, goal_value numeric, deleted_at timestamp",
    "subscriptions": "email text, list_id text, status text",
}
INDEXES = (
    "CREATE UNIQUE INDEX ON contacts (email)",
    "CREATE INDEX ON timeline (email, created_at)",
    "CREATE INDEX ON timeline (kind)",
    "CREATE INDEX ON custom_events (email, created_at)",
    "CREATE INDEX ON subscriptions (email)",
    "CREATE INDEX ON subscriptions (list_id)",
)
AT_LEAST_OF_COUNT = {"at_least": ">=", "at_most": "<=", "exactly": "="}


class PostgresCounting:
    """A server that holds the rows by e-mail, analysed."""

    name = "postgres"

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def fill(self, store: Store, scratch: Path) -> None:
        """Make the tables, with the rows of a store, and the indexes."""
        cursor = store.cursor()
        for table, columns in TABLES.items():
            self._connection.execute(f"CREATE TABLE {table} ({columns})")
            names = [part.split()[0] for part in columns.split(", ")]
            wanted = ", ".join("occurred_at" if name == "created_at" else f't."{name}"' for name in names)
            wanted = wanted.replace('t."email"', "c.email")
            source = f"{table} AS t" if table == "contacts" else f"{table} AS t JOIN contacts AS c USING (contact_id)"
            source = source.replace("contacts AS t", "contacts AS t JOIN contacts AS c USING (contact_id)")
            where = "WHERE superseded_at IS NULL" if table == "custom_events" else ""
            file = scratch / f"{table}.csv"
            cursor.execute(f"COPY (SELECT {wanted} FROM {source} {where}) TO '{file}' (FORMAT csv, HEADER false)")
            with (
                self._connection.cursor() as writing,
                writing.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy,
                file.open("rb") as rows,
            ):
                while part := rows.read(2**20):
                    copy.write(part)
            file.unlink()
        for statement in (*INDEXES, "VACUUM ANALYZE"):
            self._connection.execute(statement.encode())

    def contact_ids(self, item: Workload) -> ContactIds:
        """The members of a segment, each once."""
        rows = self._connection.execute(query_of(item).encode()).fetchall()
        return np.array([row[0] for row in rows], np.int32)


def query_of(item: Workload) -> str:
    """The condition of each contact, with a subquery for everything that is not in its row."""
    condition = condition_sql(item.question, partial(_one, as_of=item.as_of))
    return f"SELECT contact_id FROM contacts AS c WHERE {condition}"


def _one(question: Counted | Bought | Subscribed, as_of: datetime) -> str:
    match question:
        case Counted():
            where = f"t.email = c.email AND t.kind = '{question.kind}' AND t.created_at > '{_instant(question.since)}'"
            where += f" AND t.template_id = '{question.template}'" if question.template else ""
            counted = f"(SELECT count(*) FROM timeline AS t WHERE {where} AND t.created_at <= '{_instant(as_of)}')"
            return f"{counted} {AT_LEAST_OF_COUNT[question.operator]} {question.number}"
        case Bought():
            where = f"t.email = c.email AND t.goal_type = 'purchase' AND t.created_at <= '{_instant(as_of)}'"
            where += f" AND (t.deleted_at IS NULL OR t.deleted_at > '{_instant(as_of)}')"
            where += f" AND t.created_at > '{_instant(question.since)}'" if question.since else ""
            measure = {"sum": "sum(t.goal_value)", "count": "count(*)", "max": "max(t.goal_value)"}[question.measure]
            measured = f"(SELECT {measure} FROM custom_events AS t WHERE {where})"
            return f"{measured} {'<= 0' if question.excludes else f'>= {question.at_least}'}"
        case Subscribed():
            where = f"t.email = c.email AND t.list_id = '{question.list_id}'"
            where += f" AND t.status = '{question.status}'" if question.status else ""
            return f"{'NOT ' if question.excludes else ''}EXISTS (SELECT FROM subscriptions AS t WHERE {where})"


def _instant(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(sep=" ")


@contextmanager
def filled_postgres(store: Store) -> Iterator[PostgresCounting]:
    """A server of our own over the rows of a store while the context lasts."""
    binaries = postgres_folder()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed: leave it out of --peers")
    with running_postgres(binaries) as server, psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute("SET work_mem = '256MB'")
        peer = PostgresCounting(connection)
        with TemporaryDirectory() as scratch:
            peer.fill(store, Path(scratch))
        yield peer
