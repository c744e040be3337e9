"""Hypothesis strategies for tiny worlds and for segments that meet on every edge of the rules.

A new column of the data goes into `strategies_worlds`, a new operator into `strategies_filters`, a new source into
`strategies_segments`; what their values have in common goes into `strategies_palette`.
"""

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.strategies_dice import Dice
from tests.strategies_palette import Row, palette_of
from tests.strategies_segments import leaf_of, segment_leaf, segment_of
from tests.strategies_worlds import world_of

same_examples_each_time = settings(
    max_examples=1000, derandomize=True, database=None, deadline=None, phases=[Phase.generate, Phase.shrink]
)
"""For tests that try many worlds cheaply: the same ones in every run."""

TAPES = st.binary(min_size=1144, max_size=1144)


def worlds() -> SearchStrategy[Row]:
    """Worlds of up to four contacts, in the shape of one line of `cases/base.jsonl`."""
    return world_and_segments().map(lambda pair: pair[0])


def definitions() -> SearchStrategy[Row]:
    """Segments `{"id", "name"?, "timezone"?, "tree"}` that every rule accepts."""
    return world_and_segments().map(lambda pair: pair[1][0])


def world_and_segments() -> SearchStrategy[tuple[Row, list[Row]]]:
    """A world, and one to four segments that share conditions with each other and values with it."""
    return TAPES.map(world_and_segments_of)


def world_and_segments_of(tape: bytes) -> tuple[Row, list[Row]]:
    dice = Dice(tape)
    (palette_dice,) = dice.parts(72, [1])
    palette = palette_of(palette_dice)
    leaves = [leaf_of(part, palette) for part in dice.parts(48, [1, 2, 3, 4, 5, 6])]
    segments: list[Row] = []
    for number, part in enumerate(dice.parts(16, [1, 2, 3, 4, 4]), start=1):
        references = [segment_leaf(part, palette, segment["id"]) for segment in segments]
        segments.append(segment_of(part, palette, f"s{number}", leaves + references))
    return world_of(dice, palette), segments
