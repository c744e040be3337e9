"""Who is known by which identity, as a group of writes reads and changes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import duckdb
import pyarrow as pa

from engine.storage.arrow_rows import INCOMING, contact_ids, incoming, insert, table_of, texts
from engine.storage.changes.identity_index import IdentityIndex
from engine.storage.contact_lookup import owners_by_index

MOST_KEYS_BY_INDEX = 1_500
"""Up to so many keys, each is looked up in the index (measured: 20 us a key); more are joined (30 ms for 3 million)."""


def identity_of(kind: str, value: str) -> str:
    """An identity as the store has it: the kind, a colon, the value."""
    return f"{kind}:{value}"


def kind_of(identity: str) -> str:
    """The kind of an identity."""
    return identity.partition(":")[0]


class IdentityRows:
    """The owners of identities."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, index: IdentityIndex | None = None) -> None:
        self._cursor, self._index = cursor, index
        self._stored: dict[str, int | None] = {}
        self._owners: dict[str, int | None] = {}
        self.written: dict[str, int | None] = {}
        """What `write` wrote: the identities that were given away, with their owners now."""

    def load(self, identities: Iterable[str]) -> None:
        """Look up the owners of identities, those that were not looked up before."""
        missing = list(dict.fromkeys(identity for identity in identities if identity not in self._owners))
        if not missing:
            return
        owners = dict(self._rows(missing)) if self._index is None else self._index.owners(missing)
        found = {identity: owners.get(identity) for identity in missing}
        self._stored.update(found)
        self._owners.update(found)

    def owner(self, identity: str) -> int | None:
        """The contact that an identity is now; None for nobody."""
        if identity not in self._owners:
            self.load([identity])
        return self._owners[identity]

    def of_contacts(self, ids: Collection[int]) -> list[str]:
        """All identities of some contacts, sorted. Reads the whole map."""
        with incoming(self._cursor, table_of({"contact_id": contact_ids(list(ids))})):
            query = f"SELECT identity, contact_id FROM identities SEMI JOIN {INCOMING} USING (contact_id)"
            for identity, contact_id in self._cursor.execute(query).fetchall():
                if identity not in self._owners:
                    self._stored[identity] = self._owners[identity] = contact_id
        return sorted(identity for identity, owner in self._owners.items() if owner in ids)

    def give(self, identity: str, contact_id: int | None) -> None:
        """Let an identity be a contact, or nobody."""
        self.load([identity])
        self._owners[identity] = contact_id

    @property
    def earlier(self) -> dict[str, int | None]:
        """The owners that written identities had before."""
        return {identity: self._stored[identity] for identity in self.written}

    def write(self) -> bool:
        """Write what changed; whether anything did."""
        changed = self.written = {i: owner for i, owner in self._owners.items() if owner != self._stored[i]}
        known = [i for i in changed if self._stored[i] is not None]
        if known:
            with incoming(self._cursor, table_of({"identity": texts(known)})):
                self._cursor.execute(f"DELETE FROM identities WHERE identity IN (SELECT identity FROM {INCOMING})")
        owned = {i: owner for i, owner in changed.items() if owner is not None}
        if owned:
            columns = {"identity": texts([*owned]), "contact_id": contact_ids([*owned.values()])}
            insert(self._cursor, "identities", table_of(columns))
        return bool(changed)

    def _rows(self, identities: Sequence[str]) -> list[tuple[str, int]]:
        if len(identities) <= MOST_KEYS_BY_INDEX:
            return owners_by_index(self._cursor, identities)
        with incoming(self._cursor, pa.table({"identity": pa.array(identities, pa.string())})):
            return self._cursor.execute(
                f"SELECT identity, contact_id FROM identities SEMI JOIN {INCOMING} USING (identity)"
            ).fetchall()
