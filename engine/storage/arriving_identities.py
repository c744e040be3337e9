"""By what the contacts of a merge are known from then on, within its transaction."""

from __future__ import annotations

import duckdb


def drop_identities(cursor: duckdb.DuckDBPyConnection) -> None:
    """What is removed from a known contact in `arriving_contacts` names it no more; what is replaced still does."""
    for kind in ("external_id", "phone"):
        cursor.execute(
            f"""
            DELETE FROM identities USING arriving_contacts AS r, contacts AS old
            WHERE r.contact_id = old.contact_id AND identities.contact_id = old.contact_id
                AND identities.identity = '{kind}:' || old.{kind} AND r.{kind} IS NULL
            """
        )


def insert_identities(cursor: duckdb.DuckDBPyConnection) -> None:
    """Let contacts be known by what their fields say and nobody is known by: e-mail, external id, phone."""
    cursor.execute("INSERT INTO identities SELECT 'email:' || email, contact_id FROM numbers WHERE is_new")
    for kind, is_identity in (("external_id", "external_id <> ''"), ("phone", "phone_is_valid")):
        # What several contacts claim is the oldest one's, unless it is somebody's already.
        cursor.execute(
            f"""
            INSERT INTO identities
            SELECT '{kind}:' || {kind} AS identity,
                arg_min(contact_id, (coalesce(created_at, TIMESTAMP '9999-12-31'), email))
            FROM contacts
            WHERE {is_identity} AND '{kind}:' || {kind} NOT IN (SELECT identity FROM identities)
            GROUP BY {kind}
            """
        )
