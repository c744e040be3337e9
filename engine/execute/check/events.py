"""Invariants of what happened: the timeline, custom events, lists and subscriptions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.definition.vocabulary import EVENT_NAME_PATTERN, GOAL_TYPES, KIND_PATTERN, SUBSCRIPTION_STATUSES
from engine.execute.check.found import Found, Reading
from engine.storage.custom_fields import CustomFieldType

_JSON_COLUMNS = {
    "contacts": ("custom_json_1", "custom_json_2", "custom_json_3", "custom_json_4", "custom_json_5", "profile"),
    "timeline": ("properties", "changes"),
    "custom_events": ("properties",),
    "segments": ("definition",),
    "settings": ("value",),
}


def event_ids_are_unique(reading: Reading) -> Found:
    """No two entries of the timeline have one id."""
    # Sorting hashes takes a third of the time and a tenth of the memory of grouping the ids.
    hashes = _column(reading, "SELECT hash(id) FROM timeline WHERE id IS NOT NULL")
    twice = _twice(hashes)
    if not twice.size:
        return Found(0, ())
    suspects = ", ".join(map(str, twice.tolist()))
    return reading.found(
        f"""
        SELECT 'event ' || id || ' is there ' || count(*) || ' times' FROM timeline
        WHERE id IS NOT NULL AND hash(id) IN ({suspects}) GROUP BY id HAVING count(*) > 1
        """
    )


def timeline_is_numbered(reading: Reading) -> Found:
    """Every entry of the timeline has a number of its own, an instant, and a contact."""
    twice = _twice(_column(reading, "SELECT sequence FROM timeline WHERE sequence IS NOT NULL"))
    blanks = reading.found(
        """
        SELECT count(*) || ' entries without a number, an instant or a contact' FROM timeline
        WHERE sequence IS NULL OR occurred_at IS NULL OR contact_id IS NULL HAVING count(*) > 0
        """
    )
    numbers = [f"number {number} is there several times" for number in twice.tolist()]
    return Found.of([*numbers, *blanks.examples])


def custom_event_versions_are_unique(reading: Reading) -> Found:
    """A custom event has one version at an instant."""
    return reading.found(
        """
        SELECT event_name || ' ' || external_id || ' at ' || occurred_at || ' is there ' || count(*) || ' times'
        FROM custom_events GROUP BY event_name, external_id, occurred_at HAVING count(*) > 1
        """
    )


def custom_events_know_what_superseded_them(reading: Reading) -> Found:
    """A version of a custom event has the instant of the next one."""
    return reading.found(
        """
        SELECT event_name || ' ' || external_id || ' at ' || occurred_at || ' says '
            || coalesce('superseded at ' || superseded_at, 'never superseded')
        FROM (SELECT *, lead(occurred_at) OVER (
                  PARTITION BY event_name, external_id ORDER BY occurred_at) AS next_at FROM custom_events)
        WHERE superseded_at IS DISTINCT FROM next_at
        """
    )


def lists_are_unique(reading: Reading) -> Found:
    """No two lists have one id."""
    return reading.found("SELECT 'list ' || id || ' is there twice' FROM lists GROUP BY id HAVING count(*) > 1")


def subscriptions_are_of_lists(reading: Reading) -> Found:
    """Subscriptions, and what must be mailed, are of lists that are there, deleted ones included."""
    tables = [name for name, columns in reading.columns.items() if "list_id" in columns]
    return reading.found_by(
        [
            f"""
            SELECT '{table}: ' || count(*) || ' rows of list ' || coalesce(t.list_id, 'NULL')
            FROM {table} AS t ANTI JOIN lists AS l ON l.id = t.list_id
            {"" if table == "subscriptions" else "WHERE t.list_id IS NOT NULL"} GROUP BY t.list_id
            """
            for table in tables
        ]
    )


def subscriptions_are_unique(reading: Reading) -> Found:
    """A contact has one subscription to a list."""
    return reading.found(
        """
        SELECT 'contact ' || contact_id || ' on list ' || list_id || ' is there ' || count(*) || ' times'
        FROM subscriptions GROUP BY contact_id, list_id HAVING count(*) > 1
        """
    )


def words_are_in_the_vocabulary(reading: Reading) -> Found:
    """Statuses, kinds, names of events, types of goals and fields are words that there are."""
    event_name = _quoted(EVENT_NAME_PATTERN)
    checks = [
        ("subscriptions", "status", f"status NOT IN ({_quoted_list(SUBSCRIPTION_STATUSES)}) OR status IS NULL"),
        ("custom_events", "goal_type", f"goal_type NOT IN ({_quoted_list(GOAL_TYPES)})"),
        ("custom_events", "event_name", f"NOT coalesce(regexp_full_match(event_name, {event_name}), false)"),
        ("timeline", "kind", f"NOT coalesce(regexp_full_match(kind, {_quoted(KIND_PATTERN)}), false)"),
        ("custom_fields", "type", f"type NOT IN ({_quoted_list(tuple(CustomFieldType))})"),
    ]
    return reading.found_by(
        [
            f"""
            SELECT '{table}: {column} ' || coalesce({column}, 'NULL')
            FROM (SELECT DISTINCT {column} FROM {table}) WHERE {is_wrong}
            """
            for table, column, is_wrong in checks
        ]
    )


def json_is_json(reading: Reading) -> Found:
    """What is kept as JSON can be read as JSON."""
    custom = reading.cursor.execute("SELECT DISTINCT key FROM custom_fields WHERE type = 'json'").fetchall()
    columns = {**_JSON_COLUMNS, "contacts": (*_JSON_COLUMNS["contacts"], *(key for (key,) in custom))}
    return reading.found_by(
        [
            f"""SELECT '{table}.{name}: ' || "{name}"[:80] FROM {table} WHERE NOT json_valid("{name}")"""
            for table, names in columns.items()
            for name in names
            if name in reading.columns[table]
        ]
    )


def workspace_is_one(reading: Reading) -> Found:
    """There is one row that says what the workspace is, and no setting twice."""
    return reading.found_by(
        [
            "SELECT 'workspace has ' || count(*) || ' rows' FROM workspace HAVING count(*) <> 1",
            "SELECT 'setting ' || name || ' is there twice' FROM settings GROUP BY name HAVING count(*) > 1",
        ]
    )


def _column(reading: Reading, query: str) -> npt.NDArray[np.generic]:
    """The one column of a query; it has no NULL."""
    values: npt.NDArray[np.generic] = reading.cursor.sql(query).to_arrow_table().column(0).to_numpy()
    return values


def _twice(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The values that are there more than once, each once."""
    ordered = np.sort(values)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted_list(values: tuple[str, ...]) -> str:
    return ", ".join(map(_quoted, values))
