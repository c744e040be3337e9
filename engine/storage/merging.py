"""Bringing arrived rows into a store: new ones are added, changed ones replaced, equal ones left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from engine.definition.fields import CONTACT_FIELDS, JSON_FIELDS
from engine.storage.arriving_identities import drop_identities, insert_identities
from engine.storage.custom_fields import CustomFieldType, add_column, stored_fields
from engine.storage.import_journal import journal_contacts, journal_lists, journal_subscriptions
from engine.storage.import_touched import (
    begin_touching,
    end_touching,
    says_less_of_before,
    touch,
    touch_arriving,
    touch_counted_twice,
    touch_versions,
)
from engine.storage.instants import stored_instant
from engine.storage.loading import GIVEN, drop_events_counted_twice
from engine.storage.store import Store, begin_generation, history_begins
from engine.storage.subscription_rules import KEPT_BY_IMPORTS
from engine.storage.suppressed import drop_suppressed


@dataclass(frozen=True, slots=True)
class MergedRows:
    """What became of the arrived rows of one table."""

    new: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class _Table:
    """How rows of a table are told apart, and what they hold beside that.

    `partial`: a row gives some columns only; those that it does not give keep their value. `kept` are columns that no
    row gives. `numbered` rows have a sequence number, `dated` ones the instant at which they came in.
    """

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    partial: bool = False
    numbered: bool = True
    dated: bool = False
    kept: tuple[str, ...] = ()


_CONTACTS = _Table(
    "contacts",
    ("contact_id",),
    ("zone_id", "phone_is_valid", *CONTACT_FIELDS, "tags"),
    partial=True,
    numbered=False,
)
_DERIVED = {"zone_id": "timezone", "phone_is_valid": "phone"}
"""Columns that follow from another one: they are as given as it is."""

_LISTS = _Table(
    "lists",
    ("id",),
    ("name", "is_public", "is_double_optin", "deleted_at"),
    kept=(
        *("welcome_template_id", "unsubscribe_template_id", "confirmation_template_id"),
        *("description", "created_at", "updated_at"),
    ),
    partial=True,
)
_SUBSCRIPTIONS = _Table(
    "subscriptions", ("contact_id", "list_id"), ("status", "created_at"), kept=("updated_at",), partial=True
)
_TIMELINE = _Table(
    "timeline",
    ("id",),
    ("contact_id", "kind", "occurred_at", "template_id", "entity_type", "entity_id", "operation", "properties"),
    kept=("old_values", "original_contact_id"),
    dated=True,
)
_CUSTOM_EVENTS = _Table(
    "custom_events",
    ("event_name", "external_id", "occurred_at"),
    ("contact_id", "goal_type", "goal_name", "goal_value", "properties", "deleted_at"),
    kept=("original_contact_id",),
    dated=True,
)


def prepare_arrivals(arrived: Store, custom_fields: Mapping[str, CustomFieldType]) -> None:
    """Let an empty store take custom fields, and remember which columns its rows give."""
    with arrived.transaction() as cursor:
        for key, kind in custom_fields.items():
            add_column(cursor, key, kind)
        for table in (_CONTACTS, _LISTS, _SUBSCRIPTIONS):
            cursor.execute(f"ALTER TABLE {table.name} ADD COLUMN {GIVEN} VARCHAR")


def merge(
    store: Store,
    arrived: Store,
    *,
    columns: Mapping[str, Sequence[str]],
    custom_fields: Mapping[str, CustomFieldType],
    clock: Callable[[], datetime],
) -> dict[str, MergedRows]:
    """Bring all rows of a store that `attached` gave into this one, in one transaction; what became of them, by table.

    `columns` names, for each partial table, the column that each character of `given` speaks of. `custom_fields` are
    those that both stores have; `clock` says which instant it is once nobody else writes. The same rows once more
    change nothing.
    Raises: StoreError when memory or disk do not suffice; nothing is changed then.
    """
    merged: dict[str, MergedRows] = {}
    json_fields = {*JSON_FIELDS, *(key for key, kind in custom_fields.items() if kind is CustomFieldType.JSON)}
    source = f"{arrived.database}.main"
    with store.transaction() as cursor:
        ingested_at = clock()
        # Within the transaction: contacts may have been erased or merged while the files were read.
        drop_suppressed(store, arrived)
        _drop_known_custom_events(store, arrived)
        number_contacts(cursor, f"{source}.contacts")
        last_sequence = begin_touching(cursor)
        for table, rows in (
            (_contacts(cursor, custom_fields), _arrived_contacts(source)),
            (_LISTS, f"SELECT * FROM {source}.lists"),
            (_SUBSCRIPTIONS, _arrived_subscriptions(source)),
            # Of several versions at the same instant only the last one was ever seen.
            (
                _CUSTOM_EVENTS,
                f"{_with_contact_ids(source, 'custom_events')} WHERE r.superseded_at IS DISTINCT FROM r.occurred_at",
            ),
            (_TIMELINE, f"{_with_contact_ids(source, 'timeline')} WHERE r.id IS NOT NULL"),
        ):
            merged[table.name] = _merge_table(
                cursor, table, rows, columns.get(table.name, ()), json_fields, ingested_at
            )
        merged["timeline"] = _plus(merged["timeline"], _add_events_without_id(cursor, source, ingested_at))
        query = "UPDATE lists SET created_at = coalesce(created_at, $1), updated_at = $1 WHERE sequence > $2"
        cursor.execute(query, [stored_instant(ingested_at), last_sequence])
        is_less_known = False
        if touch_counted_twice(cursor):
            is_less_known = says_less_of_before(cursor, last_sequence)
            merged["timeline"] = _plus(merged["timeline"], MergedRows(changed=drop_events_counted_twice(cursor)))
        insert_identities(cursor, ingested_at)
        touch_versions(cursor)
        _supersede(cursor)
        if merged["contacts"].new or merged["subscriptions"].new or is_less_known:
            # Files do not say what was before.
            history_begins(cursor, stored_instant(ingested_at))
        if any(rows.new or rows.changed for rows in merged.values()):
            begin_generation(cursor)
        end_touching(cursor, last_sequence, ingested_at)
        for table_name in ("numbers", *(f"arriving_{name}" for name in merged)):
            cursor.execute(f"DROP TABLE {table_name}")
    return merged


def _contacts(cursor: duckdb.DuckDBPyConnection, custom_fields: Collection[str]) -> _Table:
    """The table of contacts with custom fields; those that are retired keep their values."""
    kept = tuple(item.key for item in stored_fields(cursor) if item.key not in custom_fields)
    return replace(_CONTACTS, values=(*_CONTACTS.values, *custom_fields), kept=kept)


def _drop_known_custom_events(store: Store, arrived: Store) -> None:
    """Take events out of the arrived timeline that this store has as custom events."""
    with arrived.transaction() as cursor:
        cursor.execute(
            f"""
            DELETE FROM timeline
            WHERE starts_with(kind, 'custom_event.') AND EXISTS (
                SELECT 1 FROM {store.database}.main.custom_events AS x
                WHERE 'custom_event.' || x.event_name = timeline.kind AND x.external_id = timeline.entity_id
            )
            """
        )


def number_contacts(cursor: duckdb.DuckDBPyConnection, arrived: str) -> None:
    """Temporary table `numbers`: the contact id in this store of every arrived contact; new ones get the next."""
    cursor.execute(
        f"""
        CREATE TEMP TABLE numbers AS
        WITH found AS (
            SELECT r.contact_id AS arrived_id, r.email, known.contact_id AS known_id
            FROM {arrived} AS r LEFT JOIN identities AS known ON known.identity = 'email:' || r.email
            WHERE r.given IS NOT NULL OR known.contact_id IS NOT NULL
        ),
        last AS (
            SELECT greatest((SELECT coalesce(max(contact_id), -1) FROM contacts),
                            (SELECT coalesce(max(contact_id), -1) FROM retired)) AS contact_id
        )
        SELECT arrived_id, email, known_id IS NULL AS is_new,
            coalesce(known_id, (SELECT contact_id FROM last)
                + row_number() OVER (PARTITION BY known_id IS NULL ORDER BY arrived_id))::INTEGER AS contact_id
        FROM found
        """
    )


def _arrived_contacts(source: str) -> str:
    """Contacts that were given, under their id in this store, with this store's number of their zone."""
    return f"""
        SELECT n.contact_id, coalesce(z.zone_id, 0)::SMALLINT AS zone_id,
            r.* EXCLUDE (contact_id, zone_id)
        FROM {source}.contacts AS r
        JOIN numbers AS n ON n.arrived_id = r.contact_id
        LEFT JOIN zones AS z ON z.name = r.timezone
        WHERE r.given IS NOT NULL
        -- A contact that has several e-mails may arrive under each; the last row counts.
        QUALIFY n.is_new OR row_number() OVER (PARTITION BY n.contact_id ORDER BY r.contact_id DESC) = 1
    """


