"""Real data and cases from outside: the members must be exactly theirs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from engine.definition.points import parsed_instant
from ingest.batch import run_batch
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.segments_file import read_segments
from tests.engine_under_test import members_by_engine

WORLD_COUNT = 10


def test_cdnow_gives_the_sizes_and_hashes_that_were_worked_out_elsewhere(shared: Path) -> None:
    folder = shared / "data" / "cdnow"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    as_of = parsed_instant(expected["as_of"])
    assert as_of is not None
    dataset = open_dataset(folder, bad_rows=StopAtFirstBadRow())
    result = run_batch(dataset, read_segments(folder / "segments.json"), as_of=as_of)
    assert set(result.evaluation.members) == set(expected["members"])
    for segment_id, wanted in expected["members"].items():
        emails = result.members(segment_id).get_column("email").to_list()
        digest = hashlib.sha256("\n".join(emails).encode()).hexdigest()
        assert (segment_id, len(emails), digest) == (
            segment_id,
            wanted["size"],
            wanted["sha256_of_sorted_emails_joined_by_newline"],
        )


@pytest.mark.parametrize("number", range(WORLD_COUNT))
def test_every_definition_of_a_base_world_has_the_members_that_two_judges_agreed_on(number: int, shared: Path) -> None:
    lines = (shared / "cases" / "base.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == WORLD_COUNT
    world = json.loads(lines[number])
    segments = [{key: segment[key] for key in ("id", "tree")} for segment in world["segments"]]
    found = members_by_engine(segments, world)
    assert found == {segment["id"]: set(segment["members"]) for segment in world["segments"]}
