"""`import populace`: what a notebook uses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import populace
from tests.cases.world import WORLD
from tests.definitions import events, segment
from tests.engine_under_test import write_dataset

OPENERS = segment(events("open_email", "at_least", 1, "in_the_last_days", "30"), "openers")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    write_dataset(WORLD, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-06-01T12:00:00Z",
        datetime(2026, 6, 1, 12, tzinfo=UTC),
        datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_run_takes_an_instant_in_any_zone_and_gives_frames(dataset: Path, as_of: str | datetime) -> None:
    result = populace.run(dataset, segments=[populace.read_segment(OPENERS)], as_of=as_of)
    assert result.size("openers") == 2
    assert result.members("openers").get_column("email").to_list() == ["ada@x.example", "bo@x.example"]
    assert result.report.tables["timeline"].replaced == 1


@pytest.mark.parametrize("as_of", ["2026-06-01", datetime(2026, 6, 1)])
def test_an_instant_without_a_zone_is_refused(dataset: Path, as_of: str | datetime) -> None:
    with pytest.raises(populace.CallerError, match="give it with its zone"):
        populace.run(dataset, segments=[], as_of=as_of)


def test_every_name_of_the_public_face_is_there_and_described() -> None:
    for name in populace.__all__:
        assert getattr(populace, name).__doc__, name


def test_errors_of_the_caller_are_one_family(dataset: Path) -> None:
    (dataset / "contacts.jsonl").write_text("{")
    with pytest.raises(populace.BadRowError) as caught:
        populace.run(dataset, segments=[])
    assert isinstance(caught.value, populace.CallerError)
    assert caught.value.row == 1
