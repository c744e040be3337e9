"""Planning: who would enter and leave, and why, before anything is stored; then that, or what moved otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import populace as library
from engine.errors import CallerError, NotAsPlannedError, SegmentsFileError
from engine.execute.planned import PlannedSegment, SegmentsPlan
from ingest.workspace import Workspace
from tests.commands import populace
from tests.definitions import Json, branch, events, field, found_by, leaf, segment
from tests.test_recompute import check_members, check_transitions

NOW = datetime.now(UTC)
VISITED = events("visit", "at_least", 1, "in_the_last_days", "30")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with library.init(tmp_path / "shop") as shop:
        for number in range(6):
            email = f"c{number}@x.example"
            shop.upsert({"email": email, "country": "DE" if number < 4 else "US"})
            for _ in range(number):
                shop.events.record({"email": email, "kind": "visit", "occurred_at": NOW - timedelta(days=1)})
        apply(shop, segment(field("country", "equals", "DE"), "germans"), segment(VISITED, "visitors"), STRANGERS)
        shop.recompute()
        yield shop


STRANGERS = segment(branch("not", leaf("segment", {"operator": "in", "segment_id": "germans"})), "strangers")
AMERICANS = segment(field("country", "equals", "US"), "germans")
FREQUENT = segment(events("visit", "at_least", 3, "in_the_last_days", "30"), "visitors")


def read(*segments: Json) -> list[library.Segment]:
    return [library.read_segment(item) for item in segments]


def apply(shop: Workspace, *segments: Json) -> None:
    shop.apply(read(*segments))


def moves(item: PlannedSegment) -> tuple[list[str], list[str]]:
    found = [(move.enters, move.email.split("@")[0]) for move in item.sample]
    return [name for enters, name in found if enters], [name for enters, name in found if not enters]


def planned(plan: SegmentsPlan) -> dict[str, PlannedSegment]:
    return {item.segment_id: item for item in plan.segments}


def test_a_plan_says_who_would_move_and_stores_nothing(shop: Workspace) -> None:
    before = shop.transitions().rows()
    plan = shop.plan(read(FREQUENT, segment(field("country", "equals", "DE"), "germans")))
    (item,) = plan.segments
    assert (item.segment_id, item.change, item.size, item.size_after) == ("visitors", "changed", 5, 3)
    assert moves(item) == ([], ["c1", "c2"])
    assert plan.unchanged == ("germans",)
    assert [move.reason.split(" in (")[0] for move in item.sample] == [
        f'no: had at least 3 "visit" events in the last 30 days ({count} of at least 3' for count in (1, 2)
    ]
    assert shop.transitions().rows() == before
    assert shop.segment("visitors").version == 1


def test_segments_that_name_a_changed_one_move_with_it(shop: Workspace) -> None:
    found = planned(shop.plan(read(AMERICANS), sample_size=9))
    assert moves(found["germans"]) == (["c4", "c5"], ["c0", "c1", "c2", "c3"])
    assert moves(found["strangers"]) == (["c0", "c1", "c2", "c3"], ["c4", "c5"])
    assert found["strangers"].change is None
    assert found["strangers"].sample[0].reason == 'yes: is not in the segment "germans"'


def test_what_is_applied_is_what_was_planned(shop: Workspace) -> None:
    plan = shop.plan(read(AMERICANS, FREQUENT, segment(VISITED, "new")))
    last = shop.transitions().height
    done = shop.apply_plan(plan, exactly=True)
    assert done.surprises == ()
    for item in plan.segments:
        rows = shop.transitions(after=last, segment_ids=[item.segment_id])
        counts = [rows.filter(change=change).height for change in ("entered", "left")]
        assert counts == [item.entered.size, item.left.size]
        assert set(rows["cause"]) == {"first_run" if item.segment_id == "new" else "definition"}
    check_transitions(shop)
    shop.recompute()
    check_members(shop)


def test_what_moved_meanwhile_is_said_or_nothing_is_stored(shop: Workspace) -> None:
    plan = shop.plan(read(FREQUENT, STRANGERS))
    for _ in range(2):
        shop.events.record({"email": "c1@x.example", "kind": "visit", "occurred_at": NOW})
    shop.events.record_many([{"email": "new@x.example", "kind": "visit", "occurred_at": NOW}] * 1)
    before = shop.transitions().rows()
    with pytest.raises(NotAsPlannedError, match="segment visitors: 1 planned to leave did not; plan again"):
        shop.apply_plan(plan, exactly=True)
    assert shop.segment("visitors").version == 1
    assert shop.transitions().rows() == before
    done = shop.apply_plan(plan)
    assert [str(item) for item in done.surprises] == ["segment visitors: 1 planned to leave did not"]
    assert shop.segment("visitors").version == 2
    shop.recompute()
    check_transitions(shop)
    check_members(shop)


def test_members_beside_the_plan_stay_right(shop: Workspace) -> None:
    """Who was touched stays on record for the segments that the plan does not move."""
    plan = shop.plan(read(FREQUENT))
    shop.upsert({"email": "c0@x.example", "country": "US"})
    shop.apply_plan(plan)
    shop.recompute()
    check_members(shop)
    assert "c0@x.example" not in shop.members("germans")["email"].to_list()


def test_a_plan_with_a_query_of_an_analyst(shop: Workspace) -> None:
    plan = shop.plan(read(segment(found_by("SELECT email FROM contacts WHERE country = 'US'"), "asked")))
    (item,) = plan.segments
    assert moves(item) == (["c4", "c5"], [])
    assert shop.apply_plan(plan).surprises == ()


def test_a_plan_is_kept_in_a_file_and_applied_from_it(shop: Workspace, tmp_path: Path) -> None:
    shop.close()
    (tmp_path / "new.json").write_text(json.dumps([AMERICANS]))
    done = populace("segments", "plan", "shop", "new.json", "--out", "plan.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "germans  changed: 4 -> 2 members  +2 -4" in done.stdout
    assert '  leaves c0@x.example  no: country is "US" (country: "DE")' in done.stdout
    assert "  and 1 more" in done.stdout
    applied = populace("segments", "apply", "shop", "plan.json", "--exactly", cwd=tmp_path)
    assert applied.stdout.splitlines() == [
        "germans  2 entered, 4 left, 2 members",
        "strangers  4 entered, 2 left, 4 members",
        "all as planned",
    ]
    again = populace("segments", "apply", "shop", "plan.json", cwd=tmp_path)
    assert "not as planned: segment germans: 2 planned to enter did not, 4 planned to leave did not" in again.stdout


def test_files_that_are_no_plan_of_this_workspace(shop: Workspace, tmp_path: Path) -> None:
    plan = shop.plan_document(shop.plan(read(AMERICANS)))
    for change, problem in (
        ({"workspace": "2001"}, "is a plan of another workspace"),
        ({"version": 2}, "is no plan that this populace reads"),
        ({"segments": [{"id": "germans"}]}, "cannot be read as a plan"),
        ({"definitions": [{"id": "x"}]}, "tree"),
        ({"as_of": "yesterday"}, "cannot be read as a plan"),
    ):
        (tmp_path / "plan.json").write_text(json.dumps({**plan, **change}))
        with pytest.raises(CallerError, match=problem):
            shop.read_plan(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text(json.dumps(plan)[:300])
    with pytest.raises(CallerError, match="cannot be read as a plan"):
        shop.read_plan(tmp_path / "plan.json")
    with pytest.raises(SegmentsFileError, match="no segment has the id 'nobody'"):
        shop.plan(read(segment(leaf("segment", {"operator": "in", "segment_id": "nobody"}), "lost")))


def test_options_that_do_not_go_together(shop: Workspace, tmp_path: Path) -> None:
    shop.close()
    (tmp_path / "new.json").write_text(json.dumps([AMERICANS]))
    populace("segments", "plan", "shop", "new.json", "--out", "plan.json", cwd=tmp_path)
    for arguments, problem in (
        (("new.json", "--exactly"), "new.json is no plan"),
        (("plan.json", "--dry-run"), "a plan says already what would change"),
    ):
        done = populace("segments", "apply", "shop", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert problem in " ".join(done.stderr.replace("│", " ").split())
