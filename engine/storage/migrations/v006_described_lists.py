"""Schema version 6: lists say what they are for, and since when they are there."""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE lists ADD COLUMN description VARCHAR",
    "ALTER TABLE lists ADD COLUMN created_at TIMESTAMP",
    "ALTER TABLE lists ADD COLUMN updated_at TIMESTAMP",
    # Of lists that are there already it is not known: not before the workspace.
    "UPDATE lists SET created_at = workspace.created_at, updated_at = workspace.created_at FROM workspace",
)
