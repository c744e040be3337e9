"""The contacts that a group of writes reads, changes, adds and removes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from engine.storage.arrow_rows import INCOMING, incoming

_ID = "contact_id"


class ContactRows:
    """Rows of contacts, whole, as the store has them and with what was changed since.

    Rows are kept as Arrow columns: a column becomes Python values only when one of them is asked for, and what nobody
    changed goes back as it came. Instants are naive datetimes in UTC.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, schema: pa.Schema, next_id: int) -> None:
        self._cursor, self._schema = cursor, schema
        self.next_id = next_id
        self._tables: list[pa.Table] = []
        self._places: dict[int, tuple[int, int]] = {}
        self._columns: list[_Columns] = []
        self._changed: dict[int, dict[str, Any]] = {}
        self._new: dict[int, dict[str, Any]] = {}
        self._removed: set[int] = set()

    @property
    def names(self) -> list[str]:
        """All columns but the id."""
        return [name for name in self._schema.names if name != _ID]

    @property
    def touched(self) -> set[int]:
        """The contacts that were added, changed or removed."""
        return {*self._changed, *self._new, *self._removed}

    def load_one(self, contact_id: int) -> None:
        """Read the row of a contact, if it was not read before."""
        if contact_id not in self._places and contact_id not in self._new:
            self.load([contact_id])

    def load(self, contact_ids: Iterable[int]) -> None:
        """Read the rows of contacts, those that were not read before."""
        missing = {i for i in contact_ids if i not in self._places and i not in self._new}
        if not missing:
            return
        with incoming(self._cursor, pa.table({_ID: pa.array(sorted(missing), pa.int32())})):
            query = f"SELECT * FROM contacts SEMI JOIN {INCOMING} USING ({_ID})"
            table = self._cursor.sql(query).to_arrow_table()
        number = len(self._tables)
        self._tables.append(table)
        self._columns.append(_Columns(table))
        for row, contact_id in enumerate(table.column(_ID).to_pylist()):
            self._places[contact_id] = (number, row)

    def exists(self, contact_id: int) -> bool:
        """Whether a contact is there; it must have been loaded or added."""
        return contact_id not in self._removed and (contact_id in self._places or contact_id in self._new)

    def is_new(self, contact_id: int | None) -> bool:
        """Whether a contact was added."""
        return contact_id in self._new

    def get(self, contact_id: int, name: str) -> Any:
        """A value as it is now. Raises: KeyError for a contact that was not loaded."""
        new = self._new.get(contact_id)
        if new is not None:
            return new.get(name)
        changed = self._changed.get(contact_id)
        if changed is not None and name in changed:
            return changed[name]
        number, row = self._places[contact_id]
        return self._columns[number][name][row]

    def values(self, contact_id: int, names: Iterable[str]) -> list[Any]:
        """Several values as they are now, in the order of their names. Raises: KeyError as `get` does."""
        if contact_id in self._new or contact_id in self._changed:
            return [self.get(contact_id, name) for name in names]
        number, row = self._places[contact_id]
        columns = self._columns[number]
        return [columns[name][row] for name in names]

    def row(self, contact_id: int) -> dict[str, Any]:
        """All values of a contact as they are now, but its id."""
        return {name: self.get(contact_id, name) for name in self.names}

    def holders(self, name: str, value: str) -> list[int]:
        """The contacts that have a value in a column now, oldest first. Reads the whole column."""
        query = f'SELECT contact_id FROM contacts WHERE "{name}" = $1'
        stored = [contact_id for (contact_id,) in self._cursor.execute(query, [value]).fetchall()]
        self.load(stored)
        found = [i for i in {*stored, *self._changed, *self._new} if self.exists(i) and self.get(i, name) == value]
        return sorted(found, key=lambda i: (self.get(i, "created_at") or datetime.max, i))

    def change(self, contact_id: int, values: Mapping[str, Any]) -> None:
        """Change some values of a contact."""
        row = self._new.get(contact_id)
        if row is None:
            row = self._changed.setdefault(contact_id, {})
        row.update(values)

    def add(self, values: Mapping[str, Any]) -> int:
        """A new contact; its id."""
        contact_id = self.next_id
        self.next_id += 1
        self._new[contact_id] = dict(values)
        return contact_id

    def remove(self, contact_id: int) -> None:
        """Remove a contact; it must have been loaded or added."""
        self._new.pop(contact_id, None)
        self._changed.pop(contact_id, None)
        self._removed.add(contact_id)

    def write(self) -> None:
        """Write what was changed, added and removed."""
        gone = [i for i in (*self._changed, *self._removed) if i in self._places]
        if gone:
            with incoming(self._cursor, pa.table({_ID: pa.array(gone, pa.int32())})):
                self._cursor.execute(f"DELETE FROM contacts WHERE {_ID} IN (SELECT {_ID} FROM {INCOMING})")
        tables = [*self._changed_tables(), *self._new_tables()]
        if tables:
            with incoming(self._cursor, pa.concat_tables(tables)):
                self._cursor.execute(f"INSERT INTO contacts BY NAME SELECT * FROM {INCOMING}")

    def _changed_tables(self) -> Iterable[pa.Table]:
        """The changed rows, of each loaded table."""
        changed_of: dict[int, list[int]] = {}
        for contact_id in self._changed:
            changed_of.setdefault(self._places[contact_id][0], []).append(contact_id)
        for number, contact_ids in changed_of.items():
            yield self._replaced(number, contact_ids)

    def _replaced(self, number: int, contact_ids: Collection[int]) -> pa.Table:
        """The rows of contacts in a loaded table, with their changed values in place."""
        places = [self._places[contact_id][1] for contact_id in contact_ids]
        rows = self._tables[number].take(pa.array(places))
        new_values: dict[str, list[tuple[int, Any]]] = {}
        for row, contact_id in enumerate(contact_ids):
            for name, value in self._changed[contact_id].items():
                new_values.setdefault(name, []).append((row, value))
        columns = []
        for field in self._schema:
            if field.name in new_values:
                old_values = self._columns[number][field.name]
                values = [old_values[place] for place in places]
                for row, value in new_values[field.name]:
                    values[row] = value
                columns.append(pa.array(values, field.type))
            else:
                columns.append(rows.column(field.name).cast(field.type))
        return pa.table(columns, schema=self._schema)

    def _new_tables(self) -> Iterable[pa.Table]:
        """The new rows."""
        if self._new:
            rows = [{**values, _ID: contact_id} for contact_id, values in self._new.items()]
            columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in self._schema]
            yield pa.table(columns, schema=self._schema)


class _Columns(dict[str, list[Any]]):
    """The columns of a table as Python values, each made when it is asked for first."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, name: str) -> list[Any]:
        values: list[Any] = self._table.column(name).to_pylist()
        self[name] = values
        return values
