"""The owner of every identity, small enough to stay in memory: 20 bytes each."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import duckdb
import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from engine.storage.changes.text_hashes import Hashes

Owners = NDArray[np.int32]

NOBODY = -1
MOST_CHANGES = 200_000
"""So many changes are kept beside the arrays; then they are put into them, which takes a third of a second."""

_SEED = secrets.randbits(64)
"""Two hashes of 64 bits tell identities apart; nobody outside knows it, so nobody can make two alike on purpose."""


class IdentityIndex:
    """Who is known by which identity: arrays sorted by hash, and beside them what changed since. From any thread."""

    def __init__(self, parts: Iterable[tuple[Iterable[str], Owners]] = ()) -> None:
        nothing = (np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int32))
        hashed = [nothing, *((*_hashes_of(identities), owners) for identities, owners in parts)]
        first, second, contact_ids = (np.concatenate(parts) for parts in zip(*hashed, strict=True))
        self._first, self._second, self._owners = _sorted(first, second, contact_ids)
        self._changed: dict[str, int | None] = {}
        self._lock = threading.Lock()

    def owners(self, identities: Sequence[str]) -> dict[str, int | None]:
        """The contact that each identity is. Without those that are nobody, or with None for them."""
        hashes = _hashes_of(identities)
        with self._lock:
            found = self._folded_owners(*hashes).tolist()
            changed = {i: self._changed[i] for i in identities if i in self._changed} if self._changed else {}
        owners: dict[str, int | None] = {i: owner for i, owner in zip(identities, found, strict=True) if owner >= 0}
        return {**owners, **changed}

    def change(self, owners: Mapping[str, int | None]) -> None:
        """Let identities be other contacts, or (None) nobody."""
        with self._lock:
            self._changed.update(owners)
            if len(self._changed) > MOST_CHANGES:
                self._fold()

    def _folded_owners(self, first: Hashes, second: Hashes) -> Owners:
        """Owners as the arrays have them, `NOBODY` where they have none. Shape: one per hash."""
        owners = np.full(first.size, NOBODY, np.int32)
        for at, places in self._places(first, second):
            owners[at] = self._owners[places]
        return owners

    def _places(self, first: Hashes, second: Hashes) -> Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Pairs of positions in the given hashes and in the arrays where both hashes are equal."""
        asked = np.argsort(first)  # neighbours are near each other in memory
        places = np.searchsorted(self._first, first[asked])
        while asked.size:  # once, but where different identities have the same first hash
            is_within = places < self._first.size
            asked, places = asked[is_within], places[is_within]
            is_alike = self._first[places] == first[asked]
            asked, places = asked[is_alike], places[is_alike]
            is_it = self._second[places] == second[asked]
            yield asked[is_it], places[is_it]
            asked, places = asked[~is_it], places[~is_it] + 1

    def _fold(self) -> None:
        """Put what changed into the arrays."""
        first, second = _hashes_of([*self._changed])
        owners = np.array([NOBODY if owner is None else owner for owner in self._changed.values()], np.int32)
        replaced = np.concatenate([places for _, places in self._places(first, second)])
        owned = owners != NOBODY
        new = _sorted(first[owned], second[owned], owners[owned])
        stays = np.ones(self._first.size, np.bool_)
        stays[replaced] = False
        at = np.searchsorted(self._first[stays], new[0])
        self._first = np.insert(self._first[stays], at, new[0])
        self._second = np.insert(self._second[stays], at, new[1])
        self._owners = np.insert(self._owners[stays], at, new[2])
        self._changed.clear()


def _sorted(first: Hashes, second: Hashes, owners: Owners) -> tuple[Hashes, Hashes, Owners]:
    order = np.argsort(first)
    return first[order], second[order], owners[order]


def loaded_identities(cursor: duckdb.DuckDBPyConnection) -> IdentityIndex:
    """The owners of all identities. Measured: 1.5 s for 3 million."""
    with cursor.sql("SELECT identity, contact_id FROM identities").to_arrow_reader(1_000_000) as reader:
        return IdentityIndex(_columns(batch) for batch in reader)


def _columns(batch: pa.RecordBatch) -> tuple[list[str], Owners]:
    return cast(list[str], batch.column("identity").to_pylist()), batch.column("contact_id").to_numpy()


def _hashes_of(identities: Iterable[str]) -> tuple[Hashes, Hashes]:
    """Two hashes of each identity. Most often there is one, for which a frame would take a hundred times as long."""
    digest = xxhash.xxh3_128_digest
    digests = b"".join([digest(identity.encode(errors="surrogatepass"), _SEED) for identity in identities])
    pairs = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()
