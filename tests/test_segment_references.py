"""Segments that name other segments: evaluated together, checked when they are stored, kept while they are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.definition import read_segment
from ingest.workspace import Workspace
from tests.definitions import branch, field, leaf
from tests.engine_under_test import members_by_engine

AS_OF = "2026-06-01T00:00:00Z"
WORLD = {
    "as_of": AS_OF,
    "contacts": [
        {"email": "ada@x.example", "country": "US", "created_at": "2026-05-10T02:00:00Z"},
        {"email": "bob@x.example", "country": "FR", "created_at": "2026-05-10T02:00:00Z"},
        {"email": "cyd@x.example", "country": "US"},
    ],
}


def naming(segment_id: str, operator: str = "in") -> dict[str, Any]:
    return leaf("segment", {"operator": operator, "segment_id": segment_id})


def made(segment_id: str, tree: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": segment_id, "tree": tree, **more}


def read(*segments: dict[str, Any]) -> list[populace.Segment]:
    return [read_segment(item) for item in segments]


US = made("us", field("country", "equals", "US"))
OTHERS = made("others", branch("not", naming("us")))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert_many(WORLD["contacts"])  # type: ignore[arg-type]
        yield shop


def test_each_segment_keeps_its_own_time_zone() -> None:
    new_york = made("may-9", field("created_at", "equals", "2026-05-09"), timezone="America/New_York")
    both = made("us-of-may-9", branch("and", naming("us"), naming("may-9")), timezone="Asia/Tokyo")
    found = members_by_engine([both, US, new_york], WORLD)
    assert found["us-of-may-9"] == {"ada@x.example"}


def test_a_long_chain_and_a_name_used_by_many_cost_no_more_than_their_segments() -> None:
    chain = [US, *(made(f"s{n}", branch("and", *[naming(f"s{n - 1}" if n else "us")] * 3)) for n in range(300))]
    assert members_by_engine(chain[::-1], WORLD)["s299"] == {"ada@x.example", "cyd@x.example"}


def test_recompute_preview_and_members_follow_what_is_named(shop: Workspace) -> None:
    shop.apply(read(OTHERS, US))
    shop.recompute()
    assert shop.segments_of("bob@x.example") == ("others",)
    assert [item.size for item in shop.preview(read(made("new", naming("others", "not_in")))).segments] == [2]
    shop.apply(read(made("us", field("country", "equals", "FR"))))
    shop.recompute()
    assert shop.segments_of("ada@x.example") == ("others",)
    assert shop.check().is_clean


@pytest.mark.parametrize(
    ("segments", "problem"),
    [
        ([OTHERS], "segment 'others': tree.branch.leaves[0].leaf.segment.segment_id: no segment has the id 'us'"),
        ([made("a", naming("a"))], "leads back to the segment itself: a -> a"),
        (
            [
                made("a", naming("b")),
                made("b", naming("c")),
                made("c", branch("or", field("email", "is_set"), naming("a"))),
            ],
            "leads back to the segment itself: a -> b -> c -> a",
        ),
    ],
    ids=["unknown", "itself", "in a circle"],
)
def test_what_leads_nowhere_or_in_a_circle_is_refused(
    shop: Workspace, tmp_path: Path, segments: list[dict[str, Any]], problem: str
) -> None:
    for refused in (shop.apply, shop.preview):
        with pytest.raises(populace.SegmentsFileError) as caught:
            refused(read(*segments))
        assert problem in str(caught.value)
    assert shop.segments() == []
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "contacts.csv").write_text("email\nada@x.example\n", "utf-8")
    with pytest.raises(populace.SegmentsFileError) as caught:
        populace.run(tmp_path / "data", segments=read(*segments))
    assert problem in str(caught.value)


def test_a_circle_through_stored_segments_is_refused(shop: Workspace) -> None:
    shop.apply(read(US, OTHERS))
    with pytest.raises(populace.SegmentsFileError, match="us -> others -> us"):
        shop.apply(read(made("us", naming("others"))))


def test_a_segment_that_others_name_cannot_be_deleted(shop: Workspace) -> None:
    shop.apply(read(US, OTHERS))
    with pytest.raises(populace.SegmentInUseError, match="'us' is named by 'others'; change or delete those first"):
        shop.delete_segment("us")
    shop.delete_segment("others")
    shop.delete_segment("us")
    assert shop.segments() == []
