"""Transitions: who entered and left, when and why, and read on from any place."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

import populace
from engine.errors import CallerError, UnknownSegmentError
from tests.clocked_shop import START, Shop, shop
from tests.commands import populace as command
from tests.definitions import Json, branch, events, field, found_by, leaf, on_list, segment

__all__ = ["shop"]

ADA, BO, CY = "ada@x.example", "bo@x.example", "cy@x.example"
AMERICANS = segment(field("country", "equals", "US"), "americans")
OPENERS = segment(events("open_email", "at_least", 1, "in_the_last_days", "30"), "openers")

Told = list[tuple[str, str | None, str, str | None]]


def apply(shop: Shop, *definitions: Json) -> None:
    shop.apply([populace.read_segment(dict(item), fields=shop.fields.of_definitions) for item in definitions])


def told(shop: Shop, after: int = 0) -> Told:
    """What happened: segment, e-mail, change, cause."""
    rows: Told = shop.transitions(after=after).select("segment_id", "email", "change", "cause").rows()
    return rows


def fill(shop: Shop, *definitions: Json) -> int:
    """Three contacts, and the segments once computed; the last sequence number."""
    shop.upsert_many([{"email": ADA, "country": "US"}, {"email": BO, "country": "US"}, {"email": CY, "country": "DE"}])
    apply(shop, *definitions)
    shop.later()
    shop.recompute()
    shop.later()
    return shop.transitions().height


def test_the_first_run_is_a_cause_of_its_own(shop: Shop) -> None:
    fill(shop, AMERICANS)
    assert told(shop) == [("americans", ADA, "entered", "first_run"), ("americans", BO, "entered", "first_run")]


def test_data_and_time_are_told_apart_in_one_recompute(shop: Shop) -> None:
    for email, days in ((ADA, 29), (BO, 1)):
        shop.upsert({"email": email})
        opened_at = (START - timedelta(days=days)).isoformat()
        shop.events.record({"email": email, "kind": "open_email", "occurred_at": opened_at})
    last = fill(shop, OPENERS)
    assert last == 2
    shop.events.record({"email": CY, "kind": "open_email", "occurred_at": shop.at.isoformat()})
    shop.at += timedelta(days=3)
    shop.recompute()
    assert told(shop, last) == [("openers", CY, "entered", "data"), ("openers", ADA, "left", "time")]
    shop.at += timedelta(days=30)
    shop.recompute()
    assert told(shop, last + 2) == [("openers", BO, "left", "time"), ("openers", CY, "left", "time")]


def test_a_changed_definition_is_the_cause_and_a_new_name_is_none(shop: Shop) -> None:
    last = fill(shop, AMERICANS)
    shop.upsert({"email": ADA, "country": "FR"})
    apply(shop, {**AMERICANS, "name": "In the United States"})
    shop.recompute()
    assert told(shop, last) == [("americans", ADA, "left", "data")]
    apply(shop, segment(field("country", "not_equals", "US"), "americans"))
    shop.upsert({"email": CY, "country": "US"})
    shop.recompute()
    assert told(shop, last + 1) == [
        ("americans", BO, "left", "definition"),
        ("americans", ADA, "entered", "definition"),
    ]


def test_a_changed_definition_is_the_cause_in_segments_that_name_it_however_far(shop: Shop) -> None:
    other = segment(leaf("segment", {"operator": "not_in", "segment_id": "americans"}), "others")
    third = segment(leaf("segment", {"operator": "in", "segment_id": "others"}), "third")
    last = fill(shop, AMERICANS, other, third)
    apply(shop, segment(field("country", "equals", "DE"), "americans"))
    shop.recompute()
    assert {row[3] for row in told(shop, last)} == {"definition"}
    assert {row[0] for row in told(shop, last)} == {"americans", "others", "third"}


def test_a_segment_that_is_deleted_lets_all_go_and_begins_anew(shop: Shop) -> None:
    last = fill(shop, AMERICANS)
    shop.delete_segment("americans")
    assert told(shop, last) == [("americans", ADA, "left", "definition"), ("americans", BO, "left", "definition")]
    assert [item.size for item in shop.size_history("americans")] == [2, 0]
    apply(shop, AMERICANS)
    shop.recompute()
    assert {row[3] for row in told(shop, last + 2)} == {"first_run"}


def test_who_was_merged_leaves_under_the_last_email_and_who_was_erased_without_one(shop: Shop) -> None:
    last = fill(shop, AMERICANS)
    shop.merge([BO, ADA])
    shop.recompute()
    assert told(shop, last) == [("americans", BO, "left", "merge")]
    assert shop.members("americans")["email"].to_list() == [BO]
    assert shop.transitions()["merged_into"].to_list() == [None, BO, BO]
    shop.erase(shop.members("americans")["email"][0])
    assert told(shop, last + 1) == [("americans", None, "left", "delete")]


def test_a_list_that_is_deleted_is_data_of_everybody_on_it(shop: Shop) -> None:
    shop.lists.save("news")
    shop.upsert({"email": ADA})
    shop.lists.subscribe(ADA, "news")
    last = fill(shop, segment(on_list("news"), "readers"))
    shop.lists.delete("news")
    shop.later()
    shop.recompute()
    assert told(shop, last) == [("readers", ADA, "left", "data")]


def test_an_imported_list_that_is_deleted_is_data_of_everybody_on_it(shop: Shop, tmp_path: Path) -> None:
    shop.lists.save("news")
    shop.upsert({"email": ADA})
    shop.lists.subscribe(ADA, "news")
    last = fill(shop, segment(on_list("news"), "readers"))
    row = {"id": "news", "name": "News", "deleted_at": shop.at.isoformat()}
    shop.take(tmp_path / "d", lists=[row])
    shop.later()
    shop.recompute()
    assert told(shop, last) == [("readers", ADA, "left", "data")]


def test_a_query_of_an_analyst_sees_the_data_of_all(shop: Shop) -> None:
    """The share of Americans lets others enter and leave."""
    many = "SELECT email FROM contacts WHERE (SELECT count(*) FROM contacts WHERE country = 'US') >= 3"
    last = fill(shop, segment(found_by(many), "crowd"))
    shop.upsert({"email": CY, "country": "US"})
    shop.recompute()
    assert told(shop, last) == [("crowd", email, "entered", "data") for email in (ADA, BO, CY)]


def test_reading_on_from_any_place_gives_the_rest_once(shop: Shop) -> None:
    fill(shop, AMERICANS, segment(branch("not", field("country", "equals", "US")), "others"))
    apply(shop, segment(field("country", "not_equals", "US"), "americans"))
    shop.upsert({"email": "di@x.example", "country": "FR"})
    shop.recompute()
    whole = shop.transitions()
    assert whole.filter(segment_id="americans")["change"].to_list() == ["entered"] * 2 + ["left"] * 2 + ["entered"] * 2
    assert whole["sequence"].to_list() == list(range(1, whole.height + 1))
    for after in range(whole.height + 2):
        assert shop.transitions(after=after).rows() == whole.rows()[after:]
        of_one = [row for row in whole.rows()[after:] if row[1] == "others"]
        assert shop.transitions(after=after, segment_ids=["others"]).rows() == of_one


def test_who_was_in_at_an_instant_is_looked_up_by_when_it_was_stored(shop: Shop) -> None:
    fill(shop, AMERICANS)
    first = shop.at
    shop.upsert({"email": ADA, "country": "DE"})
    shop.later()
    shop.recompute()
    second = shop.at
    shop.recompute(START - timedelta(days=1))  # of an instant that has passed; it is stored later all the same
    third = shop.later()
    found = [shop.members_recorded("americans", at)["email"].to_list() for at in (START, first, second, third)]
    assert found == [[], [ADA, BO], [], []]
    sizes = shop.size_history("americans")
    assert [(item.cause, item.entered, item.left, item.size) for item in sizes] == [
        ("first_run", 2, 0, 2),
        ("data", 0, 1, 1),
        ("time", 0, 1, 0),
    ]
    assert [item.recorded_at for item in sizes] == sorted(item.recorded_at for item in sizes)


def test_a_clock_that_was_set_back_does_not_reorder_what_was_stored(shop: Shop) -> None:
    fill(shop, AMERICANS)
    shop.at -= timedelta(days=1)
    shop.upsert({"email": CY, "country": "US"})
    shop.recompute()
    recorded = shop.transitions()["recorded_at"].to_list()
    assert recorded == sorted(recorded)


def test_what_cannot_be_asked(shop: Shop) -> None:
    with pytest.raises(CallerError, match="after: must be 0 or the sequence"):
        shop.transitions(after=-1)
    for ask in (lambda: shop.transitions(segment_ids=["x"]), lambda: shop.size_history("x")):
        with pytest.raises(UnknownSegmentError, match="'x'"):
            ask()
    assert shop.transitions().height == 0


def test_the_commands(shop: Shop) -> None:
    fill(shop, AMERICANS)
    recorded = shop.transitions()["recorded_at"][0].isoformat()
    shop.close()
    lines = command("transitions", shop.path).stdout.splitlines()
    assert lines[0] == "sequence,segment_id,version,email,merged_into,change,cause,as_of,recorded_at"
    assert [line.split(",")[:7] for line in lines[1:]] == [
        ["1", "americans", "1", ADA, "", "entered", "first_run"],
        ["2", "americans", "1", BO, "", "entered", "first_run"],
    ]
    rest = command("transitions", shop.path, "--after", 1, "--limit", 5, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in rest] == [2]
    assert len(command("transitions", shop.path, "--limit", 1).stdout.splitlines()) == 2
    file = shop.path.parent / "t.parquet"
    assert "2 transitions written" in command("transitions", shop.path, "--out", file).stdout
    shown = json.loads(command("segments", "history", shop.path, "americans", "--json").stdout)
    assert [(item["cause"], item["entered"], item["left"], item["size"]) for item in shown] == [("first_run", 2, 0, 2)]
    assert "first_run" in command("segments", "history", shop.path, "americans").stdout
    then = command("members", shop.path, "americans", "--recorded-at", recorded).stdout
    assert then.splitlines() == ["email", ADA, BO]
    refused = command("members", shop.path, "americans", "--recorded-at", recorded, "--as-of", recorded)
    assert (refused.returncode, "give one of them" in refused.stderr) == (2, True)
