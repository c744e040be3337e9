"""Hashes of texts that are too many to stay in memory themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


def hashes_of(texts: Sequence[str] | pl.Series, *, seed: int) -> Hashes:
    """The hash of each text under a seed: the same within this process, and only there."""
    return pl.Series(texts, dtype=pl.String).hash(seed=seed).to_numpy()
