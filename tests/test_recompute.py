"""Recompute keeps who is in, and who entered and left, by difference."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import populace
from engine.compile import Step, scan_step
from engine.execute import evaluate
from engine.execute.transitions import Difference, read_differences
from engine.plan import Plan
from engine.plan.scans import Scan
from ingest.workspace import Workspace
from tests import reference
from tests.cases.world import AS_OF, WORLD
from tests.definitions import events, field, segment
from tests.engine_under_test import write_dataset
from tests.strategies import world_and_segments

OPENERS = segment(events("open_email", "at_least", 1, "in_the_last_days", "30"), "openers")
AMERICANS = segment(field("country", "equals", "US"), "americans")
LATER = "2026-09-01T00:00:00Z"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "data").mkdir()
    write_dataset(WORLD, tmp_path / "data")
    with populace.init(tmp_path / "workspace") as opened:
        opened.import_dataset(tmp_path / "data")
        yield opened


def emails_of(workspace: Workspace, segment_id: str) -> list[str]:
    return list(workspace.members(segment_id).get_column("email"))


def differences(workspace: Workspace) -> list[Difference]:
    with workspace._store.cursor() as cursor:
        return read_differences(cursor)


def replayed(workspace: Workspace) -> dict[str, set[int]]:
    """Who is in which segment, by the transitions alone; checks on the way that each of them changes something."""
    members: dict[str, set[int]] = {}
    for item in differences(workspace):
        found = members.setdefault(item.segment_id, set())
        left, entered = set(item.left.ids().tolist()), set(item.entered.ids().tolist())
        assert left <= found
        assert not entered & found
        found -= left
        found |= entered
    return members


def check_transitions(workspace: Workspace) -> None:
    """Replayed transitions are the stored memberships, and their sequence has no gap."""
    stored = {name: set(item.members.ids().tolist()) for name, item in workspace._read_memberships().items()}
    found = replayed(workspace)
    assert {name: ids for name, ids in found.items() if ids} == {name: ids for name, ids in stored.items() if ids}
    with workspace._store.cursor() as cursor:
        names = "first_sequence, left_count, entered_count"
        rows = cursor.execute(f"SELECT {names} FROM transitions ORDER BY first_sequence").fetchall()
    sequence = 1
    for first, left, entered in rows:
        assert first == sequence
        assert left + entered > 0
        sequence += left + entered
    told = workspace.transitions()
    assert told["sequence"].to_list() == list(range(1, sequence))
    assert workspace.transitions(after=sequence // 2).rows() == told.rows()[sequence // 2 :]


def check_members(shop: Workspace) -> None:
    """The stored members are those whom an evaluation of everybody at their instant finds."""
    states = shop.segments()
    (as_of,) = {state.as_of for state in states}
    assert as_of is not None
    found = evaluate(shop._store, [state.segment for state in states], as_of=as_of)
    stored = shop._read_memberships()
    for name, members in found.members.items():
        assert stored[name].members.ids().tolist() == members.ids().tolist(), name


def test_members_enter_and_leave_with_time(workspace: Workspace) -> None:
    workspace.apply([populace.read_segment(OPENERS), populace.read_segment(AMERICANS)])
    first = workspace.recompute(AS_OF)
    assert [(item.segment.id, item.size, item.entered, item.left) for item in first.segments] == [
        ("americans", 2, 2, 0),
        ("openers", 2, 2, 0),
    ]
    assert emails_of(workspace, "openers") == ["ada@x.example", "bo@x.example"]
    second = workspace.recompute(LATER)
    assert [(item.segment.id, item.size, item.entered, item.left) for item in second.segments] == [
        ("americans", 2, 0, 0),
        ("openers", 0, 0, 2),
    ]
    assert emails_of(workspace, "openers") == []
    assert workspace.segment("americans").as_of == second.as_of
    assert workspace.segments_of(" ADA@x.example") == ("americans",)
    check_transitions(workspace)


def test_a_recompute_that_finds_nothing_new_writes_no_transition(workspace: Workspace) -> None:
    workspace.apply([populace.read_segment(OPENERS)])
    workspace.recompute(AS_OF)
    before = len(differences(workspace))
    result = workspace.recompute(AS_OF)
    assert [(item.entered, item.left) for item in result.segments] == [(0, 0)]
    assert len(differences(workspace)) == before == 1


def test_a_changed_definition_is_outdated_until_it_is_computed(workspace: Workspace) -> None:
    workspace.apply([populace.read_segment(OPENERS)])
    assert workspace.segment("openers").status == "new"
    with pytest.raises(populace.NotComputedError, match="populace recompute"):
        workspace.members("openers")
    workspace.recompute(AS_OF)
    assert workspace.segment("openers").status == "computed"
    changed = segment(events("open_email", "exactly", 0), "openers")
    (applied,) = workspace.apply([populace.read_segment(changed)])
    assert (applied.change, applied.version) == ("changed", 2)
    assert workspace.segment("openers").status == "outdated"
    assert emails_of(workspace, "openers") == ["ada@x.example", "bo@x.example"]
    workspace.recompute(AS_OF)
    assert workspace.segment("openers").status == "computed"
    assert "ada@x.example" not in emails_of(workspace, "openers")
    check_transitions(workspace)


def test_a_new_name_is_computed_without_a_transition(workspace: Workspace) -> None:
    workspace.apply([populace.read_segment(OPENERS)])
    workspace.recompute(AS_OF)
    workspace.apply([populace.read_segment({**OPENERS, "name": "Opened an e-mail"})])
    assert workspace.segment("openers").status == "outdated"
    workspace.recompute(AS_OF)
    assert workspace.segment("openers").status == "computed"
    assert len(differences(workspace)) == 1


def test_a_deleted_segment_loses_its_members_and_its_id_can_come_back(workspace: Workspace) -> None:
    workspace.apply([populace.read_segment(OPENERS)])
    workspace.recompute(AS_OF)
    workspace.delete_segment("openers")
    assert workspace.segments() == []
    check_transitions(workspace)
    assert replayed(workspace) == {"openers": set()}
    with pytest.raises(populace.UnknownSegmentError):
        workspace.delete_segment("openers")
    (applied,) = workspace.apply([populace.read_segment(OPENERS)])
    assert (applied.change, applied.version) == ("new", 3)
    workspace.recompute(AS_OF)
    assert len(emails_of(workspace, "openers")) == 2
    check_transitions(workspace)


def test_a_segment_that_fails_keeps_its_members_and_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.apply([populace.read_segment(OPENERS), populace.read_segment(AMERICANS)])
    workspace.recompute(AS_OF)

    def broken_for_events(scan: Scan, plan: Plan) -> Step:
        step = scan_step(scan, plan)
        return replace(step, sql="SELECT no_such_column FROM contacts") if "open_email" in step.sql else step

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr("engine.execute.batch.scan_step", broken_for_events)
        result = workspace.recompute(LATER)
    assert list(result.failed) == ["openers"]
    assert "no_such_column" in result.failed["openers"]
    state = workspace.segment("openers")
    assert (state.status, state.size) == ("failed", 2)
    assert workspace.segment("americans").as_of == result.as_of
    check_transitions(workspace)
    workspace.recompute(LATER)
    assert (workspace.segment("openers").status, workspace.segment("openers").size) == ("computed", 0)
    check_transitions(workspace)


def test_a_segment_that_never_could_be_computed_has_no_members_to_show(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.apply([populace.read_segment(OPENERS)])
    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr("engine.execute.batch.scan_step", lambda *_: Step("broken", "", "SELEC", lambda: "SELEC"))
        workspace.recompute(AS_OF)
    state = workspace.segment("openers")
    assert (state.status, state.size, state.as_of) == ("failed", None, None)
    with pytest.raises(populace.NotComputedError, match="it failed"):
        workspace.members("openers")


def test_without_segments_or_contacts_there_is_nothing_to_do(tmp_path: Path) -> None:
    with populace.init(tmp_path / "workspace") as workspace:
        assert workspace.recompute(AS_OF).segments == ()
        workspace.apply([populace.read_segment(AMERICANS)])
        assert [item.size for item in workspace.recompute(AS_OF).segments] == [0]
        assert emails_of(workspace, "americans") == []


def test_a_preview_keeps_nothing(workspace: Workspace) -> None:
    found = workspace.preview([populace.read_segment(OPENERS)], as_of=AS_OF, sample_size=1)
    assert [(item.size, len(item.sample)) for item in found.segments] == [(2, 1)]
    assert workspace.segments() == []
    assert differences(workspace) == []


STEPS = st.lists(st.sampled_from(["data", "more data", "segments", "recompute", "later", "delete"]), max_size=6)


@settings(max_examples=settings().max_examples // 16)
@given(one=world_and_segments(), other=world_and_segments(), steps=STEPS)
def test_after_any_steps_members_are_those_of_the_reference_and_transitions_add_up(
    one: tuple[dict[str, Any], list[dict[str, Any]]],
    other: tuple[dict[str, Any], list[dict[str, Any]]],
    steps: list[str],
) -> None:
    (world, segments), (other_world, _) = one, other
    zone = world.get("timezone") or "UTC"
    with TemporaryDirectory() as scratch, populace.init(Path(scratch) / "w", timezone=zone) as workspace:
        for name, rows in (("data", world), ("more data", other_world)):
            (Path(scratch) / name).mkdir()
            write_dataset(rows, Path(scratch) / name)
        for field in world["custom_fields"]:
            workspace.fields.define(**field)
        workspace.import_dataset(Path(scratch) / "data")
        fields = workspace.fields.of_definitions
        read = [populace.read_segment(dict(item), default_timezone=zone, fields=fields) for item in segments]
        workspace.apply(read[:1])
        for step in steps:
            match step:
                case "data" | "more data":
                    workspace.import_dataset(Path(scratch) / step)
                case "segments":
                    workspace.apply(read)
                case "delete":
                    for state in workspace.segments()[-1:]:
                        workspace.delete_segment(state.segment.id)
                case "recompute" | "later":
                    workspace.recompute(world["as_of"] if step == "recompute" else LATER)
        if "more data" not in steps:
            workspace.apply(read)
            workspace.recompute(world["as_of"])
            for item in segments:
                expected = reference.members(item, as_it_began(world), others=segments)
                assert set(emails_of(workspace, item["id"])) == expected
        check_transitions(workspace)


def as_it_began(world: dict[str, Any]) -> dict[str, Any]:
    """A world without contacts and subscriptions that say that they were created after its instant."""
    as_of = datetime.fromisoformat(world["as_of"])

    def began(rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
        last = {tuple(row[key].strip() for key in keys): row for row in rows}
        return [
            row
            for row in rows
            if not (at := last[tuple(row[key].strip() for key in keys)].get("created_at"))
            or datetime.fromisoformat(at) <= as_of
        ]

    contacts, subscriptions = world.get("contacts", []), world.get("subscriptions", [])
    return {**world, "contacts": began(contacts, "email"), "subscriptions": began(subscriptions, "email", "list_id")}
