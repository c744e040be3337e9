"""Repeatable chance: one generator per part of the dataset, weighted choices by table."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SLOT_COUNT = 1 << 16


def part_rng(seed: int, *path: int) -> np.random.Generator:
    """Generator of one part of the dataset, independent of how much the other parts draw."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=path)))


def weighted_slots(weights: Sequence[float]) -> npt.NDArray[np.uint8]:
    """Table that turns a uniform 16-bit number into a choice with the given weights.

    Shape: SLOT_COUNT choices, at most 256 different ones.
    A lookup is many times faster than `Generator.choice`, and it is the same on every CPU.
    """
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    positions = (np.arange(SLOT_COUNT) + 0.5) * (edges[-1] / SLOT_COUNT)
    choices: npt.NDArray[np.uint8] = np.searchsorted(edges, positions, side="right").astype(np.uint8)
    return choices


def draw_slots(rng: np.random.Generator, count: int) -> npt.NDArray[np.uint16]:
    """Uniform 16-bit numbers, to index tables made by `weighted_slots`."""
    return rng.integers(0, SLOT_COUNT, count, dtype=np.uint16)


def draw_skewed(rng: np.random.Generator, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One index per size, from 0 to size - 1, low ones more often (names, products: few common, many rare)."""
    return (sizes * rng.random(sizes.size) ** 1.6).astype(np.int64)
