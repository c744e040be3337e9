"""Worlds with many segments each: what an engine costs for one statement, it costs for all of them together."""

from __future__ import annotations

from random import Random

from tests.strategies_dice import Dice
from tests.strategies_documents import palette_with_documents
from tests.strategies_palette import Row
from tests.strategies_segments import leaf_of, segment_leaf, segment_of
from tests.strategies_worlds import world_of


def world_and_many_segments(seed: int, count: int) -> tuple[Row, list[Row]]:
    """A world, and segments that share its values; some name others."""
    random = Random(seed)
    palette = palette_with_documents(Dice(random.randbytes(108)))
    leaves = [leaf_of(Dice(random.randbytes(64)), palette) for _ in range(count)]
    segments: list[Row] = []
    for number in range(count):
        dice = Dice(random.randbytes(64))
        references = [segment_leaf(dice, palette, segment["id"]) for segment in segments[-2:]]
        segments.append(segment_of(dice, palette, f"s{number}", [*random.sample(leaves, min(3, count)), *references]))
    return world_of(Dice(random.randbytes(1048)), palette), segments
