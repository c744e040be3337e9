"""The judge is judged: by the cases of an independent source, by rows worked out by hand, and by its own rules."""

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given

from tests.one_contact import contact_condition, one_contact, segment_of
from tests.reference import members
from tests.reference_question import Row
from tests.strategies import same_examples_each_time, world_and_segments

EVERYONE = {"ann@x.example", "bob@x.example"}


def test_the_judge_finds_the_members_of_all_base_cases(shared: Path) -> None:
    base_cases = shared / "cases" / "base.jsonl"
    worlds = [json.loads(line) for line in base_cases.read_text(encoding="utf-8").splitlines()]
    assert len(worlds) == 10
    assert sum(len(world["segments"]) for world in worlds) == 232
    for world in worlds:
        for segment in world["segments"]:
            found = sorted(members(segment, world))
            assert found == segment["members"], f"{world['id']} {segment['id']} {json.dumps(segment['tree'])}"


def test_the_last_of_two_rows_of_a_contact_wins_entirely() -> None:
    rows = [{"email": "ann@x.example", "country": "US", "state": "NY"}, {"email": " ANN@x.example ", "country": "FR"}]
    world = {"as_of": "2026-06-01T12:00:00Z", "timezone": "UTC", "contacts": rows}
    assert members(segment_of(contact_condition("country", "equals", string_values=["FR"])), world) == {"ann@x.example"}
    assert not members(segment_of(contact_condition("state", "is_set")), world)
    assert members(segment_of(contact_condition("email", "equals", string_values=["ann@x.example"])), world)
    assert not members(segment_of(contact_condition("email", "contains", string_values=[" "])), world)


def test_a_segment_without_a_time_zone_has_that_of_the_workspace() -> None:
    segment = segment_of(contact_condition("custom_datetime_1", "equals", string_values=["2026-06-01"]))
    del segment["timezone"]
    world = one_contact("2026-05-31T22:00:00Z")
    assert not members(segment, world)
    assert members(segment, world | {"timezone": "Europe/Paris"})
    assert members(segment, world | {"timezone": "Europe/Paris"}, as_of=datetime(2020, 1, 1, tzinfo=UTC))


def test_a_subscription_counts_by_its_last_row_while_its_list_is_alive() -> None:
    rows = [
        ("ann@x.example", "active"),
        ("Ann@x.example", "bounced"),
        ("bob@x.example", "active"),
        ("cyd@x.example", ""),
    ]
    world = {
        "as_of": "2026-06-01T12:00:00Z",
        "contacts": [{"email": email} for email in EVERYONE],
        "subscriptions": [{"email": email, "list_id": "news", "status": status} for email, status in rows],
    }

    def found(deleted_at: str | None, **condition: str | None) -> set[str]:
        lists = [{"id": "news", "deleted_at": deleted_at}]
        leaf = {"source": "contact_lists", "contact_list": {"list_id": "news", **condition}}
        return members(segment_of(leaf), world | {"lists": lists})

    assert found(None) == found(None, status="", operator="") == EVERYONE
    assert found(None, status="active") == {"bob@x.example"}
    assert found(None, status="active", operator="not_in") == {"ann@x.example"}
    assert found("2026-06-01T12:00:00.000001Z", status=None) == EVERYONE
    assert found("2026-06-01T12:00:00Z") == set()
    assert found("2026-06-01T12:00:00Z", operator="not_in") == EVERYONE


@same_examples_each_time
@given(pair=world_and_segments())
def test_every_segment_and_its_complement_share_out_all_contacts(pair: tuple[Row, list[Row]]) -> None:
    world, segments = pair
    everyone = {row["email"].strip().lower() for row in world["contacts"]}
    for segment in segments:
        complement = {"kind": "branch", "branch": {"operator": "not", "leaves": [segment["tree"]]}}
        inside = members(segment, world, others=segments)
        outside = members(segment | {"tree": complement}, world, others=segments)
        assert inside | outside == everyone
        assert not inside & outside
