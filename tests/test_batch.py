"""What one evaluation does beyond the members of one segment: sharing, failing, size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.compile import Step, scan_step
from engine.definition import read_segment
from engine.definition.points import parsed_instant
from engine.execute import batch
from engine.plan import Catalog, Plan, build_plan
from engine.plan.scans import EventScan, ProfileScan, Scan, SubscriptionScan
from tests.cases.world import AS_OF, WORLD
from tests.definitions import branch, events, field, goal, on_list, segment
from tests.engine_under_test import members_by_engine, run_world

OPENED = events("open_email", "at_least", 1, "in_the_last_days", "30")


def plan_of(*trees: dict[str, Any], timezone: str = "UTC") -> Plan:
    as_of = parsed_instant(AS_OF)
    assert as_of is not None
    segments = [read_segment(segment(tree, f"s{number}", timezone)) for number, tree in enumerate(trees)]
    return build_plan(segments, Catalog(lists={"news": None}, zones={0: "UTC", 7: "Asia/Tokyo"}), as_of)


def event_scans(plan: Plan) -> list[EventScan]:
    return [scan for scan in plan.scans if isinstance(scan, EventScan)]


def test_equal_conditions_of_different_segments_are_computed_once() -> None:
    plan = plan_of(OPENED, branch("and", field("country", "equals", "US"), OPENED), branch("not", OPENED))
    assert [len(scan.conditions) for scan in plan.scans] == [1, 1]


def test_windows_up_to_now_that_ask_for_one_event_share_the_latest_event() -> None:
    trees = [events("open_email", "at_least", 1, "in_the_last_days", days) for days in ("7", "30", "90")]
    trees += [events("open_email", "exactly", 0, "in_the_last_days", "60")]
    (scan,) = event_scans(plan_of(*trees))
    assert [str(fact.measure) for _, fact in scan.facts] == ["latest"]
    assert scan.hull.start_at == parsed_instant("2026-03-03T12:00:00.000001Z")  # no further than the widest


def test_a_window_that_ended_before_now_does_not_share_the_latest_event() -> None:
    (scan,) = event_scans(plan_of(events("open_email", "at_least", 1, "before_date", "2026-05-01")))
    assert [str(fact.measure) for _, fact in scan.facts] == ["number"]


def test_a_scan_has_few_facts_and_its_conditions_find_all_of_theirs() -> None:
    trees = [goal("avg", "gte", 1, "in_the_last_days", str(days)) for days in range(1, 30)]
    scans = event_scans(plan_of(*trees))
    assert len(scans) > 1
    for scan in scans:
        assert len(scan.facts) <= 12
        facts = {fact for _, fact in scan.facts}
        for condition in scan.conditions:
            leaf: Any = condition.leaf
            assert {leaf.total, leaf.count} <= facts


def test_local_windows_are_scanned_apart_from_the_others() -> None:
    local = events("open_email", "exactly", 2, "in_date_range", "2026-05-01", "2026-05-02")
    plan = plan_of(local, OPENED, timezone="contact")
    assert len(event_scans(plan)) == 2
    assert plan.zone_edges is not None
    assert [len(window.by_zone) for _, window in plan.zone_edges.columns] == [2]


def test_what_a_step_cost_is_shared_by_the_segments_that_needed_it() -> None:
    local = events("click_email", "exactly", 2, "in_date_range", "2026-05-01", "2026-05-02")
    segments = [segment(local, "local", "contact"), segment(OPENED, "opened"), segment(OPENED, "opened-too")]
    evaluation = run_world(segments, WORLD).evaluation
    readers = {step.name: step.segment_ids for step in evaluation.step_times}
    assert readers["zone_edges"] == readers["events_1_click_email"] == ("local",)
    assert readers["tally_1_open_email"] == ("opened", "opened-too")
    assert all(seconds > 0 for seconds in evaluation.segment_seconds.values())


def test_a_list_is_read_once_whatever_is_asked_of_it() -> None:
    plan = plan_of(on_list("news"), on_list("news", "active"), on_list("news", "active", "not_in"))
    (scan,) = [scan for scan in plan.scans if isinstance(scan, SubscriptionScan)]
    assert len(scan.conditions) == 2


def test_a_step_that_fails_fails_only_the_segments_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours in one condition: the others of the same scan are computed all the same."""
    compiled = scan_step

    def broken(scan: Scan, plan: Plan) -> Step:
        step = compiled(scan, plan)
        if isinstance(scan, ProfileScan) and any("'FR'" in line for line in step.sql.splitlines()):
            return replace(step, sql="SELECT error('planted')")
        return step

    monkeypatch.setattr(batch, "scan_step", broken)
    segments = [
        segment(field("country", "equals", "US"), "us"),
        segment(branch("or", field("country", "equals", "FR"), OPENED), "fr"),
        segment(OPENED, "openers"),
    ]
    evaluation = run_world(segments, WORLD).evaluation
    assert set(evaluation.members) == {"us", "openers"}
    assert set(evaluation.failed) == {"fr"}
    assert "planted" in evaluation.failed["fr"]
    assert evaluation.members["us"].size == 2


def test_a_definition_at_every_limit_is_computed() -> None:
    """A thousand conditions, and fifty levels, and ten thousand values of one condition."""
    wide = branch("or", *(field("first_name", "equals", f"name {number}") for number in range(999)), OPENED)
    deep = OPENED
    for _ in range(49):
        deep = branch("not", deep)
    many = field("email", "equals", *(f"user{number}@x.example" for number in range(10_000)), "ada@x.example")
    found = members_by_engine([segment(wide, "wide"), segment(deep, "deep"), segment(many, "many")], WORLD)
    openers = {"ada@x.example", "bo@x.example"}
    assert found["wide"] == openers
    assert found["deep"] == {"cy@x.example", "di@x.example", "ed@x.example"}
    assert found["many"] == {"ada@x.example"}


def test_five_hundred_segments_are_computed_in_one_go() -> None:
    trees = [field("orders_count", "gte", number) for number in range(500)]
    found = members_by_engine([segment(tree, f"s{number}") for number, tree in enumerate(trees)], WORLD)
    assert [len(found[f"s{number}"]) for number in range(8)] == [2, 2, 2, 2, 2, 2, 1, 0]


def test_the_printer_of_sql_changes_no_text() -> None:
    """Its own word for a newline is a text like any other, and so is a newline."""
    names = ["x__SQLGLOT__LB__y", "x\ny", "__SQLGLOT__LB__"]
    world = WORLD | {"contacts": [{"email": f"c{n}@x.example", "first_name": name} for n, name in enumerate(names)]}
    segments = [segment(field("first_name", "equals", name), f"s{number}") for number, name in enumerate(names)]
    assert members_by_engine(segments, world) == {f"s{n}": {f"c{n}@x.example"} for n in range(len(names))}


def test_no_segment_at_all_is_an_answer_too() -> None:
    assert run_world([], WORLD).evaluation.members == {}
