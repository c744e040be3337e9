"""Bringing a part of a file of contacts into a store, straight from memory, in one transaction.

Beside `merging`, which takes all tables at once from a store of their own, this one takes rows of contacts, which may
give some columns only, adds tags to those that there are, and puts contacts on lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from engine.definition.fields import JSON_FIELDS
from engine.definition.vocabulary import E164_PATTERN
from engine.storage.arriving_identities import drop_identities, insert_identities
from engine.storage.custom_fields import CustomFieldType
from engine.storage.import_journal import journal_contacts, journal_subscriptions
from engine.storage.import_touched import begin_touching, end_touching, touch
from engine.storage.instants import stored_instant
from engine.storage.loading import GIVEN
from engine.storage.merging import number_contacts
from engine.storage.store import Store, begin_generation, history_begins
from engine.storage.subscription_rules import KEPT_BY_IMPORTS
from engine.storage.suppressed import suppressed_among

ARRIVED_ID = "contact_id"
_CONTACTS, _SUBSCRIPTIONS = "incoming_contacts", "incoming_subscriptions"
_DERIVED: Mapping[str, tuple[str, str]] = {
    "phone_is_valid": ("phone", f"regexp_full_match(r.phone, '{E164_PATTERN}')"),
    "zone_id": ("timezone", "coalesce(z.zone_id, 0)::SMALLINT"),
}
"""Columns that follow from another one: which, and how."""


@dataclass(frozen=True, slots=True)
class IncomingContacts:
    """Contacts, each e-mail once, and the lists that they go on.

    Columns of `contacts`: contact_id (any number of its own), email, given (a character per name of `columns`, `1`
    where the row gives it), and `columns`. Columns of `subscriptions`: contact_id (the same number), list_id, status.
    """

    contacts: pa.Table
    columns: Sequence[str]
    subscriptions: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class MergedContacts:
    """How many contacts are new, and how many other than before; how many belong to who was erased for good."""

    new_count: int
    changed_count: int
    erased_count: int


def merge_contacts(
    store: Store,
    incoming: IncomingContacts,
    *,
    custom_fields: Mapping[str, CustomFieldType],
    clock: Callable[[], datetime],
    also: Callable[[duckdb.DuckDBPyConnection, MergedContacts], None],
) -> MergedContacts:
    """Bring contacts in. What a row does not give stays as it is; tags come to those that there are.

    New contacts are created now, if they do not say when; changed ones were updated now, if they do not say when. Who
    refused mails of a list stays off it. `also` is called within the transaction. The same rows once more change
    nothing.
    Raises: StoreError when memory or disk do not suffice; nothing is changed then.
    """
    with store.transaction() as cursor:
        at = clock()
        emails: list[str] = incoming.contacts.column("email").to_pylist()  # type: ignore[assignment]  # none is null
        erased = suppressed_among(store, emails)  # perhaps while the file was read
        cursor.register(_CONTACTS, incoming.contacts)
        cursor.execute("CREATE TEMP TABLE erased AS SELECT unnest($1::VARCHAR[]) AS email", [erased])
        number_contacts(cursor, f"(FROM {_CONTACTS} ANTI JOIN erased USING (email))")
        last_sequence = begin_touching(cursor)
        merge = _Merge(cursor, incoming.columns, custom_fields, at)
        new_count = merge.insert_new()
        if incoming.subscriptions is not None:
            cursor.register(_SUBSCRIPTIONS, incoming.subscriptions)
        subscribed_count = 0
        # A contact that has several e-mails may arrive under each: its rows count one after the other.
        for number in merge.rounds():
            merge.change_known(number)
            if incoming.subscriptions is not None:
                subscribed_count += merge.subscribe(number)
        ((changed_count,),) = cursor.execute("SELECT count(DISTINCT contact_id) FROM changed_contacts").fetchall()
        merge.identify()
        if new_count or subscribed_count:
            history_begins(cursor, stored_instant(at))  # files do not say what was before
        if new_count or changed_count or subscribed_count:
            begin_generation(cursor)
        end_touching(cursor, last_sequence, at)
        merged = MergedContacts(new_count, changed_count, len(erased))
        for table in ("erased", "numbers", "rounds", "changed_contacts"):
            cursor.execute(f"DROP TABLE {table}")
        also(cursor, merged)
        cursor.unregister(_CONTACTS)
        if incoming.subscriptions is not None:
            cursor.unregister(_SUBSCRIPTIONS)
    return merged


class _Merge:
    """One merge, within its transaction. `numbers` says which contact each row is."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        columns: Sequence[str],
        custom_fields: Mapping[str, CustomFieldType],
        at: datetime,
    ) -> None:
        self._cursor, self._at = cursor, at
        self._now = f"TIMESTAMP '{stored_instant(at).isoformat(sep=' ')}'"
        self._gives = {
            name: f"coalesce(r.{GIVEN}[{place}] = '1', false)"
            for place, name in enumerate(columns, start=1)
            if name != "email"
        }
        self._gives |= {name: self._gives[of] for name, (of, _) in _DERIVED.items() if of in self._gives}
        self._json = {*JSON_FIELDS, *(key for key, kind in custom_fields.items() if kind is CustomFieldType.JSON)}
        self._drops_identities = False

    def insert_new(self) -> int:
        """Add the contacts that nobody knows."""
        given = {"email": "r.email"} | {name: self._value(name) for name in self._gives}
        given |= {name: f"coalesce({given.get(name, 'NULL')}, {self._now})" for name in ("created_at", "updated_at")}
        given.setdefault("zone_id", "0::SMALLINT")
        columns = ", ".join(f'{value} AS "{name}"' for name, value in given.items())
        rows = f"FROM {_CONTACTS} AS r JOIN numbers AS n ON n.arrived_id = r.contact_id AND n.is_new {self._zones()}"
        count = self._count(f"INSERT INTO contacts BY NAME SELECT n.contact_id, {columns} {rows}")
        touch(self._cursor, "SELECT contact_id FROM numbers WHERE is_new")
        return count

    def rounds(self) -> range:
        """The rounds in which rows are taken, so that each contact comes once in each; known from table `rounds`."""
        self._cursor.execute(
            """
            CREATE TEMP TABLE rounds AS
            SELECT *, row_number() OVER (PARTITION BY contact_id ORDER BY arrived_id) AS round FROM numbers
            """
        )
        self._cursor.execute("CREATE TEMP TABLE changed_contacts (contact_id INTEGER)")
        ((last,),) = self._cursor.execute("SELECT coalesce(max(round), 0) FROM rounds").fetchall()
        return range(1, int(last) + 1)

    def change_known(self, number: int) -> None:
        """Give the known contacts of a round what their rows give; `changed_contacts` has whom that changes."""
        new = {name: f'CASE WHEN {gives} THEN {self._value(name)} ELSE old."{name}" END'
               for name, gives in self._gives.items()}  # fmt: skip
        if "tags" in new:
            had = "coalesce(old.tags, [])"
            added = f"list_filter(coalesce(r.tags, []), lambda tag: NOT list_contains({had}, tag))"
            new["tags"] = f"CASE WHEN len({added}) > 0 THEN list_concat({had}, {added}) ELSE old.tags END"
        differs = " OR ".join(f'({value}) IS DISTINCT FROM old."{name}"' for name, value in new.items()) or "false"
        if "updated_at" not in new:
            new["updated_at"] = self._now
        # All columns of the table, also of fields that are retired, or that somebody has just defined.
        values = ", ".join(f'{value} AS "{name}"' for name, value in new.items())
        cursor = self._cursor
        condition = f"n.round = {number} AND NOT n.is_new"
        # What is known of them, read once: of many contacts that takes as long as all the rest.
        known = f"SELECT n.contact_id FROM rounds AS n WHERE {condition}"
        cursor.execute(f"CREATE TEMP TABLE known_contacts AS FROM contacts WHERE contact_id IN ({known})")
        cursor.execute(
            f"""
            CREATE TEMP TABLE arriving_contacts AS
            SELECT old.* REPLACE ({values}), false AS is_new
            FROM {_CONTACTS} AS r JOIN rounds AS n ON n.arrived_id = r.contact_id AND {condition}
            JOIN known_contacts AS old ON old.contact_id = n.contact_id {self._zones()}
            WHERE {differs}
            """
        )
        ((count,),) = cursor.execute("SELECT count(*) FROM arriving_contacts").fetchall()
        if count:
            compared = [name for name in new if name not in _DERIVED]
            journal_contacts(cursor, compared, self._at, json_fields=self._json, before="known_contacts")
            for kind in ("external_id", "phone"):
                lost = "FROM arriving_contacts AS r JOIN known_contacts AS old USING (contact_id)"
                query = f"SELECT 1 {lost} WHERE r.{kind} IS NULL AND old.{kind} IS NOT NULL LIMIT 1"
                self._drops_identities |= bool(cursor.execute(query).fetchall())
            if self._drops_identities:
                drop_identities(cursor, self._at)
            touch(cursor, "SELECT contact_id FROM arriving_contacts")
            cursor.execute("INSERT INTO changed_contacts SELECT contact_id FROM arriving_contacts")
            cursor.execute("DELETE FROM contacts WHERE contact_id IN (SELECT contact_id FROM arriving_contacts)")
            cursor.execute("INSERT INTO contacts BY NAME SELECT * EXCLUDE (is_new) FROM arriving_contacts")
        for table in ("known_contacts", "arriving_contacts"):
            cursor.execute(f"DROP TABLE {table}")

    def subscribe(self, number: int) -> int:
        """Put the contacts of a round on lists, as their rows say; how many subscriptions are new or changed."""
        kept = ", ".join(f"'{status}'" for status in sorted(KEPT_BY_IMPORTS))
        cursor = self._cursor
        cursor.execute(
            f"""
            CREATE TEMP TABLE arriving_subscriptions AS
            SELECT n.contact_id, r.list_id, r.status, coalesce(old.created_at, {self._now}) AS created_at,
                CASE WHEN old.list_id IS NOT NULL THEN {self._now} END AS updated_at, old.list_id IS NULL AS is_new
            FROM {_SUBSCRIPTIONS} AS r JOIN rounds AS n ON n.arrived_id = r.contact_id AND n.round = {number}
            LEFT JOIN subscriptions AS old ON old.contact_id = n.contact_id AND old.list_id = r.list_id
            WHERE old.list_id IS NULL OR (old.status <> r.status AND old.status NOT IN ({kept}))
            """
        )
        ((count, changed),) = cursor.execute(
            "SELECT count(*), count(*) FILTER (NOT is_new) FROM arriving_subscriptions"
        ).fetchall()
        if changed:
            journal_subscriptions(cursor, self._at)
            cursor.execute(
                """
                DELETE FROM subscriptions AS old USING arriving_subscriptions AS r
                WHERE old.contact_id = r.contact_id AND old.list_id = r.list_id
                """
            )
        if count:
            cursor.execute(
                """
                INSERT INTO subscriptions BY NAME
                SELECT * EXCLUDE (is_new),
                    (SELECT coalesce(max(sequence), 0) FROM subscriptions) + row_number() OVER () AS sequence
                FROM arriving_subscriptions
                """
            )
            touch(cursor, "SELECT contact_id FROM arriving_subscriptions")
        cursor.execute("DROP TABLE arriving_subscriptions")
        return int(count)

    def identify(self) -> None:
        """Let contacts be known by what their rows say. What a contact gave up may be another one's from now on."""
        some = """(
            FROM contacts SEMI JOIN (
                SELECT contact_id FROM numbers WHERE is_new UNION ALL SELECT contact_id FROM changed_contacts
            ) USING (contact_id)
        )"""
        insert_identities(self._cursor, self._at, contacts="contacts" if self._drops_identities else some)

    def _value(self, name: str) -> str:
        """A column of a row, as SQL."""
        return _DERIVED[name][1] if name in _DERIVED else f'r."{name}"'

    def _zones(self) -> str:
        """What the value of a zone's number needs, as SQL."""
        return "LEFT JOIN zones AS z ON z.name = r.timezone" if "timezone" in self._gives else ""

    def _count(self, statement: str) -> int:
        ((count,),) = self._cursor.execute(statement).fetchall()
        return int(count)
