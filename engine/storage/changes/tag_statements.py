"""Tags of all contacts, changed by statements over the stored rows."""

from __future__ import annotations

import duckdb

from engine.storage.changes.change_set import ChangeSet

_OLD_VALUES = """
    json_object('tags', tags, 'updated_at', strftime(updated_at, '%Y-%m-%dT%H:%M:%S.%fZ'))::VARCHAR AS old_values
"""


def has_contacts(cursor: duckdb.DuckDBPyConnection, tag: str) -> bool:
    """Whether any stored contact has a tag."""
    query = "SELECT count(*) > 0 FROM (SELECT 1 FROM contacts WHERE list_contains(tags, $1) LIMIT 1)"
    ((found,),) = cursor.execute(query, [tag]).fetchall()
    return bool(found)


def tags_of_contacts(cursor: duckdb.DuckDBPyConnection) -> set[str]:
    """All tags that stored contacts have."""
    query = "SELECT DISTINCT unnest(tags) FROM contacts"
    return {name for (name,) in cursor.execute(query).fetchall()}


def replace_tag(changes: ChangeSet, old: str, new: str, *, kind: str, operation: str) -> None:
    """Let every stored contact that has a tag have another one in its place, once, with an entry of `kind` for each."""
    ids = _contacts_with(changes, old)
    changes.add_entries(
        f"""
        SELECT contact_id, $3, 'tag', $2, $4, json_object('tag', json_object('old', $1, 'new', $2))::VARCHAR,
            {_OLD_VALUES}
        FROM contacts WHERE list_contains(tags, $1)
        """,
        (old, new, kind, operation),
    )
    changes.execute(
        """
        UPDATE contacts
        SET updated_at = $3, tags = CASE
            WHEN list_contains(tags, $2) THEN list_filter(tags, lambda tag: tag <> $1)
            ELSE list_transform(tags, lambda tag: CASE WHEN tag = $1 THEN $2 ELSE tag END) END
        WHERE list_contains(tags, $1)
        """,
        (old, new, changes.now),
    )
    changes.touch(ids)


def remove_tag(changes: ChangeSet, name: str) -> None:
    """Take a tag from every stored contact that has it, with an entry `tag.removed` for each."""
    ids = _contacts_with(changes, name)
    changes.add_entries(
        f"""
        SELECT contact_id, 'tag.removed', 'tag', $1, 'delete', NULL::VARCHAR, {_OLD_VALUES}
        FROM contacts WHERE list_contains(tags, $1)
        """,
        (name,),
    )
    changes.execute(
        """
        UPDATE contacts
        SET updated_at = $2, tags = CASE WHEN len(tags) > 1 THEN list_filter(tags, lambda tag: tag <> $1) END
        WHERE list_contains(tags, $1)
        """,
        (name, changes.now),
    )
    changes.touch(ids)


def _contacts_with(changes: ChangeSet, tag: str) -> list[int]:
    rows = changes.cursor.execute("SELECT contact_id FROM contacts WHERE list_contains(tags, $1)", [tag]).fetchall()
    return [contact_id for (contact_id,) in rows]