def _with_contact_ids(source: str, table: str) -> str:
    return f"""
        SELECT n.contact_id, r.* EXCLUDE (contact_id)
        FROM {source}.{table} AS r JOIN numbers AS n ON n.arrived_id = r.contact_id
    """


def _arrived_subscriptions(source: str) -> str:
    """Subscriptions under the id of their contact, one per list.

    A contact may arrive under several e-mails: the last row counts.
    """
    return f"""
        {_with_contact_ids(source, "subscriptions")}
        QUALIFY row_number() OVER (PARTITION BY n.contact_id, r.list_id ORDER BY r.sequence DESC) = 1
    """


def _merge_table(
    cursor: duckdb.DuckDBPyConnection,
    table: _Table,
    rows: str,
    given_columns: Sequence[str],
    json_fields: Collection[str],
    ingested_at: datetime,
) -> MergedRows:
    """Merge the rows of one query, each with a key of its own.

    What is new or changed, as it is to stand, is kept in the temporary table `arriving_NAME`, unless the table was
    empty: then the rows are inserted as they are, and the temporary table holds none.
    """
    key, values = ", ".join(table.key), ", ".join(f'"{name}"' for name in table.values)
    ((is_empty,),) = cursor.execute(f"SELECT count(*) = 0 FROM (FROM {table.name} LIMIT 1)").fetchall()
    if is_empty:
        cursor.execute(f"CREATE TEMP TABLE arriving_{table.name} AS SELECT {key} FROM {table.name} LIMIT 0")
        superseded_at = ["superseded_at"] if table is _CUSTOM_EVENTS else []
        sequence = ["sequence"] if table.numbered else []
        names = ", ".join((key, values, *superseded_at, *sequence))
        new = _insert(cursor, table, names, f"SELECT {names} FROM ({rows})", ingested_at)
        if table is not _LISTS:
            touch(cursor, f"FROM {table.name}")
        return MergedRows(new)
    same_key = " AND ".join(f"old.{name} = r.{name}" for name in table.key)
    is_new = f"old.{table.key[0]} IS NULL"
    gives = {name: _gives(table, name, given_columns) for name in table.values}
    merged = ", ".join(
        f'CASE WHEN {is_new} OR {gives[name]} THEN r."{name}" ELSE old."{name}" END AS "{name}"'
        for name in table.values
    )
    merged += "".join(f", {_kept(table, name)}" for name in table.kept)
    differs = " OR ".join(f'({gives[name]} AND r."{name}" IS DISTINCT FROM old."{name}")' for name in table.values)
    cursor.execute(
        f"""
        CREATE TEMP TABLE arriving_{table.name} AS
        SELECT {", ".join(f"r.{name}" for name in table.key)}, {merged}, {is_new} AS is_new
        FROM ({rows}) AS r LEFT JOIN {table.name} AS old ON {same_key}
        WHERE {is_new} OR {differs}
        """
    )
    new, changed = _new_and_changed(cursor, table.name)
    if changed and table.name == _CONTACTS.name:
        compared = [name for name in table.values if name not in _DERIVED]
        journal_contacts(cursor, compared, ingested_at, json_fields=json_fields)
        drop_identities(cursor, ingested_at)
    if changed and table is _LISTS:
        journal_lists(cursor, ingested_at)
    if changed and table is _SUBSCRIPTIONS:
        journal_subscriptions(cursor, ingested_at)
        _date_statuses(cursor, ingested_at)
    if table is not _LISTS:
        touch_arriving(cursor, table.name, same_key)
    if changed:
        cursor.execute(
            f"DELETE FROM {table.name} AS old USING arriving_{table.name} AS r WHERE {same_key} AND NOT r.is_new"
        )
    if new or changed:
        names = ", ".join((key, values, *(f'"{name}"' for name in table.kept)))
        if table.numbered:
            rows = f"SELECT {names}, {_next_numbers(table)} AS sequence FROM arriving_{table.name}"
            _insert(cursor, table, f"{names}, sequence", rows, ingested_at)
        else:
            _insert(cursor, table, names, f"SELECT {names} FROM arriving_{table.name}", ingested_at)
    return MergedRows(new, changed)


