"""The cases that another platform tests its own engine with, said in our language: who belongs to which segment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from tests import reference
from tests.conftest import SHARED
from tests.definitions import Json
from tests.engine_under_test import members_by_engine
from tests.performed_events import Translation, translated
from tests.performed_events_definitions import UntranslatableError, kind_of

CASE_COUNT = 109
FILE = "performed_events.jsonl"

EXCLUDED: Mapping[str, str] = {
    "node:RandomBucket": "needs a hash of the user's id: no condition of the base vocabulary computes one",
}
"""What the base vocabulary cannot say -> why. Cases with such a feature are not run."""


def read_cases(folder: Path) -> list[Json]:
    path = folder / "cases" / FILE
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def definitions(case: Json) -> list[Json]:
    return [given["definition"] for given in case.get("segments", ())]


CASES = read_cases(SHARED)
INCLUDED = [case for case in CASES if EXCLUDED.keys().isdisjoint(case.get("features", ()))]
LAST_STEPS = {(case["test"], str(definitions(case))): case for case in INCLUDED if case.get("segments")}
EARLIER_STEPS = [
    (case, last)
    for case in INCLUDED
    if (last := LAST_STEPS.get((case["test"], str(definitions(case))), case)) is not case
]
WITH_ENTRIES = [case for case in CASES if "expected_cumulative_entries" in case]


def case_id(case: Json) -> str:
    return str(case["id"])


def members(translation: Translation) -> dict[str, set[str]]:
    """Segment id -> e-mails of the members, once reference and engine agree."""
    by_reference = {segment["id"]: reference.members(segment, translation.world) for segment in translation.segments}
    assert members_by_engine(translation.segments, translation.world) == by_reference
    return by_reference


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("case", INCLUDED, ids=case_id)
def test_engine_and_reference_find_the_members_that_the_case_expects(case: Json) -> None:
    translation = translated(case)
    found = members(translation)
    belongs = {(segment_id, email): email in found[segment_id] for segment_id, email in translation.belongs}
    assert belongs == translation.belongs
    assert {segment_id: len(found[segment_id]) for segment_id in translation.sizes} == translation.sizes


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("case", WITH_ENTRIES, ids=case_id)
def test_entries_over_all_computations_are_as_many_as_the_case_expects(case: Json) -> None:
    """A user enters a segment when a computation finds them in it, and the one before did not."""
    numbers = {segment["name"]: number for number, segment in enumerate(case["segments"])}
    for expected in case["expected_cumulative_entries"]:
        entries, before = 0, set[str]()
        for at_rel_now_ms in case["compute_rel_now_ms"]:
            found = members(translated(case, at_rel_now_ms=at_rel_now_ms))[f"s{numbers[expected['segment']]}"]
            entries += len(found - before)
            before = found
        assert entries == expected["times"]


@pytest.mark.usefixtures("shared")
def test_each_case_is_either_run_or_excluded_for_a_reason_that_holds() -> None:
    """A feature stays in the table only while the translator refuses every case that has it, for that very feature."""
    assert len({case_id(case) for case in CASES}) == len(CASES) == CASE_COUNT
    refused: dict[str, set[str]] = {}
    for case in CASES:
        try:
            translation = translated(case)
        except UntranslatableError as error:
            refused.setdefault(error.feature, set()).add(case_id(case))
        else:
            assert translation.belongs or translation.sizes or not case["segments"], "a case must say something"
    excluded = {
        feature: {case_id(case) for case in CASES if feature in case.get("features", ())} for feature in EXCLUDED
    }
    assert refused == excluded
    assert all(excluded.values()), "an exclusion must have a case"
    assert len(INCLUDED) + sum(map(len, excluded.values())) == CASE_COUNT


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(("earlier", "later"), EARLIER_STEPS, ids=case_id)
def test_what_came_later_does_not_change_who_belonged_earlier(earlier: Json, later: Json) -> None:
    """The last step of a test has all events of an earlier one; what came since has not been at that instant."""
    since = datetime.fromisoformat(later["now"]) - datetime.fromisoformat(earlier["now"])
    later = later | {"expected_leaf": earlier.get("expected_leaf", ())}
    found = members(translated(later, at_rel_now_ms=-round(since.total_seconds() * 1000)))
    expected = translated(earlier).belongs
    assert {(segment_id, email): email in found[segment_id] for segment_id, email in expected} == expected


# --- the translator itself: what the cases would not notice -----------------------------------------------------------

MADE_UP: Json = {
    "kind": "segment_membership",
    "now": "2026-01-15T12:00:00.000Z",
    "events": [
        {"type": "identify", "user_id": "once", "t_rel_now_ms": -3000, "message_id": "1", "traits": {"plan": "pro"}},
        {"type": "track", "user_id": "once", "event": "A b", "t_rel_now_ms": -2000, "message_id": "2"},
        {"type": "track", "user_id": "twice", "event": "A b", "t_rel_now_ms": -2000, "message_id": "3"},
        {"type": "track", "user_id": "twice", "event": "A b", "t_rel_now_ms": -1000, "message_id": "4"},
    ],
}


def found_in(node: Json, events: list[Json] = MADE_UP["events"]) -> set[str]:
    """The users who belong to a segment of one node, over the made-up events."""
    given = {"name": "made up", "definition": {"entryNode": {"id": "1"} | node, "nodes": []}}
    found = members(translated(MADE_UP | {"events": events, "segments": [given]}))
    return {email.removesuffix("@x.example") for email in found["s0"]}


def test_a_message_that_arrives_again_counts_once() -> None:
    node = {"type": "Performed", "event": "A b", "timesOperator": "=", "times": 1}
    assert found_in(node) == {"once"}
    assert found_in(node, MADE_UP["events"] * 2) == {"once"}


@pytest.mark.parametrize(("event", "found"), [("A*", {"twice"}), ("A b*", {"twice"}), ("a*", set()), ("A%*", set())])
def test_a_prefix_is_plain_text_and_heeds_case(event: str, found: set[str]) -> None:
    assert found_in({"type": "Performed", "event": event, "timesOperator": ">=", "times": 2}) == found


@pytest.mark.parametrize(("seconds", "found"), [(1, set()), (2, {"twice"})])
def test_a_window_of_seconds_holds_its_first_instant(seconds: int, found: set[str]) -> None:
    node = {"type": "Performed", "event": "A b", "timesOperator": ">=", "times": 2, "withinSeconds": seconds}
    assert found_in(node) == found


@pytest.mark.parametrize(("comparator", "seconds"), [("GTE", 3), ("LT", 4)])
def test_a_trait_that_changed_as_long_ago_as_the_window_has_been_so_all_of_it(comparator: str, seconds: int) -> None:
    operator = {"type": "HasBeen", "value": "pro", "comparator": comparator}
    node = {"type": "Trait", "path": "plan"}
    assert found_in(node | {"operator": operator | {"windowSeconds": seconds}}) == {"once"}
    other_side = {"GTE": seconds + 1, "LT": seconds - 1}[comparator]
    assert found_in(node | {"operator": operator | {"windowSeconds": other_side}}) == set()


def test_a_negative_on_traits_leaves_out_who_never_identified() -> None:
    assert found_in({"type": "Trait", "path": "plan", "operator": {"type": "NotEquals", "value": "free"}}) == {"once"}
    assert found_in({"type": "Trait", "path": "age", "operator": {"type": "NotExists"}}) == {"once"}


def test_an_email_must_be_of_the_template_that_is_asked_for() -> None:
    opened = {"type": "track", "event": "DFEmailOpened", "t_rel_now_ms": -1000}
    events = [
        opened | {"user_id": user_id, "message_id": user_id, "properties": {"templateId": template_id}}
        for user_id, template_id in (("asked", "t1"), ("other", "t2"))
    ]
    assert found_in({"type": "Email", "event": "DFEmailOpened", "templateId": "t1"}, events) == {"asked"}


def test_the_last_of_several_events_is_refused() -> None:
    with pytest.raises(UntranslatableError, match="the last of several events"):
        found_in({"type": "LastPerformed", "event": "A b", "hasProperties": []})


def test_different_event_names_have_different_kinds() -> None:
    names = ["a b", "a_b", "A b", "a:20:b", "a.b", "identify", "track", "DFEmailOpened", "é", "e\u0301"]
    assert len({kind_of(name) for name in names}) == len(names)
