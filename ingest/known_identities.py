"""Who an identity is, for readers: from the writer's memory, where that is right, else from the store."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from engine.storage import Store
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.memory import SECONDS_PER_READ_ROW
from engine.storage.contact_lookup import contacts_of_identities
from ingest.writer import Writer
from ingest.writes.write import Outcome

LOOK_EVERY = 100
"""After so many lookups in the store it is asked whether reading all would have been cheaper."""

SECONDS_PER_LOOKUP = 400e-6
"""What it costs to look one up in the store (measured); in memory it is a tenth of that."""


@dataclass(frozen=True, slots=True)
class LoadIdentities:
    """A write that changes nothing: the writer is to know all identities."""

    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Let the memory read them."""
        changes.memory.load_identities(changes.cursor)
        return Outcome.UNCHANGED


class KnownIdentities:
    """Looks identities up, from any thread.

    Sooner or later all are read into memory, when looking up has cost as much: 20 bytes each.
    """

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store, self._writer = store, writer
        self._looked_up, self._next_look = 0, LOOK_EVERY
        self._loading = threading.Lock()

    def contact_ids(self, identities: Collection[str]) -> dict[str, int]:
        """The contacts that some identities are now; those of nobody are left out."""
        known = self.in_memory(identities)
        if known is not None:
            return known
        self._looked_up += len(identities)
        if not self._store.is_read_only and self._loading.acquire(blocking=False):
            try:
                self._load_if_cheaper()
            finally:
                self._loading.release()
        return contacts_of_identities(self._store, identities)

    def in_memory(self, identities: Collection[str]) -> dict[str, int] | None:
        """The same without waiting for anything; None where the store must be asked."""
        known = self._writer.known_owners([*identities])
        return None if known is None else {name: owner for name, owner in known.items() if owner is not None}

    def _load_if_cheaper(self) -> None:
        if self._looked_up < self._next_look:
            return
        self._next_look = self._looked_up + LOOK_EVERY
        if self._looked_up * SECONDS_PER_LOOKUP > self._store.row_count("identities") * SECONDS_PER_READ_ROW:
            self._looked_up, self._next_look = 0, LOOK_EVERY
            self._writer.write([LoadIdentities()])
