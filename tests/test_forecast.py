"""The size of a segment over the next days is what evaluations at those instants find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import populace as library
from tests.commands import populace
from tests.definitions import branch, events, field, leaf, segment
from tests.engine_under_test import write_dataset

Json = dict[str, Any]
AS_OF = "2026-03-07T12:00:00Z"
NAMES = [f"{name}@x.example" for name in ("ada", "bo", "cy", "di", "ed", "fay")]
WORLD: Json = {
    "contacts": [
        {"email": email, "timezone": zone, "custom_datetime_1": f"2026-03-{9 + number:02}T00:00:00Z"}
        for number, (email, zone) in enumerate(zip(NAMES, ["Asia/Tokyo", "America/Havana", ""] * 2, strict=True))
    ],
    "timeline": [
        {"email": email, "kind": "visit", "occurred_at": f"2026-03-{day:02}T{hour:02}:00:00Z"}
        for email, day, hour in zip(NAMES, (1, 3, 5, 7, 8, 9), (0, 4, 5, 12, 5, 23), strict=True)
    ],
}
SEGMENTS = [
    segment(events("visit", "at_least", 1, "in_the_last_days", "3"), "recent", "America/Havana"),
    segment(
        branch(
            "or",
            leaf("segment", {"segment_id": "recent"}),
            field("custom_datetime_1", "today"),
            events("visit", "at_least", 1, "last_week"),
        ),
        "mixed",
        "contact",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecast")
    (folder / "data").mkdir()
    write_dataset(WORLD, folder / "data")
    with library.init(folder / "shop", timezone="Asia/Kathmandu") as shop:
        shop.import_dataset(folder / "data")
        shop.apply([library.read_segment(item) for item in SEGMENTS])
    return folder


@pytest.fixture
def shop(folder: Path) -> Iterator[library.Workspace]:
    with library.open(folder / "shop") as shop:
        yield shop


@pytest.mark.parametrize("segment_id", ["recent", "mixed"])
def test_every_size_is_that_of_a_recompute_at_that_instant(shop: library.Workspace, segment_id: str) -> None:
    found = shop.forecast(segment_id, days=10, as_of=AS_OF)
    assert (len(found.days), found.contact_count) == (11, 6)
    before: set[str] | None = None
    for day in found.days:
        shop.recompute(as_of=day.as_of)
        members = set(shop.members(segment_id)["email"])
        before = members if before is None else before
        assert (day.size, day.entered, day.left) == (len(members), len(members - before), len(before - members)), day
        before = members
    assert len({day.size for day in found.days}) > 2


def test_days_start_in_the_zone_of_the_segment(shop: library.Workspace) -> None:
    """On 8 March 2026 Havana's day began at 1:00, which is 5:00 in UTC, and the next one 23 hours later."""
    found = shop.forecast("recent", days=3, as_of=AS_OF)
    assert found.zone_name == "America/Havana"
    assert [(day.on, day.as_of.strftime("%d %H:%M")) for day in found.days] == [
        (date(2026, 3, 7), "07 12:00"),
        (date(2026, 3, 8), "08 05:00"),
        (date(2026, 3, 9), "09 04:00"),
        (date(2026, 3, 10), "10 04:00"),
    ]


def test_days_start_in_the_zone_of_the_workspace_where_each_contact_has_its_own(shop: library.Workspace) -> None:
    found = shop.forecast("mixed", days=1, as_of=AS_OF)
    assert found.zone_name == "Asia/Kathmandu"
    assert [day.as_of for day in found.days][1] == datetime(2026, 3, 7, 18, 15, tzinfo=UTC)


def test_a_day_that_never_was_and_days_after_the_last_have_no_row(shop: library.Workspace) -> None:
    shop.apply([library.read_segment(segment(events("visit", "at_least", 1), "apia", "Pacific/Apia"))])
    skipped = shop.forecast("apia", days=3, as_of="2011-12-29T12:00:00Z")  # 30 December did not take place there
    assert [day.on.isoformat() for day in skipped.days] == ["2011-12-29", "2011-12-30", "2012-01-01"]
    last = shop.forecast("apia", days=30, as_of="9999-12-29T12:00:00Z")
    assert [day.on.isoformat() for day in last.days] == ["9999-12-30", "9999-12-31"]


def test_what_cannot_be_is_said(shop: library.Workspace) -> None:
    with pytest.raises(library.UnknownSegmentError, match="no segment has the id 'resent'; did you mean 'recent'"):
        shop.forecast("resent")
    with pytest.raises(library.CallerError, match="days: must be 1 to 3660, got 0"):
        shop.forecast("recent", days=0)


def test_each_day_is_told_before_it_is_computed(shop: library.Workspace) -> None:
    told: list[datetime] = []
    found = shop.forecast("recent", days=2, as_of=AS_OF, on_day=told.append)
    assert told == [day.as_of for day in found.days]


def test_the_command_gives_programs_what_it_shows_to_people(folder: Path) -> None:
    arguments = ("forecast", "shop", "recent", "--days", 2, "--as-of", AS_OF)
    shown = populace(*arguments, cwd=folder)
    assert (shown.returncode, shown.stderr) == (0, "")
    as_json = json.loads(populace(*arguments, "--json", cwd=folder).stdout)
    assert (as_json["segment_id"], as_json["timezone"], as_json["contact_count"]) == ("recent", "America/Havana", 6)
    csv = populace(*arguments, "--format", "csv", cwd=folder).stdout
    assert csv.splitlines()[0] == "on,as_of,size,entered,left"
    assert csv.splitlines()[1:] == [",".join(map(str, day.values())) for day in as_json["days"]]
    assert populace(*arguments, "--out", "days.parquet", cwd=folder).returncode == 0
    assert pl.read_parquet(folder / "days.parquet")["size"].to_list() == [day["size"] for day in as_json["days"]]
    for day in as_json["days"]:
        assert any(f"{day['on']}" in line and f" {day['size']} " in line for line in shown.stdout.splitlines())
    refused = populace(*arguments, "--out", "days.txt", cwd=folder)
    assert (refused.returncode, "it can end in" in refused.stderr) == (2, True)
