"""Aggregates over event properties: each with every bound and several windows, in one batch, as the judge has them."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests import reference
from tests.definitions import leaf, segment
from tests.engine_under_test import members_by_engine

VALUES: dict[str, list[Any]] = {
    "ann": [1, 2, 2.0, "2", "x"],
    "bob": [0.1, 0.2, 1e25, -1e20, True, None, [1]],
    "cyd": ["x", "x", "y"],
    "dee": [0.0000000005, 9e19, -3],
    "eve": [{"n": 1}],
}
DAYS = ["2026-05-01", "2026-05-30", "2026-05-31", "2026-06-01", "2026-04-01", "2026-05-31", "2026-06-02"]
WORLD = {
    "as_of": "2026-06-01T12:00:00Z",
    "contacts": [{"email": f"{name}@x.example"} for name in [*VALUES, "fay"]],
    "timeline": [
        {
            "email": f"{name}@x.example",
            "kind": "view",
            "occurred_at": f"{DAYS[number]}T10:00:00Z",
            "template_id": f"t{number % 2}",
            "properties": {"n": value},
        }
        for name, values in VALUES.items()
        for number, value in enumerate(values)
    ],
}
FRAMES = [("anytime",), ("in_the_last_days", "7"), ("yesterday",), ("more_than_days_ago", "7")]
BOUNDS: list[dict[str, Any]] = [
    *({"operator": "eq", "value": value} for value in (0, 0.3, 1, 2, 3, 0.000000001)),
    {"operator": "gte", "value": 1},
    {"operator": "lte", "value": 0},
    {"operator": "between", "value": 0.1, "value_2": 1.5},
]


def test_every_aggregate_is_that_of_the_judge() -> None:
    grid = product(["sum", "avg", "min", "max", "distinct_count"], BOUNDS, FRAMES, [{}, {"template_id": "t1"}])
    segments = []
    for number, (aggregate, bound, (operator, *values), template) in enumerate(grid):
        frame = {"timeframe_operator": operator, "timeframe_values": values}
        body = {"kind": "view", "aggregate_operator": aggregate, "property": ["n"], **bound, **frame, **template}
        segments.append(segment(leaf("contact_timeline", body), f"s{number}"))
    expected = {item["id"]: reference.members(item, WORLD) for item in segments}
    assert members_by_engine(segments, WORLD) == expected
    assert sum(0 < len(found) < len(WORLD["contacts"]) for found in expected.values()) > 100
