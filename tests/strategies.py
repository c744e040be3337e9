"""Hypothesis strategies for tiny worlds and for segments that meet on every edge of the rules.

A new column of the data goes into `strategies_worlds`, a new operator into `strategies_filters`, a new source into
`strategies_segments`, a new shape of JSON into `strategies_documents`; what their values have in common goes into
`strategies_palette`.
"""

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.strategies_dice import Dice
from tests.strategies_documents import palette_with_documents
from tests.strategies_palette import Row
from tests.strategies_segments import leaf_of, segment_leaf, segment_of
from tests.strategies_worlds import world_of

same_examples_each_time = settings(
    max_examples=1000, derandomize=True, database=None, deadline=None, phases=[Phase.generate, Phase.shrink]
)
"""For tests that try many worlds cheaply: the same ones in every run."""

TAPE_BYTES = 1920
"""All parts at their largest; two of them must stay under the 4096 bytes of Hypothesis's smallest example."""
TAPES = st.binary(min_size=TAPE_BYTES, max_size=TAPE_BYTES)


def worlds() -> SearchStrategy[Row]:
    """Worlds of up to four contacts, in the shape of one line of `cases/base.jsonl`."""
    return world_and_segments().map(lambda pair: pair[0])


def world_and_segments() -> SearchStrategy[tuple[Row, list[Row]]]:
    """A world, and one to eight segments that share conditions with each other and values with it."""
    return TAPES.map(world_and_segments_of)


def world_and_segments_of(tape: bytes) -> tuple[Row, list[Row]]:
    """The example on a tape. Each part of it is as long as all but a few in a hundred need."""
    dice = Dice(tape)
    (palette_dice,) = dice.parts(108, [1])
    palette = palette_with_documents(palette_dice)
    leaves = [leaf_of(part, palette) for part in dice.parts(40, [1, 2, 4, 8, 12, 16])]
    segments: list[Row] = []
    for number, part in enumerate(dice.parts(32, [1, 2, 4, 6, 8, 8])):
        references = [segment_leaf(part, palette, segment["id"]) for segment in segments]
        own = leaves[2 * number : 2 * number + 2]
        segments.append(segment_of(part, palette, f"s{number + 1}", [*own * 3, *leaves, *references]))
    return world_of(dice, palette), segments
