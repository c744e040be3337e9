"""The engine against the judge: random worlds, random definitions, the same members."""

from __future__ import annotations

import sys

from hypothesis import given, settings

from tests import reference
from tests.constructs import Coverage, each_alone
from tests.definitions import Json
from tests.engine_under_test import members_by_engine
from tests.strategies import world_and_segments

EXAMPLES_OF_A_LONG_RUN = 20_000
LEAST_OF_A_LONG_RUN = 20


def test_compiled_sql_means_what_the_reference_means() -> None:
    """For any definitions, contacts and events, DuckDB finds exactly the reference's members.

    Each condition is also asked alone. So it is seen, and in a long run required, that every construct holds for some
    contacts and not for others; `-s` shows the table.
    """
    coverage = Coverage()

    @settings(max_examples=max(settings().max_examples, 300))
    @given(example=world_and_segments())
    def compare(example: tuple[Json, list[Json]]) -> None:
        world, segments = example
        alone = each_alone(segments)
        expected = {
            segment["id"]: reference.members(segment, world, others=segments) for segment in [*segments, *alone]
        }
        assert members_by_engine([*segments, *alone], world) == expected
        for segment in alone:
            coverage.add(segment, world, held=len(expected[segment["id"]]))

    compare()
    rare = {word: number for word, number in coverage.rarest().items() if number < LEAST_OF_A_LONG_RUN}
    found = f"less than {LEAST_OF_A_LONG_RUN} times true, or false: {rare or 'nothing'}"
    sys.stdout.write(f"\n{coverage.table()}\n{found}\n")
    if settings.default is not None and settings.default.max_examples >= EXAMPLES_OF_A_LONG_RUN:
        assert not rare
