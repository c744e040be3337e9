"""The command explain: for programs, and where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import populace as library
from tests.cases.world import AS_OF, WORLD
from tests.commands import populace
from tests.definitions import branch, events, field, goal, segment
from tests.engine_under_test import write_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    (folder / "data").mkdir()
    write_dataset(WORLD, folder / "data")
    tree = branch(
        "or", field("country", "equals", "US"), events("open_email", "at_least", 1, "this_month"), goal("sum", "gte", 1)
    )
    with library.init(folder / "shop") as shop:
        shop.import_dataset(folder / "data")
        shop.apply([library.read_segment(segment(tree, "mixed", "Europe/Paris"))])
    return folder


def test_json_says_the_same_as_the_text(folder: Path) -> None:
    email = WORLD["contacts"][0]["email"]
    arguments = ("explain", "shop", "mixed", email, "--as-of", AS_OF)
    found = json.loads(populace(*arguments, "--json", cwd=folder).stdout)
    text = populace(*arguments, cwd=folder).stdout
    assert (found["email"], found["segment_id"], found["timezone"]) == (email, "mixed", "Europe/Paris")
    assert ("is in mixed" in text) == found["is_member"] == found["tree"]["holds"]
    assert found["tree"]["words"] == "any of:"
    by_field, by_count, by_goal = found["tree"]["parts"]
    for part in (by_field, by_count, by_goal):
        assert f"{'yes' if part['holds'] else 'no '} {part['words']}  {part['found']}" in text
    assert by_field["measured"] == WORLD["contacts"][0]["country"]
    (window,) = by_count["windows"]
    assert window["start_at"] == "2026-05-31T22:00:00Z"
    assert by_count["event_count"] == len(by_count["events"]) == by_count["measured"]
    assert all(event["kind"] == "open_email" for event in by_count["events"])
    assert all(float(event["value"]) for event in by_goal["events"])
    assert isinstance(by_goal["measured"], str)  # exact
    assert all(f"with: {change}" in text for change in found["changes"])
    assert (found["next_change_at"] or "if nothing else happens: ") in text


def test_what_is_not_there_ends_with_2(folder: Path) -> None:
    for arguments, problem in (
        (("nobodys", "x@x.example"), "no segment has the id 'nobodys'"),
        (("mixed", "x@x.example"), "no contact has the e-mail 'x@x.example'"),
        (("mixed", "no mail"), "'no mail' is not an e-mail address"),
    ):
        done = populace("explain", "shop", *arguments, cwd=folder)
        assert (done.returncode, problem in done.stderr) == (2, True), done.stderr
