"""Sequences: what follows what, how soon, without what, and what did not follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests import reference
from tests.definitions import leaf, segment
from tests.engine_under_test import members_by_engine

Json = dict[str, Any]
DAY = "2026-05-01T"
A, B, X = {"kind": "a"}, {"kind": "b"}, {"kind": "x"}
WITHIN_AN_HOUR = {"within_value": 1, "within_unit": "hours"}
NO_B_WITHIN_AN_HOUR = {"kind": "b", "operator": "not_done", **WITHIN_AN_HOUR}
LAST_DAY = {"timeframe_operator": "in_the_last_days", "timeframe_values": ["1"]}


def happened(*events: tuple[str, str] | tuple[str, str, Json], as_of: str = "2026-05-02T00:00:00Z") -> Json:
    """The world of one contact: kinds of events, times of one day, and properties."""
    rows = []
    for kind, at, *properties in events:
        row = {"email": "a@x.example", "kind": kind, "occurred_at": at if "T" in at else f"{DAY}{at}Z"}
        rows.append(row | ({"properties": properties[0]} if properties else {}))
    return {"as_of": as_of, "timezone": "UTC", "contacts": [{"email": "a@x.example"}], "timeline": rows}


def does(steps: Sequence[Json], world: Json, **more: object) -> bool:
    """Whether the contact did the sequence; engine and judge agree on it."""
    asked = segment(leaf("sequence", {"steps": list(steps), **more}), "asked")
    (found,) = members_by_engine([asked], world).values()
    assert found == reference.members(asked, world)
    return bool(found)


@pytest.mark.parametrize(
    ("steps", "events", "is_done"),
    [
        ([A, B], [("a", "10:00:00"), ("b", "10:00:00.000001")], True),
        ([A, B], [("a", "10:00:00"), ("b", "10:00:00")], False),
        ([A, B], [("b", "10:00:00"), ("a", "10:00:01")], False),
        ([A, A], [("a", "10:00:00")], False),
        ([A, A], [("a", "10:00:00"), ("a", "10:00:00")], False),
        ([A, A, A], [("a", "10:00:00"), ("a", "11:00:00"), ("a", "12:00:00")], True),
        ([A, B | WITHIN_AN_HOUR], [("a", "10:00:00"), ("b", "11:00:00")], True),
        ([A, B | WITHIN_AN_HOUR], [("a", "10:00:00"), ("b", "11:00:00.000001")], False),
        # The hour counts from the step before, whichever of its events that is.
        ([A, B | WITHIN_AN_HOUR], [("a", "08:00:00"), ("a", "10:30:00"), ("b", "11:00:00")], True),
        (
            [A, X | WITHIN_AN_HOUR, B],
            [("a", "08:00:00"), ("x", "10:00:00"), ("a", "11:00:00"), ("b", "12:00:00")],
            False,
        ),
        ([A, B | {"without": [X]}], [("a", "10:00:00"), ("x", "11:00:00"), ("b", "12:00:00")], False),
        ([A, B | {"without": [X]}], [("a", "10:00:00"), ("x", "10:00:00"), ("b", "12:00:00")], True),
        ([A, B | {"without": [X]}], [("a", "10:00:00"), ("x", "12:00:00"), ("b", "12:00:00")], True),
        ([A, B | {"without": [X]}], [("a", "09:00:00"), ("x", "10:00:00"), ("a", "11:00:00"), ("b", "12:00:00")], True),
        ([A, B | {"without": [A]}], [("a", "09:00:00"), ("a", "11:00:00"), ("b", "12:00:00")], True),
    ],
)
def test_a_step_comes_after_the_one_before(steps: list[Json], events: list[tuple[str, str]], is_done: bool) -> None:
    assert does(steps, happened(*events)) is is_done


@pytest.mark.parametrize(
    ("as_of", "events", "is_done"),
    [
        ("11:00:00", [("a", "10:00:00")], True),
        ("10:59:59.999999", [("a", "10:00:00")], False),  # it may still come
        ("11:00:00", [("a", "10:00:00"), ("b", "11:00:00")], False),
        ("12:00:00", [("a", "10:00:00"), ("b", "11:00:00.000001")], True),
        ("12:00:00", [("a", "10:00:00"), ("b", "10:00:00")], True),
        ("12:00:00", [("b", "09:00:00"), ("a", "10:00:00")], True),
        ("12:00:00", [("a", "10:00:00"), ("b", "10:30:00"), ("a", "10:45:00")], True),
        ("12:00:00", [("a", "10:00:00"), ("b", "10:30:00"), ("a", "11:45:00")], False),
    ],
)
def test_what_did_not_follow_is_known_when_its_time_is_over(
    as_of: str, events: list[tuple[str, str]], is_done: bool
) -> None:
    assert does([A, NO_B_WITHIN_AN_HOUR], happened(*events, as_of=f"{DAY}{as_of}Z")) is is_done


def test_the_timeframe_binds_the_steps_and_not_what_must_not_follow() -> None:
    before = {"timeframe_operator": "before_date", "timeframe_values": [f"{DAY}11:00:00Z"]}
    world = happened(("a", "10:30:00"), ("b", "11:15:00"))
    assert does([A, B], world)
    assert not does([A, B], world, **before)
    assert not does([A, NO_B_WITHIN_AN_HOUR], world, **before)
    assert not does([A, B], happened(("a", "2026-04-30T23:59:59Z"), ("b", "01:00:00")), **LAST_DAY)


@pytest.mark.parametrize(
    ("values", "is_done"),
    [
        (("x", "x"), True),
        ((1, 1.0), True),
        ((0.0, -0.0), True),
        ((2**60, 2**60 + 1), True),  # numbers are doubles
        (("1", 1), False),
        (("x", "X"), False),
        ((True, True), False),
        ((None, None), False),
        (("\u00e9", "e\u0301"), True),
    ],
)
def test_the_same_property_is_the_same_text_or_the_same_number(values: tuple[object, object], is_done: bool) -> None:
    one, other = values
    world = happened(("a", "10:00:00", {"id": one}), ("b", "11:00:00", {"id": other}))
    assert does([A, B], world, same_property=["id"]) is is_done


def test_what_is_about_another_thing_neither_interrupts_nor_follows() -> None:
    world = happened(
        ("a", "10:00:00", {"id": 1}),
        ("x", "10:10:00", {"id": 2}),
        ("x", "10:20:00"),
        ("b", "10:30:00", {"id": 1}),
    )
    assert does([A, B | {"without": [X]}], world, same_property=["id"])
    assert not does([A, B | {"without": [X]}], world)
    assert not does([A, NO_B_WITHIN_AN_HOUR], world, same_property=["id"])
    assert does([X, NO_B_WITHIN_AN_HOUR], world, same_property=["id"])


def test_nothing_is_over_before_time_began() -> None:
    world = happened(("a", "0001-01-01T00:00:00Z"), as_of="0001-01-01T00:30:00Z")
    assert not does([A, NO_B_WITHIN_AN_HOUR], world)
