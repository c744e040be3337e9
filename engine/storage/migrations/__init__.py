"""The schema of a store, as the migrations that make it: a new store runs them all, an older one those that it lacks.

A migration that was released is never changed; a change of the schema is one more file here, entered in `MIGRATIONS`.
"""

from __future__ import annotations

import duckdb

from engine.storage.migrations import (
    v001_first_tables,
    v002_writes,
    v003_history,
    v004_transitions,
    v005_kept_memberships,
    v006_described_lists,
    v007_webhooks,
    v008_mail_templates,
    v009_file_imports,
    v010_plain_identities,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    v001_first_tables.STATEMENTS,
    v002_writes.STATEMENTS,
    v003_history.STATEMENTS,
    v004_transitions.STATEMENTS,
    v005_kept_memberships.STATEMENTS,
    v006_described_lists.STATEMENTS,
    v007_webhooks.STATEMENTS,
    v008_mail_templates.STATEMENTS,
    v009_file_imports.STATEMENTS,
    v010_plain_identities.STATEMENTS,
)
"""The statements of each migration; the first one makes version 1."""


def latest_version() -> int:
    """The schema version that this populace reads and writes."""
    return len(MIGRATIONS)


def make_tables(cursor: duckdb.DuckDBPyConnection, version: int) -> None:
    """The tables of a schema version, in a database that has none; what migrations put into them is there, too."""
    for statements in MIGRATIONS[:version]:
        for statement in statements:
            cursor.execute(statement)


def migrate(cursor: duckdb.DuckDBPyConnection, version: int) -> None:
    """Bring the schema from `version` (0: no tables yet) to the latest, within the caller's transaction."""
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            cursor.execute(statement)
    cursor.execute("UPDATE workspace SET schema_version = $1", [latest_version()])
