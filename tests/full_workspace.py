"""Workspaces with rows in every table, and all rows of a workspace to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import populace
from ingest.workspace import Workspace
from tests.cases.world import AS_OF, WORLD
from tests.definitions import events, field, on_list, segment
from tests.engine_under_test import write_dataset

SEGMENTS = [
    segment(events("open_email", "at_least", 1, "in_the_last_days", "30"), "openers", "contact"),
    segment(field("country", "equals", "US"), "americans"),
    segment(on_list("news"), "readers"),
]

REST = (
    """INSERT INTO custom_fields VALUES
        ('shoe_size', 'Shoe size', 'number', TIMESTAMP '2026-01-01', NULL),
        ('born', 'Birthday', 'date', TIMESTAMP '2026-01-02', NULL),
        ('pet Rex', 'Pet', 'json', TIMESTAMP '2026-01-03', TIMESTAMP '2026-02-01'),
        ('is_vip', 'VIP', 'boolean', TIMESTAMP '2026-01-04', NULL),
        ('seen_at', 'Seen', 'datetime', TIMESTAMP '2026-01-05', NULL)""",
    "ALTER TABLE contacts ADD COLUMN shoe_size DOUBLE",
    "ALTER TABLE contacts ADD COLUMN born DATE",
    'ALTER TABLE contacts ADD COLUMN "pet Rex" VARCHAR',
    "ALTER TABLE contacts ADD COLUMN is_vip BOOLEAN",
    "ALTER TABLE contacts ADD COLUMN seen_at TIMESTAMP",
    """UPDATE contacts SET shoe_size = 0.1, born = DATE '1990-02-28', "pet Rex" = '{"a": 1}', is_vip = true,
        seen_at = TIMESTAMP '1969-12-31 23:59:59.999999', tags = ['vip', 'ÿ,"'], profile = '{"k": null}',
        external_id = 'x-0', phone = '+4915112345678', phone_is_valid = true WHERE contact_id = 0""",
    "INSERT INTO identities VALUES ('external_id:x-0', 0), ('phone:+4915112345678', 0), ('push:p1', 1)",
    """INSERT INTO timeline (contact_id, kind, occurred_at, sequence, changes)
        SELECT 0, 'contact.updated', TIMESTAMP '2026-04-30 23:59:59.999999', max(sequence) + 1,
            '{"country": {"old": null, "new": "US"}}' FROM timeline""",
    "INSERT INTO tags VALUES ('vip', '#ff0000', TIMESTAMP '2026-01-01')",
    """INSERT INTO retired VALUES
        (5, 0, TIMESTAMP '2026-05-01', '{"email": "old@x.example"}'), (6, NULL, TIMESTAMP '2026-05-02', NULL)""",
    "INSERT INTO earlier_identities VALUES (1, 'push:p1', 0, TIMESTAMP '2026-05-01'), (2, 'push:p0', NULL, NULL)",
    "INSERT INTO earlier_lists VALUES (1, 'news', NULL, TIMESTAMP '2026-05-01')",
    "INSERT INTO outbox (sequence, mail, contact_id, list_id, created_at) "
    "VALUES (1, 'welcome', 0, 'news', TIMESTAMP '2026-05-01')",
    "INSERT INTO suppressed VALUES ('00ff', TIMESTAMP '2026-05-02')",
    "INSERT INTO anonymous_totals VALUES ('open_email', DATE '2026-05-01', 7)",
    "INSERT INTO touched VALUES (3)",
    """INSERT INTO mail_templates VALUES
        ('hello', 'Hello', 'Hello {{ contact.first_name }}', '<p>Hello</p>', NULL, TIMESTAMP '2026-05-01',
        TIMESTAMP '2026-05-01')""",
    """INSERT INTO file_imports (id, name, path, file_bytes, settings, is_dry_run, state, bytes_done, row_count)
        VALUES ('i1', 'a.csv', '', 10, '{"columns": []}', false, 'done', 10, 1)""",
    """INSERT INTO webhooks VALUES ('w1', 'Ours', 'https://shop.example/hook', 'whsec_c2VjcmV0', NULL, NULL,
        ['contact.*'], '{}', true, TIMESTAMP '2026-05-01', TIMESTAMP '2026-05-01')""",
    "INSERT INTO webhook_progress VALUES ('w1', 1, 1, 2)",
    """INSERT INTO webhook_outbox VALUES
        (2, 'contact.updated', 0, TIMESTAMP '2026-05-01', TIMESTAMP '2026-05-01', '{"kind": "contact.updated"}')""",
    """INSERT INTO webhook_deliveries (webhook_id, number, message_id, type, contact_id, status, attempt_count, payload)
        VALUES ('w1', 1, 'msg_1', 'contact.updated', 0, 'waiting', 1, '{"data": {}}')""",
)


def fill(workspace: Workspace, scratch: Path) -> None:
    """Rows in every table of the latest schema, as the writers would leave them."""
    (scratch / "data").mkdir()
    write_dataset(WORLD, scratch / "data")
    workspace.import_dataset(scratch / "data")
    workspace.apply([populace.read_segment(item) for item in SEGMENTS])
    workspace.recompute(AS_OF)
    run(workspace, *REST)


def run(workspace: Workspace, *statements: str) -> None:
    """Change the store by SQL, past all rules, as if a bug had."""
    with workspace._store.transaction() as cursor:
        for statement in statements:
            cursor.execute(statement)


def all_rows(workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, sorted."""
    rows = {}
    for table, columns in types_of_columns(workspace).items():
        names = ", ".join(f'"{name}"' for name in columns)
        found = workspace._store.rows(f"SELECT {names} FROM {table}")
        rows[table] = sorted((dict(sorted(zip(columns, row, strict=True))) for row in found), key=repr)
    return rows


def types_of_columns(workspace: Workspace) -> dict[str, dict[str, str]]:
    """The columns of each table with their SQL types; found otherwise than a snapshot finds them."""
    tables = [table for (table,) in workspace._store.rows("SHOW TABLES")]
    return {table: {row[0]: row[1] for row in workspace._store.rows(f"DESCRIBE {table}")} for table in tables}


def keys_of(workspace: Workspace) -> list[tuple[str, list[str]]]:
    """The primary keys."""
    return workspace._store.rows(
        """SELECT table_name, constraint_column_names FROM duckdb_constraints()
        WHERE constraint_type = 'PRIMARY KEY' AND database_name = current_database() ORDER BY ALL"""
    )
