"""Subscriptions as they were: later changes of status undone, those of merged contacts back."""

from __future__ import annotations

from datetime import datetime

import duckdb

from engine.storage.history.later import LATER


def rewind_subscriptions(cursor: duckdb.DuckDBPyConnection, tables: str, at: datetime, *, is_known: bool) -> None:
    """Let the cursor see subscriptions as they were. Columns: contact_id, list_id, status, created_at.

    `created_at` is NULL where the subscription is no more. Where history is not known (`is_known`), a subscription of
    which no entry speaks was there from its `created_at` on. It comes after `rewind_contacts`.
    """
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE earlier_subscriptions AS
        WITH merges AS (
            SELECT contact_id, sequence, unnest(json_keys(old_values, '$.subscriptions')) AS list_id, old_values
            FROM {LATER} WHERE kind = 'contact.merged'
        ),
        said AS (
            SELECT contact_id, entity_id AS list_id, sequence, json_extract(changes, '$.status.old')::VARCHAR AS old
            FROM {LATER} WHERE entity_type = 'list' AND changes IS NOT NULL
            UNION ALL
            SELECT contact_id, list_id, sequence,
                json_extract(old_values, '$.subscriptions."' || list_id || '"')::VARCHAR
            FROM merges
        ),
        of_merged AS (
            SELECT contact_id, list_id, json_extract(last_row, '$.subscriptions."' || list_id || '"')::VARCHAR AS last
            FROM (
                SELECT contact_id, last_row, unnest(json_keys(last_row, '$.subscriptions')) AS list_id
                FROM retired WHERE retired_at > $1
            )
        ),
        first AS (SELECT contact_id, list_id, arg_min(old, sequence) AS old FROM said GROUP BY ALL)
        SELECT contact_id, list_id, coalesce(first.old, of_merged.last)::JSON ->> '$' AS status
        FROM first FULL JOIN of_merged USING (contact_id, list_id)
        """,
        [at],
    )
    was_there = "true" if is_known else f"(s.created_at IS NULL OR s.created_at <= TIMESTAMP '{at.isoformat(sep=' ')}')"
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW subscriptions AS
        SELECT s.contact_id, s.list_id, s.status, s.created_at
        FROM {tables}.subscriptions AS s ANTI JOIN earlier_subscriptions USING (contact_id, list_id)
        WHERE {was_there}
        UNION ALL
        SELECT e.contact_id, e.list_id, e.status, s.created_at
        FROM earlier_subscriptions AS e LEFT JOIN {tables}.subscriptions AS s USING (contact_id, list_id)
        WHERE e.status IS NOT NULL
        """
    )
