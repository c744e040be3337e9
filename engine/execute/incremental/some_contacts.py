"""A store with some of its contacts alone, for one cursor: so that asking about a few costs little."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from weakref import ref

import duckdb
import numpy as np
import pyarrow as pa

from engine.definition import Segment
from engine.definition.tree import (
    EVENT_PROPERTIES,
    CountCondition,
    CountInEachCondition,
    EventTimeCondition,
    Filter,
    GoalCondition,
    IdentityCondition,
    ListCondition,
    PropertyCondition,
    SelectedEvents,
    SequenceCondition,
    TagCondition,
)
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.definition.walk import walk
from engine.execute.contact_set import ContactIds
from engine.storage import Store
from engine.storage.connection import is_open
from engine.storage.history import Moment

FEW = 100
"""So many are told to DuckDB in the statement: handing it a table takes longer."""

MOST_ROWS = 20_000
"""After so many rows the tables are made anew: rows that were deleted are still passed over by every scan."""

_CANDIDATES = "candidates"


@dataclass(slots=True)
class Asked:
    """What segments ask for: columns of contacts, kinds of events, and tables beside."""

    contact_columns: set[str] = field(default_factory=lambda: {"zone_id"})
    kinds: set[str] = field(default_factory=set)
    has_properties: bool = False
    has_goals: bool = False
    has_subscriptions: bool = False
    has_identities: bool = False

    @classmethod
    def by(cls, segments: Iterable[Segment]) -> Asked:
        """What evaluating the segments reads."""
        asked = cls()
        for segment in segments:
            for node in walk(segment.tree):
                match node:
                    case Filter():
                        asked.contact_columns.add(node.subject.field_name)
                    case TagCondition():
                        asked.contact_columns.add("tags")
                    case IdentityCondition():
                        asked.contact_columns |= {"email", "external_id", "phone_is_valid"}
                        asked.has_identities = True
                    case ListCondition():
                        asked.has_subscriptions = True
                    case CountCondition() | CountInEachCondition() | EventTimeCondition():
                        asked._ask_for(node.events)
                    case PropertyCondition():
                        asked._ask_for(node.events)
                        asked.has_properties = True
                    case SequenceCondition():
                        for events in node.all_events:
                            asked._ask_for(events)
                        asked.has_properties = True
                    case GoalCondition():
                        asked.has_goals = True
        asked.contact_columns.discard(EVENT_PROPERTIES)  # of a filter on events
        return asked

    def _ask_for(self, events: SelectedEvents) -> None:
        self.kinds.add(events.kind)
        self.has_properties |= events.event_filter is not None or events.kind.startswith(CUSTOM_EVENT_PREFIX)


class SomeContacts:
    """Tables of the names of the real ones, which hold some contacts alone, and statements prepared to read them.

    They are temporary, in a cursor that is kept. Whoever computes uses them alone: see `Store.computing`.
    """

    def __init__(self, store: Store, asked: Asked) -> None:
        self._store, self._parts = ref(store), _parts(asked)
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._prepared: set[str] = set()
        self._row_count = 0
        self._is_in_snapshot = False

    def hold(self, moment: Moment, contact_ids: ContactIds) -> Moment:
        """The moment with these contacts alone, numbered from 0 on in order of their ids; it sees what is asked, only.

        `contact_ids` are ascending. A contact that is no more has no row.
        """
        if self._row_count > MOST_ROWS and not self._is_in_snapshot:
            self.close()
        cursor = self._open()
        cursor.execute(f"DELETE FROM {_CANDIDATES}")
        if len(contact_ids) <= FEW:
            pairs = ", ".join(f"({contact_id}, {number})" for number, contact_id in enumerate(contact_ids.tolist()))
            cursor.execute(f"INSERT INTO {_CANDIDATES} VALUES {pairs}")
        else:
            numbers = np.arange(len(contact_ids), dtype=np.int32)
            cursor.register("candidate_rows", pa.table({"contact_id": contact_ids, "number": numbers}))
            try:
                cursor.execute(f"INSERT INTO {_CANDIDATES} FROM candidate_rows")
            finally:
                cursor.unregister("candidate_rows")
        for name in self._parts:
            cursor.execute(f"EXECUTE empty_{name}")
            ((count,),) = cursor.execute(f"EXECUTE fill_{name}").fetchall()
            self._row_count += count
        return replace(moment, cursor=cursor, capacity=len(contact_ids), has_all_ids=False)

    @contextmanager
    def snapshot(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The cursor, in a transaction: what it reads in the block is of the state in which the block begins."""
        if self._row_count > MOST_ROWS:
            self.close()
        cursor = self._open()
        cursor.execute("BEGIN")
        try:
            cursor.execute("FROM workspace").fetchall()  # the first read settles what is seen
            self._is_in_snapshot = True
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            self.close()  # what was made in the transaction is gone
            raise
        finally:
            self._is_in_snapshot = False

    def prepare(self, name: str, statement: str) -> None:
        """Prepare a statement with parameters, under a name that stands for nothing else."""
        if name not in self._prepared:
            self._open().execute(f"PREPARE {name} AS {statement}")
            self._prepared.add(name)

    def make(self, statement: str) -> None:
        """Make a table that others of the statements read."""
        self._open().execute(statement)

    def rows(self, statement: str) -> pa.Table:
        """All rows of a statement over what is held."""
        rows: pa.Table = self._open().sql(statement).to_arrow_table()
        return rows

    def close(self) -> None:
        """Give the cursor back."""
        if self._cursor is not None:
            self._cursor.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        """The cursor, with the tables and the statements that fill them."""
        if self._cursor is not None and is_open(self._cursor):
            return self._cursor
        self._prepared.clear()
        self._row_count = 0
        store = self._store()
        assert store is not None  # whoever asks has it
        cursor, tables = store.kept_cursor(), f"{store.database}.main"
        cursor.execute(f"CREATE TEMP TABLE {_CANDIDATES} (contact_id INTEGER, number INTEGER)")
        for name, (columns, where) in self._parts.items():
            selected = "".join(f', t."{column}"' for column in columns)
            rows = f"""
                SELECT c.number AS contact_id{selected}
                FROM {tables}.{name} AS t JOIN {_CANDIDATES} AS c USING (contact_id) {where}
            """
            cursor.execute(f"CREATE TEMP TABLE {name} AS {rows} LIMIT 0")
            cursor.execute(f"PREPARE empty_{name} AS DELETE FROM temp.{name}")
            cursor.execute(f"PREPARE fill_{name} AS INSERT INTO temp.{name} {rows}")
        self._cursor = cursor
        return cursor


