"""The rows of contacts as they were: later changes undone, merged contacts back, later contacts not there yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import duckdb

from engine.definition.fields import JSON_FIELDS
from engine.definition.vocabulary import E164_PATTERN
from engine.storage.custom_fields import CustomFieldType, stored_fields
from engine.storage.history.later import LATER

_DERIVED = ("contact_id", "zone_id", "phone_is_valid")


def rewind_contacts(cursor: duckdb.DuckDBPyConnection, tables: str, at: datetime, *, is_known: bool) -> None:
    """Let the cursor see contacts as they were; `tables` is the schema of the real ones.

    Where history is not known (`is_known`), a contact that no write created was there from its `created_at` on.
    """
    types = {row[0]: row[1] for row in cursor.execute(f"DESCRIBE {tables}.contacts").fetchall()}
    json_columns = {*JSON_FIELDS, *(f.key for f in stored_fields(cursor) if f.type is CustomFieldType.JSON)}
    typed = {name: _typed_sql(kind, is_json=name in json_columns) for name, kind in types.items()}
    _read_earlier_values(cursor, typed)
    _make_earlier_rows(cursor, tables, at, typed)
    names = ", ".join(f'"{name}"' for name in types)
    was_there = "true" if is_known else f"(created_at IS NULL OR created_at <= {_instant_sql(at)})"
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW contacts AS
        SELECT {names} FROM {tables}.contacts ANTI JOIN hidden_contacts USING (contact_id) WHERE {was_there}
        UNION ALL
        SELECT {names} FROM earlier_contacts WHERE {was_there}
        """
    )


def _read_earlier_values(cursor: duckdb.DuckDBPyConnection, columns: Collection[str]) -> None:
    """Temporary table `earlier_values`: of each contact and column that changed later, the JSON of its earlier value.

    It is what the first later entry replaced. What a new contact began with replaced nothing.
    """
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE earlier_values AS
        WITH replaced AS (
            SELECT contact_id, sequence, unnest(json_keys(changes)) AS name, changes AS said, '.old' AS place
            FROM {LATER} WHERE kind IN ('contact.updated', 'contact.merged') AND changes IS NOT NULL
            UNION ALL
            SELECT contact_id, sequence, unnest(json_keys(old_values)), old_values, '' FROM {LATER}
            WHERE old_values IS NOT NULL
        )
        SELECT contact_id, name, arg_min(json_extract(said, '$."' || name || '"' || place)::VARCHAR, sequence) AS old
        FROM replaced WHERE list_contains($1, name) GROUP BY contact_id, name
        """,
        [[name for name in columns if name not in _DERIVED]],
    )


def _make_earlier_rows(cursor: duckdb.DuckDBPyConnection, tables: str, at: datetime, typed: Mapping[str, str]) -> None:
    """Temporary tables of whole rows that were others, and of the ids that the real table is to hide.

    `earlier_contacts` has the rows; `hidden_contacts` their ids, and those of contacts that were not there yet.
    """
    changed = [name for (name,) in cursor.execute("SELECT DISTINCT name FROM earlier_values ORDER BY 1").fetchall()]
    stored = [name for name in typed if name not in _DERIVED]
    old = "".join(f""", any_value(old) FILTER (name = '{name}') AS "{name}" """ for name in changed)
    merged = ", ".join(
        f"""{typed[name].format(f"json_extract(last_row, '$.{chr(34)}{name}{chr(34)}')::VARCHAR")} AS "{name}" """
        for name in stored
    )
    values = ", ".join(
        f'CASE WHEN o."{name}" IS NULL THEN b."{name}" ELSE {typed[name].format(f"""o."{name}" """)} END AS "{name}"'
        if name in changed
        else f'b."{name}"'
        for name in stored
    )
    plain = ", ".join(f'c."{name}"' for name in stored)
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE created_later AS
        SELECT DISTINCT contact_id FROM {LATER} WHERE kind = 'contact.created' AND changes IS NOT NULL
        """
    )
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE earlier_contacts AS
        WITH old AS (SELECT contact_id{old} FROM earlier_values GROUP BY contact_id),
        latest AS (
            SELECT c.contact_id, {plain} FROM {tables}.contacts AS c SEMI JOIN old USING (contact_id)
            UNION ALL
            SELECT r.contact_id, {merged} FROM retired AS r WHERE r.retired_at > $1 AND r.last_row IS NOT NULL
        ),
        was AS (
            SELECT b.contact_id, {values}
            FROM latest AS b LEFT JOIN old AS o USING (contact_id) ANTI JOIN created_later USING (contact_id)
        )
        SELECT was.*, coalesce(z.zone_id, 0)::SMALLINT AS zone_id,
            regexp_full_match(was.phone, '{E164_PATTERN}') AS phone_is_valid
        FROM was LEFT JOIN zones AS z ON z.name = was.timezone
        """,
        [at],
    )
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE hidden_contacts AS
        SELECT contact_id FROM earlier_contacts UNION ALL SELECT contact_id FROM created_later
        """
    )


def _typed_sql(column_type: str, *, is_json: bool) -> str:
    """How JSON text (`{}`, SQL NULL for none) becomes the value of a column, as SQL."""
    if is_json:
        return "nullif({}, 'null')"
    if column_type == "VARCHAR":
        return "({}::JSON ->> '$')"
    if column_type == "VARCHAR[]":
        return "CAST({}::JSON AS VARCHAR[])"
    return f"CAST({{}}::JSON ->> '$' AS {column_type})"


def _instant_sql(at: datetime) -> str:
    return f"TIMESTAMP '{at.isoformat(sep=' ')}'"