def _kept(table: _Table, name: str) -> str:
    """The value of a column that no row gives, as SQL."""
    if name == "original_contact_id":  # whose an event was first says nothing once it is another contact's
        return f"CASE WHEN old.contact_id = r.contact_id THEN old.{name} END AS {name}"
    return f'old."{name}"'


def _date_statuses(cursor: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """Let known subscriptions in `arriving_subscriptions` know since when they have another status."""
    cursor.execute(
        """
        UPDATE arriving_subscriptions AS r SET updated_at = $1 FROM subscriptions AS old
        WHERE old.contact_id = r.contact_id AND old.list_id = r.list_id AND old.status <> r.status
        """,
        [stored_instant(at)],
    )


def _gives(table: _Table, name: str, given_columns: Sequence[str]) -> str:
    """Whether a row gives a column, as SQL."""
    if not table.partial:
        return "true"
    if table.name == _CONTACTS.name and name == "email":
        return "false"  # it named the contact, perhaps as one of several e-mails
    position = given_columns.index(_DERIVED.get(name, name)) + 1
    is_given = f"coalesce(r.{GIVEN}[{position}] = '1', false)"
    if table is _SUBSCRIPTIONS and name == "status":
        kept = ", ".join(f"'{status}'" for status in sorted(KEPT_BY_IMPORTS))
        return f"({is_given} AND old.status NOT IN ({kept}))"
    return is_given


def _insert(cursor: duckdb.DuckDBPyConnection, table: _Table, names: str, rows: str, ingested_at: datetime) -> int:
    """Insert the rows of a query; how many there were. Those of one contact lie together, and are found at once."""
    if not table.dated:
        return _count(cursor, f"INSERT INTO {table.name} ({names}) {rows}")
    dated = f"SELECT *, TIMESTAMP '{stored_instant(ingested_at).isoformat(sep=' ')}' FROM ({rows}) ORDER BY contact_id"
    return _count(cursor, f"INSERT INTO {table.name} ({names}, ingested_at) {dated}")


def _next_numbers(table: _Table) -> str:
    return f"(SELECT coalesce(max(sequence), 0) FROM {table.name}) + row_number() OVER ()"


def _add_events_without_id(cursor: duckdb.DuckDBPyConnection, source: str, ingested_at: datetime) -> MergedRows:
    """Timeline events without an id are told apart by all that they hold.

    Of equal ones the store keeps as many as arrived together at most: the same file twice adds nothing.
    """
    names = ", ".join(_TIMELINE.values)
    rows = f"""
        SELECT {names}, {_next_numbers(_TIMELINE)}
        FROM (
            SELECT {names} FROM ({_with_contact_ids(source, "timeline")} WHERE r.id IS NULL)
            EXCEPT ALL
            SELECT {names} FROM timeline WHERE id IS NULL
        )
    """
    return MergedRows(new=_insert(cursor, _TIMELINE, f"{names}, sequence", rows, ingested_at))


def _supersede(cursor: duckdb.DuckDBPyConnection) -> None:
    """Give the versions of the custom events that arrived the instant at which the next version takes over."""
    cursor.execute(
        """
        UPDATE custom_events SET superseded_at = versions.next_at
        FROM (
            SELECT x.rowid AS id, lead(x.occurred_at) OVER (
                PARTITION BY x.event_name, x.external_id ORDER BY x.occurred_at) AS next_at
            FROM custom_events AS x SEMI JOIN arriving_custom_events AS r
                ON r.event_name = x.event_name AND r.external_id = x.external_id
        ) AS versions
        WHERE versions.id = custom_events.rowid AND custom_events.superseded_at IS DISTINCT FROM versions.next_at
        """
    )


def _new_and_changed(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    query = f"SELECT count(*) FILTER (is_new), count(*) FILTER (NOT is_new) FROM arriving_{table}"
    ((new, changed),) = cursor.execute(query).fetchall()
    return int(new), int(changed)


def _count(cursor: duckdb.DuckDBPyConnection, statement: str) -> int:
    """Run an INSERT; how many rows it wrote."""
    ((count,),) = cursor.execute(statement).fetchall()
    return int(count)


def _plus(one: MergedRows, other: MergedRows) -> MergedRows:
    return MergedRows(one.new + other.new, one.changed + other.changed)
