"""Real data and cases from outside, by import and recompute: the members are those of `populace run`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import populace
from tests.engine_under_test import write_dataset
from tests.test_outside_cases import WORLD_COUNT


def test_cdnow_has_the_same_members_by_import_and_recompute(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "cdnow"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    with populace.init(tmp_path / "cdnow") as workspace:
        workspace.import_dataset(folder)
        workspace.apply(folder / "segments.json")
        found = workspace.recompute(as_of=expected["as_of"])
        assert {item.segment.id: item.size for item in found.segments} == {
            name: wanted["size"] for name, wanted in expected["members"].items()
        }
        for segment_id, wanted in expected["members"].items():
            emails = workspace.members(segment_id).get_column("email").to_list()
            digest = hashlib.sha256("\n".join(emails).encode()).hexdigest()
            assert (segment_id, digest) == (segment_id, wanted["sha256_of_sorted_emails_joined_by_newline"])
        before = workspace.content_hash()
        again = workspace.import_dataset(folder)
        assert not again.has_changes
        assert workspace.content_hash() == before


@pytest.mark.parametrize("number", range(WORLD_COUNT))
def test_a_base_world_has_the_same_members_by_import_and_recompute(number: int, shared: Path, tmp_path: Path) -> None:
    world = json.loads((shared / "cases" / "base.jsonl").read_text("utf-8").splitlines()[number])
    (tmp_path / "data").mkdir()
    write_dataset(world, tmp_path / "data")
    zone = world.get("timezone") or "UTC"
    segments = [
        populace.read_segment({key: segment[key] for key in ("id", "tree")}, default_timezone=zone)
        for segment in world["segments"]
    ]
    with populace.init(tmp_path / "workspace", timezone=zone) as workspace:
        workspace.import_dataset(tmp_path / "data")
        before = workspace.content_hash()
        assert not workspace.import_dataset(tmp_path / "data").has_changes
        assert workspace.content_hash() == before
        workspace.apply(segments)
        workspace.recompute(as_of=world["as_of"])
        found = {segment.id: set(workspace.members(segment.id).get_column("email")) for segment in segments}
    assert found == {segment["id"]: set(segment["members"]) for segment in world["segments"]}
