"""The ids of all events, small enough to stay in memory: 8 bytes each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.storage.changes.text_hashes import Hashes, hashes_of

_SEED = 20


class EventIds:
    """Which ids may be known: "no" is certain, "yes" is to be looked up (two ids can have the same hash).

    Sorted runs of hashes, the longest first, each at least twice as long as the next: to add is cheap, to ask is a
    binary search in each.
    """

    def __init__(self, ids: Iterable[Sequence[str]] = ()) -> None:
        parts = [id_hashes(part) for part in ids]
        self._runs: list[Hashes] = [np.sort(np.concatenate(parts))] if parts else []

    def __len__(self) -> int:
        return sum(run.size for run in self._runs)

    def may_have(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Which of these may be known. Shape: one per hash."""
        order = np.argsort(hashes)  # neighbours are near each other in memory: measured twice as fast
        asked = hashes[order]
        is_there = np.zeros(hashes.size, np.bool_)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, asked), run.size - 1)
            is_there |= run[places] == asked
        found = np.empty(hashes.size, np.bool_)
        found[order] = is_there
        return found

    def add(self, hashes: Hashes) -> None:
        """Know these, too."""
        if not hashes.size:
            return
        self._runs.append(np.sort(hashes))
        while len(self._runs) > 1 and self._runs[-2].size < 2 * self._runs[-1].size:
            last = self._runs.pop()
            # Two sorted runs: the stable sort merges them in one pass.
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")


def id_hashes(ids: Sequence[str] | pl.Series) -> Hashes:
    """The hash of each id, for `EventIds`."""
    return hashes_of(ids, seed=_SEED)