def _parts(asked: Asked) -> Mapping[str, tuple[Sequence[str], str]]:
    """The tables that are read, with their columns beside the contact, and which rows are enough."""
    properties = [EVENT_PROPERTIES] if asked.has_properties else []
    names = [kind.removeprefix(CUSTOM_EVENT_PREFIX) for kind in asked.kinds if kind.startswith(CUSTOM_EVENT_PREFIX)]
    parts: dict[str, tuple[Sequence[str], str]] = {"contacts": (sorted(asked.contact_columns), "")}
    if asked.kinds:
        columns = ["kind", "occurred_at", "template_id", *properties]
        parts["timeline"] = (columns, f"WHERE kind IN ({_texts(asked.kinds)})")
    if names or asked.has_goals:
        columns = ["event_name", "occurred_at", "deleted_at", "superseded_at", *properties]
        goals = ["goal_type", "goal_name", "goal_value"] if asked.has_goals else []
        is_asked = [f"event_name IN ({_texts(names)})"] if names else []
        is_asked += ["goal_type IS NOT NULL"] if goals else []
        parts["custom_events"] = ([*columns, *goals], f"WHERE {' OR '.join(is_asked)}")
    if asked.has_subscriptions:
        parts["subscriptions"] = (["list_id", "status"], "")
    if asked.has_identities:
        parts["identities"] = (["identity"], "")
    return parts


def _texts(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
