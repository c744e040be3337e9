"""The members of a segment as e-mails: all of them, or a few."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from engine.execute.contact_set import ContactSet
from engine.storage import Store
from engine.storage.connection import store_errors

EMAIL_SCHEMA = pa.schema([("email", pa.string())])
_BATCH_ROWS = 100_000


def email_batches(store: Store, members: ContactSet) -> Iterator[pa.RecordBatch]:
    """The e-mails of some contacts. Rows: one per contact, sorted. Columns: email."""
    with store_errors(store.path), store.cursor() as cursor:
        yield from email_batches_of(cursor, members)


def email_batches_of(cursor: duckdb.DuckDBPyConnection, members: ContactSet) -> Iterator[pa.RecordBatch]:
    """The same of contacts as a cursor sees them."""
    cursor.register("members", pa.table({"contact_id": members.ids()}))
    query = "SELECT email FROM contacts SEMI JOIN members USING (contact_id) ORDER BY email"
    with cursor.sql(query).to_arrow_reader(_BATCH_ROWS) as reader:
        for batch in reader:
            yield pa.record_batch([batch.column(0).cast(pa.string())], schema=EMAIL_SCHEMA)


def emails_from(store: Store, members: ContactSet, *, limit: int, offset: int) -> tuple[str, ...]:
    """So many of the e-mails of some contacts, in order, after so many others."""
    with store_errors(store.path), store.cursor() as cursor:
        cursor.register("members", pa.table({"contact_id": members.ids()}))
        query = """
            SELECT email FROM contacts SEMI JOIN members USING (contact_id) WHERE email IS NOT NULL
            ORDER BY email LIMIT $1 OFFSET $2
        """
        return tuple(email for (email,) in cursor.execute(query, [limit, offset]).fetchall())


def some_emails(cursor: duckdb.DuckDBPyConnection, members: ContactSet, most: int) -> tuple[str, ...]:
    """Some of the e-mails, sorted: those of contacts spread evenly over all members, the same ones every time."""
    contact_ids = members.ids()
    if len(contact_ids) > most:
        contact_ids = contact_ids[:: len(contact_ids) // most][:most] if most else contact_ids[:0]
    query = """
        SELECT email FROM contacts WHERE contact_id IN (SELECT unnest($1::INTEGER[])) AND email IS NOT NULL
        ORDER BY email
    """
    return tuple(email for (email,) in cursor.execute(query, [contact_ids.tolist()]).fetchall())
