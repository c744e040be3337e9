"""What an import changed, with old and new values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import duckdb

from engine.storage.instants import stored_instant

_JSON = "JSON"

_STATUS_KINDS = {
    "active": "list.subscribed",
    "pending": "list.pending",
    "unsubscribed": "list.unsubscribed",
    "bounced": "list.bounced",
    "complained": "list.complained",
}


def journal_contacts(
    cursor: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    at: datetime,
    *,
    json_fields: Collection[str],
    before: str = "contacts",
) -> None:
    """One `contact.updated` for every known contact in `arriving_contacts`; `names` are the columns that may differ.

    `json_fields` are those that hold JSON text; `before` is a table that has the old rows.
    """
    types = {row[0]: row[1] for row in cursor.execute("DESCRIBE contacts").fetchall()}
    types |= dict.fromkeys(json_fields, _JSON)
    parts = [_part(name, types[name]) for name in names]
    _insert(
        cursor,
        f"""
        SELECT r.contact_id, 'contact.updated', 'contact', NULL, 'update',
            '{{' || array_to_string(list_filter([{", ".join(parts)}], lambda part: part IS NOT NULL), ',') || '}}'
        FROM arriving_contacts AS r JOIN {before} AS old USING (contact_id) WHERE NOT r.is_new
        """,
        at,
    )


def journal_subscriptions(cursor: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """One entry for every known subscription in `arriving_subscriptions` whose status is another one."""
    kinds = " ".join(f"WHEN '{status}' THEN '{kind}'" for status, kind in _STATUS_KINDS.items())
    _insert(
        cursor,
        f"""
        SELECT r.contact_id, CASE r.status {kinds} END, 'list', r.list_id, 'import',
            json_object('status', json_object('old', old.status, 'new', r.status))::VARCHAR
        FROM arriving_subscriptions AS r JOIN subscriptions AS old USING (contact_id, list_id)
        WHERE NOT r.is_new AND r.status <> old.status
        """,
        at,
    )


def journal_identities(cursor: duckdb.DuckDBPyConnection, owners: str, at: datetime) -> None:
    """Keep who had identities until now, unless it was kept already. Columns of `owners`: identity, owner_id."""
    cursor.execute(
        f"""
        INSERT INTO earlier_identities
        SELECT (SELECT coalesce(max(sequence), 0) + 1 FROM timeline), o.identity, o.owner_id, $1
        FROM ({owners}) AS o (identity, owner_id)
        WHERE o.identity NOT IN (SELECT identity FROM earlier_identities WHERE until_at = $1)
        """,
        [stored_instant(at)],
    )


def journal_lists(cursor: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """Keep when known lists in `arriving_lists` had been deleted until now, where that is another instant.

    Who is on them is touched.
    """
    changed = """
        FROM arriving_lists AS r JOIN lists AS old USING (id)
        WHERE NOT r.is_new AND r.deleted_at IS DISTINCT FROM old.deleted_at
    """
    cursor.execute(
        f"""
        INSERT INTO earlier_lists
        SELECT (SELECT coalesce(max(sequence), 0) + 1 FROM timeline), old.id, old.deleted_at, $1 {changed}
        """,
        [stored_instant(at)],
    )
    query = f"SELECT contact_id FROM subscriptions WHERE list_id IN (SELECT old.id {changed})"
    cursor.execute(f"INSERT INTO touched {query}")


def _insert(cursor: duckdb.DuckDBPyConnection, rows: str, at: datetime) -> None:
    cursor.execute(
        f"""
        INSERT INTO timeline
            (contact_id, kind, entity_type, entity_id, operation, changes, occurred_at, ingested_at, sequence)
        SELECT *, $1, $1, (SELECT coalesce(max(sequence), 0) FROM timeline) + row_number() OVER () FROM ({rows})
        """,
        [stored_instant(at)],
    )


def _part(name: str, column_type: str) -> str:
    """The member of the changes that says what became of one column, NULL where it is the same, as SQL."""
    old, new = f'old."{name}"', f'r."{name}"'
    text = f"""'"{name}":{{"old":' || {_json(old, column_type)} || ',"new":' || {_json(new, column_type)} || '}}'"""
    return f"CASE WHEN {old} IS DISTINCT FROM {new} THEN {text} END"


def _json(value: str, column_type: str) -> str:
    """A column's value as JSON text, as SQL."""
    if column_type == _JSON:
        return f"coalesce({value}, 'null')"
    if column_type == "TIMESTAMP":
        return f"coalesce(strftime({value}, '\"%Y-%m-%dT%H:%M:%S.%fZ\"'), 'null')"
    return f"coalesce(to_json({value})::VARCHAR, 'null')"
