"""By what the contacts of a merge are known from then on, within its transaction."""

from __future__ import annotations

from datetime import datetime

import duckdb

from engine.storage.import_journal import journal_identities

_IS_OWN = "gone.identity = i.identity AND gone.owner_id = i.contact_id"


def drop_identities(cursor: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """What is removed from a known contact in `arriving_contacts` names it no more; what is replaced still does."""
    for kind in ("external_id", "phone"):
        gone = f"""
            SELECT '{kind}:' || old.{kind} AS identity, old.contact_id AS owner_id
            FROM arriving_contacts AS r JOIN contacts AS old USING (contact_id) WHERE r.{kind} IS NULL
        """
        owned = f"SELECT i.identity, i.contact_id FROM identities AS i SEMI JOIN ({gone}) AS gone ON {_IS_OWN}"
        journal_identities(cursor, owned, at)
        cursor.execute(f"DELETE FROM identities AS i USING ({gone}) AS gone WHERE {_IS_OWN}")


def insert_identities(cursor: duckdb.DuckDBPyConnection, at: datetime, *, contacts: str = "contacts") -> None:
    """Let contacts be known by what their fields say and nobody is known by: e-mail, external id, phone.

    `contacts` is a table, or a query in brackets, of those that may say anything new; all of them without.
    """
    cursor.execute("INSERT INTO identities SELECT 'email:' || email, contact_id FROM numbers WHERE is_new")
    for kind, is_identity in (("external_id", "external_id <> ''"), ("phone", "phone_is_valid")):
        # What several contacts claim is the oldest one's, unless it is somebody's already.
        cursor.execute(
            f"""
            CREATE TEMP TABLE claimed AS
            SELECT '{kind}:' || {kind} AS identity,
                arg_min(contact_id, (coalesce(created_at, TIMESTAMP '9999-12-31'), email)) AS contact_id
            FROM {contacts} AS c
            WHERE {is_identity} AND NOT EXISTS (FROM identities AS i WHERE i.identity = '{kind}:' || c.{kind})
            GROUP BY {kind}
            """
        )
        new = "SELECT contact_id FROM numbers WHERE is_new"
        journal_identities(cursor, f"SELECT identity, NULL FROM claimed WHERE contact_id NOT IN ({new})", at)
        cursor.execute("INSERT INTO identities FROM claimed")
        cursor.execute("DROP TABLE claimed")
