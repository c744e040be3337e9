"""Lint says what is always or never true, contradictory or there twice; and it is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.definition import read_segment
from engine.definition.lint import lint
from engine.storage.custom_fields import definition_fields
from tests import reference
from tests.commands import populace
from tests.definitions import branch, events, field, goal, leaf, on_list, segment, tagged
from tests.engine_under_test import custom_fields_of
from tests.strategies import world_and_segments

Json = dict[str, Any]
US, FR = field("country", "equals", "US"), field("country", "equals", "FR")
VIP = tagged("vip")
NO_DAYS = {"timeframe_operator": "in_the_last_days", "timeframe_values": ["0"]}
NEVER = "the definition: is never true: it holds nobody"
ALWAYS = "the definition: is always true: it holds everybody"


def warnings(tree: Json) -> list[str]:
    return [str(item) for item in lint(read_segment(segment(tree)).tree)]


@pytest.mark.parametrize(
    "tree",
    [
        branch("and", US, FR),
        branch("and", VIP, branch("and", US, branch("not", US))),
        branch("and", US, field("country", "is_not_set")),
        branch("and", US, field("country", "is_not_one_of", "FR", "US")),
        branch("and", field("orders_count", "gt", 5), field("orders_count", "lte", 5)),
        branch("and", field("orders_count", "equals", 5, 6), field("orders_count", "between", 7, 9)),
        branch("and", on_list("news", "active"), on_list("news", "bounced")),
        branch("and", on_list("news", "active"), on_list("news", operator="not_in")),
        branch("and", events("a", "at_least", 3), events("a", "at_most", 2)),
        branch("or", branch("and", US, FR), events("a", "at_least", 1, "in_the_last_days", "0")),
        branch("not", events("a", "at_least", 0)),
        field("created_at", "in_the_last_days", "0"),
        field("created_at", "in_the_next_days", "0"),
        goal("count", "lte", -1),
        goal("count", "eq", 0.5),
        events("a", "at_least", 1, "in_the_last_calendar_days", "0"),
        leaf("contact_timeline", {"kind": "a", "which": "last", **NO_DAYS}),
    ],
)
def test_what_holds_for_nobody(tree: Json) -> None:
    assert warnings(tree)[-1] == NEVER


@pytest.mark.parametrize(
    "tree",
    [
        branch("or", VIP, branch("not", VIP)),
        branch("or", US, events("a", "at_least", 0)),
        branch("not", branch("and", US, FR)),
        events("a", "exactly", 0, "in_the_last_days", "0"),
        goal("count", "gte", 0),
    ],
)
def test_what_holds_for_everybody(tree: Json) -> None:
    assert warnings(tree)[-1] == ALWAYS


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (branch("or", US, VIP, US), ['country is "US": is there twice in the same branch']),
        (branch("or", VIP, branch("and", US, FR)), ['country is "US" and country is "FR": is never true']),
        (branch("and", VIP, events("a", "at_least", 0)), ['had at least 0 "a" events: is always true']),
        (branch("and", US, VIP, branch("not", FR)), []),
        (branch("and", field("orders_count", "gte", 5), field("orders_count", "lte", 5)), []),
        (branch("and", on_list("news", "active"), on_list("beta", "bounced")), []),
        (branch("and", events("a", "at_least", 3), events("a", "at_most", 2, "today")), []),
    ],
)
def test_what_is_said_of_parts(tree: Json, said: list[str]) -> None:
    assert warnings(tree) == said


@given(example=world_and_segments(), operator=st.sampled_from(["and", "or"]))
def test_what_is_said_to_be_so_always_is_so(example: tuple[Json, list[Json]], operator: str) -> None:
    world, segments = example
    everyone = {row["email"].strip().lower() for row in world["contacts"]}
    pairs = [item | {"tree": branch(operator, item["tree"], other["tree"])} for item in segments for other in segments]
    fields = definition_fields(custom_fields_of(world))
    for item in [*segments, *pairs]:
        said = [str(warning) for warning in lint(read_segment(item, fields=fields).tree)]
        if NEVER in said or ALWAYS in said:
            assert reference.members(item, world, others=segments) == (everyone if ALWAYS in said else set())


def test_the_command_ends_with_1_if_there_is_anything_to_say(tmp_path: Path) -> None:
    path = tmp_path / "segments.json"
    path.write_text(json.dumps([segment(branch("and", US, FR), "both"), segment(US, "us")]), "utf-8")
    done = populace("segments", "lint", path)
    assert (done.returncode, done.stderr) == (1, "")
    assert 'both  country is "US" and country is "FR": is never true' in done.stdout
    assert "2 segments, 2 warnings" in done.stdout
    as_json = json.loads(populace("segments", "lint", path, "--json").stdout)
    assert [item["id"] for item in as_json] == ["both", "both"]
    path.write_text(json.dumps([segment(US, "us")]), "utf-8")
    assert populace("segments", "lint", path).returncode == 0
